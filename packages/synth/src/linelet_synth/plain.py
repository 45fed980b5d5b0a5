"""The plain look: one face and size a line on a flat background, and the reference's five degradations.

Text is inside the picture whatever its length: a line that is too wide for its canvas is set in the look's smallest
size, and still too wide, it gets a wider canvas. Set smaller yet, and blurred, nobody could read it.
"""

import numpy as np

from linelet_common.preprocess import Pixels
from linelet_synth import pixels
from linelet_synth.atlas import Atlas, Placed, ink_box, paste, set_text
from linelet_synth.colours import Colour, choose_text_colour, grey, parse_colour, perturb
from linelet_synth.dice import Dice
from linelet_synth.fonts import Face
from linelet_synth.line import Line
from linelet_synth.recipe import Degradation, Recipe
from linelet_synth.texts import Text

# From here on JPEG's coarsest step for a block's mean is under 8, half of which rounds away: flat grey stays as it is.
_FLAT_QUALITY = 80


class Plain:
    """Draws lines of the plain look."""

    def __init__(self, recipe: Recipe, faces: list[Face], atlas: Atlas, rgb: bool) -> None:
        self._look = recipe.looks.plain
        self._palette = recipe.palette
        self._backgrounds = [parse_colour(colour) for colour in recipe.palette.backgrounds]
        self._colours = {role: recipe.text_colours(role) for role in recipe.roles}
        self._all_colours = tuple(parse_colour(colour) for colour in recipe.palette.text.values())
        leading = [face for face in faces if face.leading]
        # A role's weight takes the faces that come nearest to it: files of one weight each make up a family.
        self._faces: dict[str, list[tuple[Face, int]]] = {
            role: [(face, w) for w in table.weights for face in _nearest(leading, w)]
            for role, table in recipe.roles.items()
        }
        self._atlas, self._rgb = atlas, rgb

    def draw(self, text: Text, dice: Dice) -> Line:
        """A line, degraded."""
        look, words = self._look, text.text
        background = perturb(dice.pick(self._backgrounds), self._palette.saturation, self._palette.value, dice)
        colour, _ = choose_text_colour(background, self._colours[text.role], self._all_colours, look.min_contrast)
        face, weight = dice.pick(self._faces[text.role])
        size = dice.whole(*look.size)
        cropped = dice.chance(look.cropped)
        placed, box = self._set(words, face, weight, size)
        if cropped:
            em = size
            if box[3] - box[1] < 0.5 * em:  # a lone point is legible by its place on the line only
                box = (box[0], min(box[1], round(-0.75 * em)), box[2], max(box[3], 0))
            margins = [round(em * dice.between(0.08, 0.6)) for _ in range(4)]
            width, height = box[2] - box[0] + margins[0] + margins[2], box[3] - box[1] + margins[1] + margins[3]
            x, y = margins[0], margins[1]
        else:
            width, height = look.canvas
            smallest = look.size[0]
            while size > smallest and (box[2] - box[0] > width or box[3] - box[1] > height):
                shrink = min(width / (box[2] - box[0]), height / (box[3] - box[1]))
                # Even sizes: half as many strikes to make.
                size = max(smallest, min(size - 1, int(size * shrink)) & -2)
                placed, box = self._set(words, face, weight, size)
            width, height = max(width, box[2] - box[0]), max(height, box[3] - box[1])
            x, y = (width - (box[2] - box[0])) // 2, (height - (box[3] - box[1])) // 2
        dx, dy = x - box[0], y - box[1]
        d = look.degradation
        # Drawn now, since they say how far around the text anything can change.
        blur = (dice.pick((3, 5)), dice.between(*d.blur_sigma)) if dice.chance(d.blur) else None
        kernel = dice.pick(pixels.motion_kernels()[dice.pick((3, 5))]) if dice.chance(d.motion) else None
        # One pixel more: at a border, blur mirrors what is inside.
        halo = 1 + (blur[0] // 2 if blur else 0) + (len(kernel) // 2 if kernel is not None else 0)
        region = _region(x, y, box[2] - box[0], box[3] - box[1], halo, width, height)
        left, top, right, bottom = region
        mask = np.zeros((bottom - top, right - left), dtype=np.uint8)
        paste(placed, mask, dx - left, dy - top)
        text_picture = pixels.colour_mask(mask, background, colour, self._rgb)
        if blur:
            text_picture = pixels.gaussian(text_picture, *blur)
        if kernel is not None:
            text_picture = pixels.motion(text_picture, kernel)
        picture = degrade(text_picture, region, (height, width), background, d, dice)
        return Line(picture, words, "plain", background, colour, placed, (1.0, 0.0, dx, 0.0, 1.0, dy), face.name, size)

    def _set(self, text: str, face: Face, weight: int, size: int) -> tuple[list[Placed], tuple[int, int, int, int]]:
        placed, pen = set_text(self._atlas.strike(face, weight, size), text)
        box = ink_box(placed)
        # A label of spaces only has no ink; its picture shows their width.
        return placed, box if box[2] > box[0] else (0, -size, max(1, pen), 0)


def _nearest(faces: list[Face], weight: int) -> list[Face]:
    distance = min(abs(face.nearest(weight) - weight) for face in faces)
    return [face for face in faces if abs(face.nearest(weight) - weight) == distance]


def _region(
    x: int, y: int, width: int, height: int, halo: int, whole_width: int, whole_height: int
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what blur and JPEG can change around a text: its halo, out to whole blocks of 8.

    The blocks begin at the halo, not at the picture's corner: lines are cut from screenshots that were compressed.
    """
    left, top = max(0, x - halo), max(0, y - halo)
    right, bottom = x + width + halo, y + height + halo
    return left, top, min(right + (left - right) % 8, whole_width), min(bottom + (top - bottom) % 8, whole_height)


def degrade(
    text: Pixels,
    region: tuple[int, int, int, int],
    size: tuple[int, int],
    background: Colour,
    degradation: Degradation,
    dice: Dice,
) -> Pixels:
    """JPEG, noise and light on a text, blurred already, that takes up a region of a flat picture (H, W).

    JPEG in grey leaves flat ground as it is; there the region is all that has to be treated. In colour it may shift a
    flat ground by a level, and treats the whole.
    """
    d = degradation
    quality = dice.whole(*d.jpeg_quality) if dice.chance(d.jpeg) else 0
    local = quality >= _FLAT_QUALITY and text.ndim == 2
    if local:
        text = pixels.jpeg(text, quality)
    left, top, right, bottom = region
    if (bottom - top, right - left) == size:
        picture = text
    else:
        picture = np.empty((*size, *text.shape[2:]), dtype=np.uint8)
        picture[:] = background if text.ndim == 3 else grey(background)
        picture[top:bottom, left:right] = text
    if quality and not local:
        picture = pixels.jpeg(picture, quality)
    std = dice.between(*d.noise_std) if dice.chance(d.noise) else 0.0
    contrast, brightness = 1.0, 0.0
    if dice.chance(d.light):
        contrast = 1 + dice.between(-d.contrast, d.contrast)
        brightness = 255 * dice.between(-d.brightness, d.brightness)
    if std:  # one pass for both
        return pixels.noise(picture, std, dice, contrast, brightness)
    return pixels.light(picture, contrast, brightness) if (contrast, brightness) != (1.0, 0.0) else picture
