"""The screen look: lines as screenshots show them.

A line is set glyph by glyph from the atlas, in several faces, weights and sizes on one baseline. Its mask is
thickened, squeezed, tilted and scaled, then laid on a flat, graded or photo-like ground, in a pill or a box, beside
icons, rules and slices of its neighbours; the picture is blurred, sharpened, grained and compressed. The probabilities
are those of a mixture that taught a small network to read real screenshots. Each line has a budget of hardness: what
would make it unreadable to people is left out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from linelet_common.preprocess import Pixels
from linelet_synth import pixels
from linelet_synth.atlas import Atlas, Mask, Placed, Strike, ink_box, paste
from linelet_synth.colours import Colour, blend, contrast, grey, parse_colour, perturb
from linelet_synth.fonts import Face
from linelet_synth.line import Line
from linelet_synth.ornaments import cuttable, harmless, photo, plan, rounded
from linelet_synth.recipe import Recipe
from linelet_synth.rng import Rng
from linelet_synth.texts import Part, Text

Floats = NDArray[np.float32]

# Sizes that strikes are made in: close enough to look continuous, few enough to be met again soon. Lines that are
# scaled need fewer, since the scale fills the gaps.
_SIZES: tuple[int, ...] = (
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    16,
    18,
    20,
    22,
    25,
    28,
    32,
    36,
    40,
    45,
    50,
    56,
    64,
    72,
    80,
    96,
    112,
    128,
)
_COARSE: tuple[int, ...] = (14, 20, 28, 40, 56, 80, 112)
_MASTERS = (28, 40, 56, 80, 112)
_WEIGHTS = (300, 400, 400, 400, 500, 500, 600, 700, 700, 800, 900)
_COMPANION_WEIGHTS = (400, 400, 500, 700, 700, 800)
# The smallest part of a line, in pixels per em: below it people guess too.
_SMALLEST = 8.0
# A text never takes less of its picture's height than this, and no part of it has fewer pixels per em once the line is
# as high as readers see it.
_LEAST_SHARE = 0.34
_READERS_HEIGHT = 32
_SMALLEST_READ = 7.0
# Least difference of text and ground in grey levels: a reader of grey lines sees nothing else.
_LEAST_LEVELS = 45
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)


def snap(size: float, sizes: tuple[int, ...]) -> int:
    """The nearest size that strikes are made in."""
    return _nearest(round(size), sizes)


@lru_cache(maxsize=1024)
def _nearest(size: int, sizes: tuple[int, ...]) -> int:
    return min(sizes, key=lambda known: abs(known - size))


@dataclass(slots=True)
class Budget:
    """How much may still go wrong with a line."""

    left: float

    def spend(self, cost: float) -> bool:
        """Take a cost if it can be afforded."""
        if cost > self.left:
            return False
        self.left -= cost
        return True


class Screen:
    """Draws lines of the screen look."""

    def __init__(self, recipe: Recipe, faces: list[Face], companions: list[Face], atlas: Atlas, rgb: bool) -> None:
        self._look = recipe.looks.screen
        self._recipe = recipe
        # Half of the lines have a leading face, usually the one that the app has; the others share the rest.
        self._leading = [face for face in faces if face.leading]
        self._others = [face for face in faces if not face.leading] or self._leading
        self._companions = companions
        self._atlas, self._rgb = atlas, rgb
        self._slices, self._kinds = cuttable(recipe.charset), harmless(recipe.charset)
        self._backgrounds = [parse_colour(colour) for colour in recipe.palette.backgrounds]
        self._role_colours = {role: recipe.text_colours(role) for role in recipe.roles}
        self._all_colours = [parse_colour(colour) for colour in recipe.palette.text.values()]

    def plan(self, text: Text, rng: Rng) -> Callable[[], Line]:
        """What gives a line, which is drawn already: what is drawn at random next goes by the pixels so far."""
        line = self.draw(text, rng)
        return lambda: line

    def draw(self, text: Text, rng: Rng) -> Line:
        """A line, degraded."""
        look = self._look
        budget = Budget(look.hardness)
        styles: list[str] = []
        low, high = look.size
        em = low * (high / low) ** rng.random()  # sizes are perceived, and used, on a logarithmic scale
        mode = rng.random()
        if mode < 0.45:
            master, sizes = snap(em, _SIZES), _SIZES
            em, scale = float(master), 1.0
        elif mode < 0.9 or em < 16:
            master, sizes = next((m for m in _MASTERS if m >= em * 1.08), _MASTERS[-1]), _COARSE
            scale = em / master
            styles.append("downscaled")
        else:
            # Enlarged from fewer pixels than it has now, but never from so few that strokes merge.
            master, sizes = snap(max(em * rng.uniform(0.45, 0.95), 14.0), _COARSE), _COARSE
            scale = em / master
            styles.append("enlarged")
        background, colour = self._colours(text.role, rng)
        levels = abs(grey(background) - grey(colour))
        if levels < 75:
            budget.spend(0.4)
            styles.append("faint")

        face, weight = self._face(rng)
        placed, finest = self._set(text, face, weight, master, min(1.0, em / master), sizes, rng, styles)
        left, top, right, bottom = ink_box(placed)
        if right <= left:  # spaces only
            left, top, right, bottom = 0, -master, max(1, placed[-1][1] if placed else 1), 0
        low = bottom - top < 0.5 * master
        if low:  # a lone point is legible by its place on the line only
            top, bottom = min(top, round(-0.75 * master)), max(bottom, 0)
        pad = 2
        mask = np.zeros((bottom - top + 2 * pad, right - left + 2 * pad), dtype=np.uint8)
        paste(placed, mask, pad - left, pad - top)
        mask = self._thicken(mask, master, weight, rng, budget, styles)
        mask, affine = self._warp(mask, text, scale, rng, budget, styles)
        if rng.chance(0.3):
            mask = np.asarray(cv2.LUT(mask, _gamma(rng.uniform(0.65, 1.5))))
        if not low:
            mask, dx, dy = _trim(mask)
            affine[:, 2] -= (dx, dy)
        picture, x, y = self._lay(
            mask,
            em,
            scale * finest,
            self._strike(face, weight, em, _SIZES),
            background,
            colour,
            text,
            rng,
            budget,
            styles,
        )
        affine[:, 2] += affine[:, :2] @ (pad - left, pad - top) + (x, y)
        picture = self._degrade(picture, min(em, 1.7 * scale * finest), levels, rng, budget, styles)
        return Line(picture, text.text, "screen", background, colour, placed, _six(affine), face.name, em, styles)

    # Type

    def _face(self, rng: Rng) -> tuple[Face, int]:
        face = rng.choice(self._leading if rng.chance(0.5) else self._others)
        return face, face.nearest(rng.choice(_WEIGHTS))

    def _set(
        self,
        text: Text,
        face: Face,
        weight: int,
        master: int,
        shrunk: float,
        sizes: tuple[int, ...],
        rng: Rng,
        styles: list[str],
    ) -> tuple[list[Placed], int]:
        """The glyphs of a text on one baseline, at the master size, and the size of the smallest."""
        companion, companion_scale, companion_weight = face, 1.0, weight
        if self._companions and rng.chance(self._look.companions):
            companion = rng.choice(self._companions)
            companion_weight = companion.nearest(rng.choice(_COMPANION_WEIGHTS))
            if rng.chance(0.5):
                companion_scale = rng.uniform(0.85, 1.4)
            styles.append("companion")
        spacing = rng.uniform(-0.03, 0.12) if rng.chance(0.22) else 0.0
        kerned_dots = rng.uniform(0.02, 0.06) if rng.chance(0.35) else 0.0
        smallest = _SMALLEST / shrunk
        placed: list[Placed] = []
        pen, finest = 0.0, master
        for k, part in enumerate(text.parts):
            share, rise, gap, own_weight = self._part_style(text.parts, k, rng)
            part_weight = face.nearest(own_weight) if own_weight else weight
            for run, latin in _runs(part.text):
                if latin and companion is not face:
                    size = master * share * companion_scale
                    strike = self._strike(companion, own_weight or companion_weight, max(size, smallest), sizes)
                else:
                    strike = self._strike(face, part_weight, max(master * share, smallest), sizes)
                finest = min(finest, strike.size)
                if gap and placed:
                    pen += gap * master
                    gap = 0.0
                pen = _append(placed, strike, run, pen, -round(rise * master), spacing * strike.size, kerned_dots)
        return placed, finest

    def _strike(self, face: Face, weight: int, size: float, sizes: tuple[int, ...]) -> Strike:
        return self._atlas.strike(face, weight, snap(size, sizes))

    def _part_style(self, parts: tuple[Part, ...], k: int, rng: Rng) -> tuple[float, float, float, int]:
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

    def _thicken(self, mask: Mask, master: int, weight: int, rng: Rng, budget: Budget, styles: list[str]) -> Mask:
        """Fake bold, stem darkening and thinning. The mask's padding takes what grows."""
        if weight <= 500 and master >= 16 and rng.chance(0.12):
            styles.append("fake bold")
            bold = mask.copy()
            np.maximum(mask[:, :-1], mask[:, 1:], out=bold[:, 1:])
            return bold
        number = rng.random()
        if number < 0.07 and weight <= 600 and master >= 20 and budget.spend(0.15):
            styles.append("thick")
            return np.asarray(cv2.dilate(mask, np.ones((2, 2), dtype=np.uint8)))
        if 0.07 <= number < 0.13 and master >= 36 and weight >= 400 and budget.spend(0.15):
            styles.append("thin")
            return np.asarray(cv2.erode(mask, np.ones((2, 2), dtype=np.uint8)))
        return mask

    # Geometry

    def _warp(
        self, mask: Mask, text: Text, scale: float, rng: Rng, budget: Budget, styles: list[str]
    ) -> tuple[Mask, NDArray[np.float64]]:
        """Scale, squeeze, tilt and shear. Returns the mask and the affine map (2, 3) from the old one's pixels."""
        squeeze = 1.0
        if rng.chance(0.3) and budget.spend(0.1):
            squeeze = rng.uniform(0.8, 1.18)
            styles.append("squeezed")
        angle = self._angle(text, mask.shape[1] / mask.shape[0], rng)
        shear = rng.uniform(-0.2, 0.2) if rng.chance(0.05) else 0.0
        height, width = mask.shape
        affine = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        if scale != 1.0 or squeeze != 1.0:
            new = max(1, round(width * scale * squeeze)), max(1, round(height * scale))
            method = cv2.INTER_AREA if scale < 1 else rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC))
            mask = np.asarray(cv2.resize(mask, new, interpolation=method))
            affine[0, 0], affine[1, 1] = new[0] / width, new[1] / height
        if (angle or shear) and budget.spend(abs(angle) / 20 * 0.3 + abs(shear)):
            styles.append("tilted")
            mask, turn = _turn(mask, math.radians(angle), shear)
            affine = turn @ np.vstack([affine, [0.0, 0.0, 1.0]])
        return mask, affine

    def _angle(self, text: Text, aspect: float, rng: Rng) -> float:
        """Tilt in degrees. Long lines turn less: they would get too high for what they say."""
        if not rng.chance(self._look.tilted):
            return 0.0
        most = 20.0 if len(text.text) <= 6 else 8.0
        if text.parts[0].kind not in ("number", "random") and not rng.chance(0.6):
            return 0.0
        # The rise of a line's end may take as much height again as the line itself.
        most = min(most, math.degrees(math.atan(1.1 / max(aspect, 0.5))))
        return rng.uniform(-most, most)

    # Ground and surroundings

    def _lay(
        self,
        mask: Mask,
        em: float,
        finest: float,
        strike: Strike,
        background: Colour,
        colour: Colour,
        text: Text,
        rng: Rng,
        budget: Budget,
        styles: list[str],
    ) -> tuple[Pixels, int, int]:
        """The picture with the text on its ground, and where the text's mask lies in it."""
        look = self._look
        ink_height, ink_width = mask.shape
        left, top, right, bottom = _margins(em, ink_height, rng)
        short = ink_width < 4 * ink_height
        plate = rng.random()
        pill = plate < look.pills
        boxed = look.pills <= plate < look.pills + (0.12 if short else 0.02)
        inner = [0, 0, 0, 0]
        if pill or boxed:
            # The plate's own margins, then what shows of the ground around it.
            inner = [round(em * rng.uniform(*((0.05, 0.35) if k % 2 else (0.12, 0.6)))) for k in range(4)]
            outer = [round(em * rng.uniform(0.0, 0.35)) for _ in range(4)]
            left, top, right, bottom = (a + b for a, b in zip(inner, outer, strict=True))
            styles.append("pill" if pill else "box")
        # Keep the text large enough in its picture.
        highest = min(ink_height / _LEAST_SHARE, finest * _READERS_HEIGHT / _SMALLEST_READ)
        room = max(0.0, highest - ink_height)
        if top + bottom > room:
            top, bottom = int(top * room / (top + bottom)), int(bottom * room / (top + bottom))
            inner[1], inner[3] = min(inner[1], top), min(inner[3], bottom)
        around = plan(text, em, strike, self._slices, self._kinds, rng) if rng.chance(look.neighbours) else None
        if around:
            left, right = left + around.left, right + around.right
            if top + bottom + around.top + around.bottom > room:
                around.top = around.bottom = 0
            top, bottom = top + around.top, bottom + around.bottom
            styles.append("neighbours")
        height, width = ink_height + top + bottom, ink_width + left + right

        textured = rng.chance(look.textured)
        ground: Floats | None = None
        if pill or boxed or textured:
            outer_colour = self._ground_colour(background, rng) if pill or boxed else background
            amount = 0.0
            if textured:
                limit = 1.0 if pill or boxed else self._texture_limit(background, colour)
                amount = rng.uniform(0.05, 0.55) * limit
                if not (pill or boxed) and not budget.spend(0.6 * amount):
                    amount = 0.0
            ground = self._ground(height, width, outer_colour, background, colour, amount, rng, styles)
            if pill or boxed:
                plate_box = (left - inner[0], top - inner[1], left + ink_width + inner[2], top + ink_height + inner[3])
                radius = (plate_box[3] - plate_box[1]) / 2 if pill and rng.chance(0.6) else rng.uniform(0, 0.3) * em
                plate_mask = rounded(height, width, plate_box, radius)
                _cover(ground, plate_mask, self._value(background))
        whole = np.zeros((height, width), dtype=np.uint8)
        whole[top : top + ink_height, left : left + ink_width] = mask
        lcd = rng.chance(0.15)
        if lcd:
            styles.append("lcd")
        if ground is None and not around and not lcd:
            return pixels.colour_mask(whole, background, colour, self._rgb), left, top
        if ground is None:
            ground = self._flat(height, width, background)
        if around:
            other = self._beside(background, colour, rng)
            extra = around.draw(height, width, (left, top, left + ink_width, top + ink_height))
            _cover(ground, extra, self._value(other))
        _cover(ground, _subpixels(whole, self._rgb, rng.chance(0.5)) if lcd else whole, self._value(colour))
        return np.rint(ground).astype(np.uint8), left, top

    def _value(self, colour: Colour) -> Floats | float:
        return np.array(colour, dtype=np.float32) if self._rgb else float(grey(colour))

    def _flat(self, height: int, width: int, colour: Colour) -> Floats:
        if not self._rgb:
            return np.full((height, width), grey(colour), dtype=np.float32)
        ground = np.empty((height, width, 3), dtype=np.float32)
        ground[:] = colour
        return ground

    def _ground(
        self,
        height: int,
        width: int,
        base: Colour,
        background: Colour,
        colour: Colour,
        amount: float,
        rng: Rng,
        styles: list[str],
    ) -> Floats:
        """A ground around ``base``: graded or photo-like, by ``amount`` of the text's contrast."""
        ground = self._flat(height, width, base)
        if not amount:
            return ground
        reach = amount * abs(grey(background) - grey(colour))
        if rng.chance(0.5):
            styles.append("gradient")
            angle = rng.uniform(0, math.tau)
            x = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(math.cos(angle))
            y = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(math.sin(angle))
            field = (x[None, :] + y[:, None]) * np.float32(reach * 0.7)
        else:
            styles.append("photo")
            field = photo(height, width, rng) * np.float32(reach)
        if self._rgb:
            tint = np.array([rng.uniform(0.7, 1.0) for _ in range(3)], dtype=np.float32)
            ground += field[:, :, None] * tint
        else:
            ground += field
        return np.asarray(np.clip(ground, 0, 255, out=ground))

    def _texture_limit(self, background: Colour, colour: Colour) -> float:
        """The share of the text's contrast that a texture may take away."""
        levels = abs(grey(background) - grey(colour))
        return max(0.0, 1 - _LEAST_LEVELS / levels)

    # Colours

    def _colours(self, role: str, rng: Rng) -> tuple[Colour, Colour]:
        """Ground and text colour that keep the look's contrast."""
        minimum = self._look.min_contrast
        kind = rng.random()
        palette = self._recipe.palette
        base = perturb(rng.choice(self._backgrounds), palette.saturation, palette.value, rng)
        if kind < 0.5:
            background = base
            colour = rng.choice(self._role_colours[role] if rng.chance(0.85) else self._all_colours)
            if rng.chance(0.6):
                colour = next((c for c in self._role_colours[role] if legible(background, c, minimum)), colour)
        elif kind < 0.64:
            level = rng.integer(232, 255)
            background = (level, level, min(255, level + rng.integer(-6, 6))) if rng.chance(0.5) else (255, 255, 255)
            colour = base if rng.chance(0.6) else blend(_BLACK, _WHITE, rng.uniform(0.0, 0.6))
        elif kind < 0.78:
            level = rng.integer(0, 60)
            background = (level, level, min(255, level + rng.integer(0, 20)))
            colour = base if rng.chance(0.4) else blend(_BLACK, _WHITE, rng.uniform(0.5, 1.0))
        else:
            background = (rng.integer(0, 255), rng.integer(0, 255), rng.integer(0, 255))
            colour = (rng.integer(0, 255), rng.integer(0, 255), rng.integer(0, 255))
            if rng.chance(0.5):
                colour = _WHITE if grey(background) < 150 else blend(_BLACK, _WHITE, rng.uniform(0, 0.3))
        if not legible(background, colour, minimum):
            colour = max((_WHITE, _BLACK), key=lambda c: contrast(background, c))
        if rng.chance(0.25):
            paler = blend(background, colour, rng.uniform(0.45, 0.95))
            # Mostly a text stays well above the floor; few are as faint as the floor allows.
            if legible(background, paler, minimum if rng.chance(0.3) else max(minimum, 1.9)):
                colour = paler
        return background, colour

    def _ground_colour(self, background: Colour, rng: Rng) -> Colour:
        """What is around a plate: anything that is not the plate."""
        colour = rng.choice((*self._backgrounds, _WHITE, (240, 240, 242), (24, 24, 28)))
        return colour if contrast(colour, background) >= 1.1 else blend(background, _BLACK, 0.25)

    def _beside(self, background: Colour, colour: Colour, rng: Rng) -> Colour:
        """The colour of what stands beside a text."""
        if rng.chance(0.55):
            return colour if rng.chance(0.6) else blend(background, colour, rng.uniform(0.3, 0.9))
        return rng.choice((*self._backgrounds, *self._all_colours, (150, 150, 150)))

    # Pixels

    def _degrade(self, picture: Pixels, em: float, levels: int, rng: Rng, budget: Budget, styles: list[str]) -> Pixels:
        """Blur, sharpening, rescaling, grain, compression, light."""
        if rng.chance(0.25):
            sigma = rng.uniform(0.25, 0.5 + em / 48)
            if budget.spend(0.35 * sigma / (em / 24)):
                picture = pixels.gaussian(picture, 3 if sigma < 0.8 else 5, sigma)
                styles.append("blur")
        if rng.chance(0.15):
            share = rng.uniform(0.55, 0.95)
            height, width = picture.shape[:2]
            if height * share >= 12 and em * share >= 11 and budget.spend(0.3 * (1 - share) * 24 / em):
                less = max(1, round(width * share)), max(1, round(height * share))
                small = cv2.resize(picture, less, interpolation=cv2.INTER_AREA)
                method = rng.choice((cv2.INTER_LINEAR, cv2.INTER_CUBIC))
                picture = np.asarray(cv2.resize(small, (width, height), interpolation=method))
                styles.append("rescaled")
        if rng.chance(0.06):
            soft = cv2.GaussianBlur(picture, (3, 3), 1.0)
            amount = rng.uniform(0.3, 0.9)
            picture = np.asarray(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0))
            styles.append("sharpened")
        if rng.chance(0.25):
            std = rng.uniform(1.0, 10.0)
            # Grain hurts by its share of the contrast.
            if budget.spend(2.5 * std / levels):
                picture = pixels.noise(picture, std, rng.random())
                styles.append("grain")
        if rng.chance(0.3):
            quality = rng.integer(45, 97)
            if budget.spend((97 - quality) / 52 * 0.25 * 90 / (levels + 45)):
                picture = pixels.jpeg(picture, quality)
                styles.append("jpeg")
        return picture


def legible(background: Colour, colour: Colour, minimum: float) -> bool:
    """Whether both people and a reader of grey pictures can tell a text from its ground."""
    return contrast(background, colour) >= minimum and abs(grey(background) - grey(colour)) >= _LEAST_LEVELS


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


def _append(placed: list[Placed], strike: Strike, run: str, pen: float, y: int, spacing: float, dots: float) -> float:
    """Set a run of text behind what is there; returns the pen's end."""
    before = ""
    for character in run:
        if before:
            pen += strike.kerning(before + character)
            if dots and (character == "." or before == "."):
                pen -= (0.1 if before == "7" else dots) * strike.size
        mask, left, top, right, bottom, advance = strike.glyph(character)
        x = round(pen)
        placed.append((mask, x + left, y + top, x + right, y + bottom))
        pen += advance + spacing
        before = character
    return pen


def _turn(mask: Mask, angle: float, shear: float) -> tuple[Mask, NDArray[np.float64]]:
    """The mask turned and sheared on a canvas that holds all of it, and the map (2, 3) to it."""
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = np.array([[cosine, -sine + shear * cosine, 0.0], [sine, cosine + shear * sine, 0.0]])
    height, width = mask.shape
    corners = matrix[:, :2] @ np.array([[0, width, 0, width], [0, 0, height, height]], dtype=np.float64)
    low, high = corners.min(axis=1), corners.max(axis=1)
    matrix[:, 2] = 1 - low
    size = math.ceil(high[0] - low[0]) + 2, math.ceil(high[1] - low[1]) + 2
    return np.asarray(cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)), matrix


def _trim(mask: Mask) -> tuple[Mask, int, int]:
    """The mask without its empty margins, and how many columns and rows went on the left and at the top."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return mask, 0, 0
    return np.ascontiguousarray(mask[y : y + height, x : x + width]), x, y


def _six(affine: NDArray[np.float64]) -> tuple[float, float, float, float, float, float]:
    a, b, c, d, e, f = affine.ravel().tolist()
    return a, b, c, d, e, f


def _margins(em: float, ink_height: int, rng: Rng) -> tuple[int, int, int, int]:
    """Left, top, right and bottom margin in pixels."""
    if rng.chance(0.25):  # cut to the ink
        return rng.integer(0, 2), rng.integer(0, 2), rng.integer(0, 2), rng.integer(0, 2)
    kind = rng.random()
    if kind < 0.35:
        top, bottom = em * rng.uniform(0, 0.15), em * rng.uniform(0, 0.15)
    elif kind < 0.7:
        top, bottom = em * rng.uniform(0.05, 0.45), em * rng.uniform(0.05, 0.45)
    else:
        spare = max(0.0, em * rng.uniform(1.2, 1.9) - ink_height)
        place = rng.uniform(0.35, 0.65)
        top, bottom = spare * place, spare * (1 - place)
    if rng.chance(0.4):
        left, right = em * rng.uniform(0, 0.15), em * rng.uniform(0, 0.15)
    else:
        left, right = em * rng.uniform(0, 0.8), em * rng.uniform(0, 0.8)
    return round(left), round(top), round(right), round(bottom)


def _cover(ground: Floats, mask: NDArray[np.uint8], value: Floats | float) -> None:
    """Lay a colour over the ground where the mask says, in place."""
    share = mask * np.float32(1 / 255)
    if ground.ndim == 3 and share.ndim == 2:
        share = share[:, :, None]
    ground += (value - ground) * share


def _subpixels(mask: Mask, rgb: bool, reversed_order: bool) -> NDArray[np.uint8]:
    """LCD antialiasing: the three subpixels of a pixel see the text a third of a pixel apart."""
    if not rgb:
        return np.asarray(cv2.blur(mask, (3, 1)))
    shifted = [
        cv2.filter2D(mask, -1, np.array([kernel], dtype=np.float32))
        for kernel in ((1 / 3, 2 / 3, 0.0), (1 / 6, 2 / 3, 1 / 6), (0.0, 2 / 3, 1 / 3))
    ]
    return np.asarray(cv2.merge(shifted[::-1] if reversed_order else shifted))


@lru_cache(maxsize=64)
def _gamma_table(hundredths: int) -> NDArray[np.uint8]:
    return np.rint(255 * (np.arange(256) / 255) ** (hundredths / 100)).astype(np.uint8)


def _gamma(exponent: float) -> NDArray[np.uint8]:
    """A table that thins (exponent above 1) or strengthens the edges of a mask."""
    return _gamma_table(round(exponent * 20) * 5)
