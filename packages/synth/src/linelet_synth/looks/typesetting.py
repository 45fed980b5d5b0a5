"""Setting a text glyph by glyph from the atlas: several faces, weights and sizes on one baseline."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from linelet_common.bidi import arrange
from linelet_synth.atlas import SPACES, Atlas, Placed, Strike
from linelet_synth.fonts import Face
from linelet_synth.looks.draft import Draft
from linelet_synth.recipe_faces import Fallback
from linelet_synth.rng import Rng
from linelet_synth.shaping import is_complex
from linelet_synth.texts import Part, Text

# Sizes that strikes are made in: close enough to look continuous, few enough to be met again soon. Lines that are
# scaled need fewer, since the scale fills the gaps.
SIZES = (8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 22, 25, 28, 32, 36, 40, 45, 50, 56, 64, 72, 80, 96, 112, 128)
COARSE = (14, 20, 28, 40, 56, 80, 112)
_MASTERS = (28, 40, 56, 80, 112)
_WEIGHTS = (300, 400, 400, 400, 500, 500, 600, 700, 700, 800, 900)
_COMPANION_WEIGHTS = (400, 400, 500, 700, 700, 800)
# Characters outside the charset are thousands, so that their lines take fewer sizes and weights, or each would be
# rasterised anew. What is inside the charset is drawn alike in the same line: nothing but its shape tells it apart.
_FEW_SIZES = (10, 12, 14, 17, 20, 28, 40)
_FEW_WEIGHTS = (400, 400, 700)
# The least size of type for a line of numbers only, as labels of charts have it.
_TINY = (9.5, 12.0)
# In em: wider gaps between letters are taken for a space, of which common fonts have 0.2 to 0.3.
_NO_SPACE, _SPACE = 0.06, 0.25
# The smallest part of a line, in pixels per em: below it people guess too.
_SMALLEST = 8.0


def snap(size: float, sizes: tuple[int, ...]) -> int:
    """The nearest size that strikes are made in."""
    return _nearest(round(size), sizes)


@lru_cache(maxsize=1024)
def _nearest(size: int, sizes: tuple[int, ...]) -> int:
    return min(sizes, key=lambda known: abs(known - size))


def choose_size(size: tuple[float, float], text: Text, rng: Rng) -> tuple[float, int, tuple[int, ...], list[str]]:
    """A line's em in its picture, the master size its glyphs are rasterised in, the sizes of that, and its style."""
    smallest, largest = size
    if text.parts[0].kind == "number" and text.spans is None and rng.chance(0.07):
        smallest, largest = min(smallest, _TINY[0]), min(largest, _TINY[1])
    exact: tuple[int, ...] = SIZES
    if text.spans is not None:
        exact = _FEW_SIZES
        smallest, largest = max(smallest, text.smallest), max(smallest, text.smallest, min(largest, exact[-1]))
    em = smallest * (largest / smallest) ** rng.random()  # sizes are perceived, and used, on a logarithmic scale
    mode = rng.random()
    if mode < 0.45:
        master = snap(em, exact)
        return float(master), master, exact, []
    if mode < 0.9 or em < 16:
        master = next((m for m in _MASTERS if m >= em * 1.08), _MASTERS[-1])
        return em, master, COARSE, ["downscaled"]
    # Enlarged from fewer pixels than it has now, but never from so few that strokes merge.
    return em, snap(max(em * rng.uniform(0.45, 0.95), 14.0), COARSE), COARSE, ["enlarged"]


class _Run(NamedTuple):
    """Characters of one strike, the gap before them and their rise above the baseline in pixels."""

    text: str
    strike: Strike
    gap: float
    rise: int


class Typesetter:
    """Sets texts.

    families: the faces of texts, an empty name those of the recipe. companions: the faces for digits and Latin letters,
    used in ``share`` of the lines set in those. fallback: gives those for characters that a line's own faces lack.
    rtl: lines run from right to left.
    """

    def __init__(
        self,
        families: Mapping[str, list[Face]],
        companions: list[Face],
        fallback: Fallback,
        atlas: Atlas,
        share: float,
        spaced: bool = False,
        rtl: bool = False,
    ) -> None:
        # Half of the lines have a primary face, usually the one that the app has; the others share the rest.
        self._primary = {name: [face for face in faces if face.primary] for name, faces in families.items()}
        self._others = {
            name: [face for face in faces if not face.primary] or self._primary[name]
            for name, faces in families.items()
        }
        self._clear = {name: [face for face in faces if not face.ambiguous] for name, faces in families.items()}
        self._companions, self._share, self._spaced, self._rtl = companions, share, spaced, rtl
        self._all_clear = not any(face.ambiguous for face in companions)
        self._fallback, self._atlas = fallback, atlas

    def face(self, text: Text, rng: Rng) -> tuple[Face, int]:
        """A line's face and its weight."""
        face = rng.choice((self._primary if rng.chance(0.5) else self._others)[text.family])
        if face.ambiguous and not face.ambiguous.isdisjoint(text.drawn):
            face = rng.choice(self._clear[text.family])
        return face, face.nearest(rng.choice(_WEIGHTS if text.spans is None else _FEW_WEIGHTS))

    def strike(self, face: Face, weight: int, size: float, sizes: tuple[int, ...] = SIZES) -> Strike:
        """The strike of a face in the nearest of the sizes."""
        return self._atlas.strike(face, weight, snap(size, sizes))

    def set(self, draft: Draft, face: Face, weight: int) -> list[Placed]:
        """The glyphs of a line's text on one baseline, at the master size; notes the size of the smallest.

        They are in the order seen.
        """
        rng, master, sizes, parts = draft.rng, draft.master, draft.sizes, draft.text.parts
        outside = draft.text.spans is not None
        companion, companion_scale, companion_weight = face, 1.0, weight
        companions = self._companions_of(draft.text)
        if companions and rng.chance(self._share):
            companion = rng.choice(companions)
            companion_weight = companion.nearest(rng.choice(_COMPANION_WEIGHTS))
            if rng.chance(0.5):
                companion_scale = rng.uniform(0.85, 1.4)
            draft.styles.append("companion")
        spacing = rng.uniform(-0.03, 0.12) if rng.chance(0.22) else 0.0
        kerned_dots = rng.uniform(0.02, 0.06) if rng.chance(0.35) else 0.0
        smallest = _SMALLEST / min(1.0, draft.scale)
        runs: list[_Run] = []
        for k, part in enumerate(parts):
            share, rise, gap, own_weight = _part_style(parts, k, rng)
            if outside and own_weight:
                own_weight = _nearest(own_weight, _FEW_WEIGHTS)
            part_weight = face.nearest(own_weight) if own_weight else weight
            for run, run_face in self._faces_of(part.text, face, companion, outside, rng):
                if run_face is companion and companion is not face:
                    size = master * share * companion_scale
                    strike = self.strike(companion, own_weight or companion_weight, max(size, smallest), sizes)
                else:
                    strike = self.strike(run_face, part_weight, max(master * share, smallest), sizes)
                draft.finest = min(draft.finest, strike.size)
                own_gap = 0.0
                if gap and runs:
                    if self._spaced and not (runs[-1].text[-1:].isspace() or run[:1].isspace()):
                        gap = min(gap, _NO_SPACE)
                    own_gap, gap = gap * master, 0.0
                runs.append(_Run(run, strike, own_gap, round(rise * master)))
        return self._place(runs, master, spacing, kerned_dots)

    def _place(self, runs: Sequence[_Run], master: int, spacing: float, dots: float) -> list[Placed]:
        """Glyphs of runs, one after the other, in the order seen."""
        placed: list[Placed] = []
        pen = 0.0
        if not self._rtl:
            for text, strike, gap, rise in runs:
                pen += gap
                start = len(placed)
                pen = _append(placed, strike, text, (pen, -rise), spacing * strike.size, dots)
                if self._spaced and " " in text:
                    pen += _widen(placed, start, text, strike.size, master)
            return placed
        for stretch in arrange([run.text for run in runs]):
            _, strike, gap, rise = runs[stretch.part]
            gap = gap if stretch.first else 0.0
            start = len(placed)
            if stretch.rtl:  # the gap before it is at its right
                pen = strike.append_words(placed, stretch.text, pen, -rise, True) + gap
            else:
                pen = _append(placed, strike, stretch.text, (pen + gap, -rise), spacing * strike.size, dots)
            if self._spaced and " " in stretch.text:
                pen += _widen(placed, start, stretch.seen, strike.size, master)
        return placed

    def _companions_of(self, text: Text) -> list[Face]:
        """The companions that a text may have: none where its fonts are its own."""
        if text.family:
            return []
        if self._all_clear:
            return self._companions
        drawn = text.drawn
        return [face for face in self._companions if face.ambiguous.isdisjoint(drawn)]

    def _faces_of(self, text: str, face: Face, companion: Face, outside: bool, rng: Rng) -> Iterator[tuple[str, Face]]:
        """Stretches of a text, each with its face."""
        for run, latin in _runs(text):
            own = companion if latin else face
            if outside:
                yield from self._fallback.runs(run, own, rng)
            else:
                yield from own.runs(run)


def _part_style(parts: tuple[Part, ...], k: int, rng: Rng) -> tuple[float, float, float, int]:
    """A part's size as a share of the line's, its rise and the gap before it in em, and its own weight or 0."""
    part = parts[k]
    share, rise, gap, weight = 1.0, 0.0, 0.0, 0
    if k == 0 or part.kind == "mark":
        return share, rise, gap, weight
    if part.kind == "unit":
        if rng.chance(0.6):
            share = rng.uniform(0.35, 0.9)
            if rng.chance(0.12):
                rise = (1 - share) * rng.uniform(0.1, 0.7)
        if rng.chance(0.35):
            gap = rng.uniform(0.0, 0.5)
        if rng.chance(0.4):
            weight = rng.choice((300, 400, 400, 500))
    elif part.kind == "word":
        if rng.chance(0.75):
            share = rng.uniform(0.45, 1.0)
        if rng.chance(0.5):
            gap = rng.uniform(0.0, 0.6)
        if rng.chance(0.3):
            weight = rng.choice(_WEIGHTS)
    elif parts[k - 1].kind != "mark":
        if rng.chance(0.5):
            share = rng.uniform(0.75, 1.5)
        if rng.chance(0.4):
            gap = rng.uniform(0.0, 0.5)
        if rng.chance(0.4):
            weight = rng.choice(_WEIGHTS)
    return share, rise, gap, weight


def _runs(text: str) -> list[tuple[str, bool]]:
    """Stretches of ASCII, with spaces of any width, and of other characters."""
    runs: list[tuple[str, bool]] = []
    for character in text:
        latin = character < "\x80" or character in SPACES
        if runs and runs[-1][1] == latin:
            runs[-1] = (runs[-1][0] + character, latin)
        else:
            runs.append((character, latin))
    return runs


def _widen(placed: list[Placed], start: int, run: str, size: int, master: int) -> float:
    """Make a smaller run's spaces as wide as those of the line's main size; returns by how much in all."""
    more = max(0.0, _SPACE * (master - size))
    moved = 0.0
    for k, character in enumerate(run, start):
        mask, x0, y0, x1, y1 = placed[k]
        pixels = round(moved)
        placed[k] = (mask, x0 + pixels, y0, x1 + pixels, y1)
        moved += more * (character == " ")
    return moved


def _append(
    placed: list[Placed], strike: Strike, run: str, pen: tuple[float, int], spacing: float, dots: float
) -> float:
    """Set a run of text from the pen's x and baseline on; returns the x of its end."""
    x, y = pen
    before = ""
    if is_complex(run):
        return strike.append_words(placed, run, x, y)
    if strike.shaper:  # kerning is as the face has it: dots stand no closer
        return strike.append_shaped(placed, run, x, y, spacing)
    for character in run:
        if before:
            x += strike.kerning(before + character)
            if dots and (character == "." or before == "."):
                x -= (0.1 if before == "7" else dots) * strike.size
        mask, left, top, right, bottom, advance = strike.glyph(character)
        pixel = round(x)
        placed.append((mask, pixel + left, y + top, pixel + right, y + bottom))
        x += advance + spacing
        before = character
    return x
