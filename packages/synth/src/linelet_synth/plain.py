"""The plain look: one face and size a line on a flat background, and the reference's five degradations.

Text is inside the picture whatever its length: a line that is too wide for its canvas is set smaller.
"""

import numpy as np

from linelet_common.preprocess import Pixels
from linelet_synth import pixels
from linelet_synth.atlas import Atlas, Placed, ink_box, paste, set_text
from linelet_synth.colours import choose_text_colour, parse_colour, perturb
from linelet_synth.dice import Dice
from linelet_synth.fonts import Face
from linelet_synth.line import Line
from linelet_synth.recipe import Degradation, Recipe
from linelet_synth.texts import Text

# Smaller text cannot be read by anybody; a line that would need it gets a wider picture instead.
_SMALLEST = 10


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
        look = self._look
        background = perturb(dice.pick(self._backgrounds), self._palette.saturation, self._palette.value, dice)
        colour, _ = choose_text_colour(background, self._colours[text.role], self._all_colours, look.min_contrast)
        face, weight = dice.pick(self._faces[text.role])
        size = dice.whole(*look.size)
        cropped = dice.chance(look.cropped)
        placed, box = self._set(text.text, face, weight, size)
        if cropped:
            em = size
            margins = [round(em * dice.between(0.08, 0.6)) for _ in range(4)]
            width, height = box[2] - box[0] + margins[0] + margins[2], box[3] - box[1] + margins[1] + margins[3]
            x, y = margins[0], margins[1]
        else:
            width, height = look.canvas
            while size > _SMALLEST and (box[2] - box[0] > width or box[3] - box[1] > height):
                shrink = min(width / (box[2] - box[0]), height / (box[3] - box[1]))
                size = max(_SMALLEST, min(size - 1, int(size * shrink)))
                placed, box = self._set(text.text, face, weight, size)
            width, height = max(width, box[2] - box[0]), max(height, box[3] - box[1])
            x, y = (width - (box[2] - box[0])) // 2, (height - (box[3] - box[1])) // 2
        mask = np.zeros((height, width), dtype=np.uint8)
        dx, dy = x - box[0], y - box[1]
        paste(placed, mask, dx, dy)
        picture = pixels.colour_mask(mask, background, colour, self._rgb)
        picture = degrade(picture, look.degradation, dice)
        affine = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
        return Line(picture, text.text, "plain", background, colour, placed, affine)

    def _set(self, text: str, face: Face, weight: int, size: int) -> tuple[list[Placed], tuple[int, int, int, int]]:
        placed, pen = set_text(self._atlas.strike(face, weight, size), text)
        box = ink_box(placed)
        # A label of spaces only has no ink; its picture shows their width.
        return placed, box if box[2] > box[0] else (0, -size, max(1, pen), 0)


def _nearest(faces: list[Face], weight: int) -> list[Face]:
    distance = min(abs(face.nearest(weight) - weight) for face in faces)
    return [face for face in faces if abs(face.nearest(weight) - weight) == distance]


def degrade(picture: Pixels, degradation: Degradation, dice: Dice) -> Pixels:
    """The five degradations in the reference's order."""
    d = degradation
    if dice.chance(d.blur):
        picture = pixels.gaussian(picture, dice.pick((3, 5)), dice.between(*d.blur_sigma))
    if dice.chance(d.motion):
        picture = pixels.motion(picture, dice.pick(pixels.motion_kernels()[dice.pick((3, 5))]))
    if dice.chance(d.jpeg):
        picture = pixels.jpeg(picture, dice.whole(*d.jpeg_quality))
    if dice.chance(d.noise):
        picture = pixels.noise(picture, dice.between(*d.noise_std), dice)
    if dice.chance(d.light):
        contrast = 1 + dice.between(-d.contrast, d.contrast)
        picture = pixels.light(picture, contrast, 255 * dice.between(-d.brightness, d.brightness))
    return picture
