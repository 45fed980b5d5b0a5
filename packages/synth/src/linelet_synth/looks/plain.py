"""The plain look: one face and one size per line on a flat background, and five degradations.

Text is inside the picture whatever its length: a line that is too wide for its canvas is set in the look's smallest
size, and still too wide, it gets a wider canvas. Set smaller yet, and blurred, nobody could read it. Seen at a reader's
height it has three frames for two characters, or its canvas is wider: with one for each they run together.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linelet_synth import pixels
from linelet_synth.atlas import Atlas, Placed, ink_box, paste, set_line
from linelet_synth.colours import choose_text_colour, parse_colour, perturb
from linelet_synth.fonts import Face
from linelet_synth.labels import least_width
from linelet_synth.line import Line
from linelet_synth.recipe import Recipe
from linelet_synth.recipe_faces import Fallback
from linelet_synth.rng import Rng
from linelet_synth.texts import Text, spans_seen

# From here on JPEG's coarsest step for a block's mean is under 8, half of which rounds away: flat grey stays as it is.
_FLAT_QUALITY = 80
_NOT_DRAWN = np.zeros((0, 0), dtype=np.uint8)


class _Effects(NamedTuple):
    """The five degradations of a line."""

    blur: tuple[int, float] | None  # kernel size in pixels, sigma
    kernel: NDArray[np.float32] | None  # of motion blur
    quality: int  # of JPEG; 0: none
    noise: tuple[float, float]  # standard deviation in grey levels, where the grain is cut from
    light: tuple[float, float]  # contrast, brightness


def _choose(d: SimpleNamespace, rng: Rng) -> _Effects:
    """A line's degradations, drawn at random by their shares."""
    blur = (rng.choice((3, 5)), rng.uniform(*d.blur_sigma)) if rng.chance(d.blur) else None
    kernel = rng.choice(pixels.motion_kernels()[rng.choice((3, 5))]) if rng.chance(d.motion) else None
    quality = rng.integer(*d.jpeg_quality) if rng.chance(d.jpeg) else 0
    std = rng.uniform(*d.noise_std) if rng.chance(d.noise) else 0.0
    contrast, brightness = 1.0, 0.0
    if rng.chance(d.light):
        contrast = 1 + rng.uniform(-d.contrast, d.contrast)
        brightness = 255 * rng.uniform(-d.brightness, d.brightness)
    return _Effects(blur, kernel, quality, (std, rng.random() if std else 0.0), (contrast, brightness))


class Plain:
    """Draws lines of the plain look."""

    def __init__(
        self, recipe: Recipe, families: Mapping[str, list[Face]], atlas: Atlas, rgb: bool, fallback: Fallback
    ) -> None:
        # Copies, since every access to a pydantic model's attribute costs as much as a random draw.
        self._look = SimpleNamespace(**dict(recipe.looks.plain))
        self._degradation = SimpleNamespace(**dict(recipe.looks.plain.degradation))
        self._saturation, self._value = recipe.palette.saturation, recipe.palette.value
        self._backgrounds = [parse_colour(colour) for colour in recipe.palette.backgrounds]
        self._colours = {role: recipe.text_colours(role) for role in recipe.roles}
        self._all_colours = tuple(parse_colour(colour) for colour in recipe.palette.text.values())
        # A role's weight takes the faces that come nearest to it: files of one weight each make up a family.
        self._faces: dict[tuple[str, str], list[tuple[Face, int]]] = {
            (name, role): _weighed([face for face in faces if face.primary], table.weights)
            for name, faces in families.items()
            for role, table in recipe.roles.items()
        }
        self._clear = {
            (name, role): _weighed([face for face in faces if face.primary and not face.ambiguous], table.weights)
            for name, faces in families.items()
            for role, table in recipe.roles.items()
        }
        self._atlas, self._rgb, self._fallback = atlas, rgb, fallback
        self._rtl = recipe.direction == "rtl"

    def plan(self, text: Text, rng: Rng) -> Callable[[], Line]:
        """Decide a line, all that is random in it; what is returned draws it."""
        look, d, words = self._look, self._degradation, text.drawn
        background = perturb(rng.choice(self._backgrounds), self._saturation, self._value, rng)
        colour, _ = choose_text_colour(background, self._colours[text.role], self._all_colours, look.min_contrast)
        family = text.family, text.role
        face, weight = rng.choice(self._faces[family])
        if face.ambiguous and not face.ambiguous.isdisjoint(words):
            face, weight = rng.choice(self._clear[family])
        size = rng.integer(*look.size)
        if text.spans is not None:
            # Few strikes: characters outside the charset are many.
            size, weight = max(look.size[0], size & -8), 700 if weight > 550 else 400
        cropped = rng.chance(look.cropped)
        runs = [*face.runs(words)] if text.spans is None else self._fallback.runs(words, face, rng)
        placed, box = self._set(runs, weight, size)
        if cropped:
            em = size
            if box[3] - box[1] < 0.5 * em:  # a lone point is legible by its place on the line only
                box = (box[0], min(box[1], round(-0.75 * em)), box[2], max(box[3], 0))
            margins = [round(em * rng.uniform(0.08, 0.6)) for _ in range(4)]
            width, height = box[2] - box[0] + margins[0] + margins[2], box[3] - box[1] + margins[1] + margins[3]
            wider = max(0, least_width(text.text, height) - width)
            width, x, y = width + wider, margins[0] + wider // 2, margins[1]
        else:
            width, height = look.canvas
            smallest = look.size[0]
            while size > smallest and (box[2] - box[0] > width or box[3] - box[1] > height):
                shrink = min(width / (box[2] - box[0]), height / (box[3] - box[1]))
                # Even sizes: half as many strikes to make.
                size = max(smallest, min(size - 1, int(size * shrink)) & -2)
                placed, box = self._set(runs, weight, size)
            height = max(height, box[3] - box[1])
            width = max(width, box[2] - box[0], least_width(text.text, height) * 3 // 2)
            x, y = (width - (box[2] - box[0])) // 2, (height - (box[3] - box[1])) // 2
        effects = _choose(d, rng)
        # One pixel more: at a border, blur mirrors what is inside.
        halo = 1 + (effects.blur[0] // 2 if effects.blur else 0)
        halo += len(effects.kernel) // 2 if effects.kernel is not None else 0
        area = _area(x, y, box[2] - box[0], box[3] - box[1], halo, width, height)
        move = x - box[0], y - box[1]
        affine = (1.0, 0.0, move[0], 0.0, 1.0, move[1])
        spans = spans_seen(text) if self._rtl else text.spans
        line = Line(_NOT_DRAWN, text.text, "plain", background, colour, placed, affine, face.name, size, spans=spans)
        # Not a function within this one: what it shared with this one would slow both, by 3 us per line.
        return partial(self._draw, line, (height, width), move, area, effects)

    def _draw(
        self,
        line: Line,
        size: tuple[int, int],
        move: tuple[int, int],
        area: tuple[slice, slice],
        effects: _Effects,
    ) -> Line:
        mask = np.zeros(size, dtype=np.uint8)
        paste(line.placed, mask, *move)
        picture = pixels.colour_mask(mask, line.background, line.colour, self._rgb)
        blur, kernel, quality, noise, light = effects
        ink = picture[area]
        if blur:
            pixels.gaussian(ink, *blur, out=ink)
        if kernel is not None:
            pixels.motion(ink, kernel, out=ink)
        # JPEG in grey leaves flat background as it is, in colour it may shift it by a level.
        if quality >= _FLAT_QUALITY and not self._rgb:
            ink[:] = pixels.jpeg(ink, quality)
        elif quality:
            picture = pixels.jpeg(picture, quality)
        if noise[0]:  # one pass for both
            picture = pixels.noise(picture, *noise, *light)
        elif light != (1.0, 0.0):
            picture = pixels.light(picture, *light)
        line.picture = picture
        return line

    def _set(
        self, runs: Sequence[tuple[str, Face]], weight: int, size: int
    ) -> tuple[list[Placed], tuple[int, int, int, int]]:
        placed, pen = set_line([(text, self._atlas.strike(face, weight, size)) for text, face in runs], self._rtl)
        box = ink_box(placed)
        # A label of spaces only has no ink; its picture shows their width.
        return placed, box if box[2] > box[0] else (0, -size, max(1, pen), 0)


def _weighed(faces: list[Face], weights: Sequence[int]) -> list[tuple[Face, int]]:
    return [(face, weight) for weight in weights for face in _nearest(faces, weight)]


def _nearest(faces: list[Face], weight: int) -> list[Face]:
    distance = min(abs(face.nearest(weight) - weight) for face in faces)
    return [face for face in faces if abs(face.nearest(weight) - weight) == distance]


def _area(
    x: int, y: int, width: int, height: int, halo: int, whole_width: int, whole_height: int
) -> tuple[slice, slice]:
    """Rows and columns of what blur and JPEG can change around a text: its halo, out to whole blocks of 8.

    The blocks begin at the halo, not at the picture's corner: lines are cut from screenshots that were compressed.
    """
    left, top = max(0, x - halo), max(0, y - halo)
    right, bottom = x + width + halo, y + height + halo
    right, bottom = right + (left - right) % 8, bottom + (top - bottom) % 8
    return slice(top, min(bottom, whole_height)), slice(left, min(right, whole_width))
