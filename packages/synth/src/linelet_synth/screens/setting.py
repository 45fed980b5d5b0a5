"""Setting lines for screens: runs of several sizes, weights and colours on one baseline, each character in a face that
has it.

A page has one face for what the recipe's faces cover and one for Latin letters and digits; characters of neither come
from any bundled face. Sizes are snapped to those that strikes are made in.
"""

from dataclasses import dataclass

from linelet_synth.atlas import SPACES, Atlas, Placed, Strike
from linelet_synth.colours import Colour
from linelet_synth.fonts import Face

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
    """The faces of one page. spacing: extra pixels per em between letters."""

    main: Face
    latin: Face
    rest: tuple[Face, ...]
    scale: float = 1.0  # of the Latin face
    spacing: float = 0.0

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
