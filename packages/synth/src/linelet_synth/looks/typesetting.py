"""Setting a text glyph by glyph from the atlas: several faces, weights and sizes on one baseline."""

from functools import lru_cache

from linelet_synth.atlas import Atlas, Placed, Strike
from linelet_synth.fonts import Face
from linelet_synth.looks.draft import Draft
from linelet_synth.rng import Rng
from linelet_synth.texts import Part

# Sizes that strikes are made in: close enough to look continuous, few enough to be met again soon. Lines that are
# scaled need fewer, since the scale fills the gaps.
SIZES = (8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 22, 25, 28, 32, 36, 40, 45, 50, 56, 64, 72, 80, 96, 112, 128)
COARSE = (14, 20, 28, 40, 56, 80, 112)
_MASTERS = (28, 40, 56, 80, 112)
_WEIGHTS = (300, 400, 400, 400, 500, 500, 600, 700, 700, 800, 900)
_COMPANION_WEIGHTS = (400, 400, 500, 700, 700, 800)
# The smallest part of a line, in pixels per em: below it people guess too.
_SMALLEST = 8.0


def snap(size: float, sizes: tuple[int, ...]) -> int:
    """The nearest size that strikes are made in."""
    return _nearest(round(size), sizes)


@lru_cache(maxsize=1024)
def _nearest(size: int, sizes: tuple[int, ...]) -> int:
    return min(sizes, key=lambda known: abs(known - size))


def choose_size(size: tuple[float, float], rng: Rng) -> tuple[float, int, tuple[int, ...], list[str]]:
    """A line's em in its picture, the master size its glyphs are rasterised in, the sizes of that, and its style."""
    smallest, largest = size
    em = smallest * (largest / smallest) ** rng.random()  # sizes are perceived, and used, on a logarithmic scale
    mode = rng.random()
    if mode < 0.45:
        master = snap(em, SIZES)
        return float(master), master, SIZES, []
    if mode < 0.9 or em < 16:
        master = next((m for m in _MASTERS if m >= em * 1.08), _MASTERS[-1])
        return em, master, COARSE, ["downscaled"]
    # Enlarged from fewer pixels than it has now, but never from so few that strokes merge.
    return em, snap(max(em * rng.uniform(0.45, 0.95), 14.0), COARSE), COARSE, ["enlarged"]


class Typesetter:
    """Sets texts. companions: the faces for digits and Latin letters, used in ``share`` of the lines."""

    def __init__(self, faces: list[Face], companions: list[Face], atlas: Atlas, share: float) -> None:
        # Half of the lines have a primary face, usually the one that the app has; the others share the rest.
        self._primary = [face for face in faces if face.primary]
        self._others = [face for face in faces if not face.primary] or self._primary
        self._companions, self._share = companions, share
        self._atlas = atlas

    def face(self, rng: Rng) -> tuple[Face, int]:
        """A line's face and its weight."""
        face = rng.choice(self._primary if rng.chance(0.5) else self._others)
        return face, face.nearest(rng.choice(_WEIGHTS))

    def strike(self, face: Face, weight: int, size: float, sizes: tuple[int, ...] = SIZES) -> Strike:
        """The strike of a face in the nearest of the sizes."""
        return self._atlas.strike(face, weight, snap(size, sizes))

    def set(self, draft: Draft, face: Face, weight: int) -> list[Placed]:
        """The glyphs of a line's text on one baseline, at the master size; notes the size of the smallest."""
        rng, master, sizes, parts = draft.rng, draft.master, draft.sizes, draft.text.parts
        companion, companion_scale, companion_weight = face, 1.0, weight
        if self._companions and rng.chance(self._share):
            companion = rng.choice(self._companions)
            companion_weight = companion.nearest(rng.choice(_COMPANION_WEIGHTS))
            if rng.chance(0.5):
                companion_scale = rng.uniform(0.85, 1.4)
            draft.styles.append("companion")
        spacing = rng.uniform(-0.03, 0.12) if rng.chance(0.22) else 0.0
        kerned_dots = rng.uniform(0.02, 0.06) if rng.chance(0.35) else 0.0
        smallest = _SMALLEST / min(1.0, draft.scale)
        placed: list[Placed] = []
        pen = 0.0
        for k, part in enumerate(parts):
            share, rise, gap, own_weight = _part_style(parts, k, rng)
            part_weight = face.nearest(own_weight) if own_weight else weight
            for run, latin in _runs(part.text):
                if latin and companion is not face:
                    size = master * share * companion_scale
                    strike = self.strike(companion, own_weight or companion_weight, max(size, smallest), sizes)
                else:
                    strike = self.strike(face, part_weight, max(master * share, smallest), sizes)
                draft.finest = min(draft.finest, strike.size)
                if gap and placed:
                    pen += gap * master
                    gap = 0.0
                pen = _append(placed, strike, run, (pen, -round(rise * master)), spacing * strike.size, kerned_dots)
        return placed


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
    """Stretches of ASCII and of other characters."""
    runs: list[tuple[str, bool]] = []
    for character in text:
        latin = character < "\x80"
        if runs and runs[-1][1] == latin:
            runs[-1] = (runs[-1][0] + character, latin)
        else:
            runs.append((character, latin))
    return runs


def _append(
    placed: list[Placed], strike: Strike, run: str, pen: tuple[float, int], spacing: float, dots: float
) -> float:
    """Set a run of text from the pen's x and baseline on; returns the x of its end."""
    x, y = pen
    before = ""
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
