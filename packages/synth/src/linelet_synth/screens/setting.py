"""Setting lines for screens: runs of several sizes, weights and colours on one baseline, each character in a face that
has it.

A page has one face for what the recipe's faces cover and one for Latin letters and digits; characters of neither come
from any bundled face. Sizes are snapped to those that strikes are made in.
"""

from dataclasses import dataclass

from linelet_common.bidi import Stretch, arrange
from linelet_synth.atlas import SPACES, Atlas, Placed, Strike, ink_box, set_text
from linelet_synth.colours import Colour
from linelet_synth.fonts import Face
from linelet_synth.shaping import is_complex

# Every pixel at small sizes, where one pixel is a lot, then in steps of a tenth.
SIZES = (
    6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 40, 45, 50, 56, 64, 72, 80, 90, 100,
    112, 128, 144, 160, 180, 200,
)  # fmt: skip


def snap(size: float) -> int:
    """The nearest size that strikes are made in."""
    return _NEAREST[min(len(_NEAREST) - 1, max(0, round(size)))]


_NEAREST = [min(SIZES, key=lambda known: abs(known - size)) for size in range(SIZES[-1] + 1)]


@dataclass(slots=True)
class Run:
    """A stretch of a line in one style. size: pixels per em; gap: pixels before it; rise: above the baseline."""

    text: str
    size: float
    weight: int
    colour: Colour
    gap: float = 0.0
    rise: float = 0.0


@dataclass(slots=True)
class Typeface:
    """The faces of one page. spacing: extra pixels per em between letters; rtl: lines run from right to left."""

    main: Face
    latin: Face
    rest: tuple[Face, ...]
    scale: float = 1.0  # of the Latin face
    spacing: float = 0.0
    rtl: bool = False

    def face(self, character: str) -> Face | None:
        """The face that draws a character; None if no face does."""
        if character < "\x80" and character in self.latin.characters:
            return self.latin
        if character in self.main.characters:
            return self.main
        if character in self.latin.characters:
            return self.latin
        for face in self.rest:
            if character in face.characters:
                return face
        return self.main if character in SPACES else None


@dataclass(slots=True)
class Set:
    """Glyphs by colour from x = 0 on the baseline y = 0, the pen's end, and the ink: left, top, right, bottom."""

    text: str
    runs: list[tuple[list[Placed], Colour]]
    advance: int
    ink: tuple[int, int, int, int]


def set_runs(atlas: Atlas, typeface: Typeface, runs: list[Run]) -> Set | None:
    """A line of runs. None if a character has no face, or nothing of it has ink."""
    if typeface.rtl or any(is_complex(run.text) for run in runs):
        return _set_shaped(atlas, typeface, runs)
    pen = 0.0
    placed_runs: list[tuple[list[Placed], Colour]] = []
    left = top = 1 << 30
    right = bottom = -left
    main, latin = typeface.main, typeface.latin
    for run in runs:
        placed: list[Placed] = []
        pen += run.gap
        rise, spacing = round(run.rise), typeface.spacing * run.size
        face: Face | None = None
        strike: Strike | None = None
        before = ""
        for character in run.text:
            if face is None or not (face is latin or (face is main and character >= "\x80")) or (
                character not in face.characters
            ):  # fmt: skip
                found = typeface.face(character)
                if found is None:
                    return None
                if found is not face:
                    face, before = found, ""
                    size = run.size * typeface.scale if face is latin and latin is not main else run.size
                    strike = atlas.strike(face, run.weight, snap(size))
            assert strike is not None
            if before:
                pen += strike.kerning(before + character) if strike.kerned else 0
            mask, x0, y0, x1, y1, advance = strike.glyph(character)
            x = round(pen)
            if x1 > x0:
                placed.append((mask, x + x0, y0 - rise, x + x1, y1 - rise))
                left, right = min(left, x + x0), max(right, x + x1)
                top, bottom = min(top, y0 - rise), max(bottom, y1 - rise)
            pen += advance + spacing
            before = character
        placed_runs.append((placed, run.colour))
    if right <= left:
        return None
    return Set("".join([run.text for run in runs]), placed_runs, round(pen), (left, top, right, bottom))


def _set_shaped(atlas: Atlas, typeface: Typeface, runs: list[Run]) -> Set | None:
    """A line of a script that is shaped, or from right to left: a stretch of one face and one direction at a time."""
    pieces: list[tuple[str, Face, int]] = []  # characters, their face, the number of their run
    for number, run in enumerate(runs):
        for character in run.text:
            face = typeface.face(character)
            if face is None:
                return None
            if pieces and pieces[-1][1:] == (face, number):
                pieces[-1] = (pieces[-1][0] + character, face, number)
            else:
                pieces.append((character, face, number))
    texts = [text for text, _, _ in pieces]
    stretches = arrange(texts) if typeface.rtl else [Stretch(k, text, False, True) for k, text in enumerate(texts)]
    pen = 0
    placed_runs: list[tuple[list[Placed], Colour]] = []
    for stretch in stretches:
        _, face, number = pieces[stretch.part]
        run = runs[number]
        begins = stretch.first and (stretch.part == 0 or pieces[stretch.part - 1][2] != number)
        gap, rise = round(run.gap) if begins else 0, round(run.rise)
        scale = typeface.scale if face is typeface.latin and face is not typeface.main else 1.0
        strike = atlas.strike(face, run.weight, snap(run.size * scale))
        if stretch.rtl:  # the gap before it is at its right
            placed: list[Placed] = []
            pen = round(strike.append_words(placed, stretch.text, pen, -rise, True)) + gap
        else:
            glyphs, end = set_text(strike, stretch.text)
            pen += gap
            placed = [(mask, x0 + pen, y0 - rise, x1 + pen, y1 - rise) for mask, x0, y0, x1, y1 in glyphs]
            pen += end
        placed_runs.append(([glyph for glyph in placed if glyph[3] > glyph[1]], run.colour))
    ink = ink_box([glyph for placed, _ in placed_runs for glyph in placed])
    return Set("".join(run.text for run in runs), placed_runs, pen, ink) if ink[2] > ink[0] else None
