"""A drawn line: its picture and label, and what was drawn, for reports and tests."""

from dataclasses import dataclass, field
from typing import NamedTuple

from linelet_common.preprocess import Pixels
from linelet_synth.atlas import Placed
from linelet_synth.colours import Colour


class Box(NamedTuple):
    """A character's ink in the picture, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(slots=True)
class Line:
    """Picture uint8, grey (H, W) or RGB (H, W, 3), with its label.

    placed: the label's glyphs, in their own coordinates; affine: a, b, c, d, e, f of x' = ax + by + c,
    y' = dx + ey + f, from those to the picture's pixels.
    """

    picture: Pixels
    text: str
    look: str
    background: Colour
    colour: Colour
    placed: list[Placed]
    affine: tuple[float, float, float, float, float, float]
    styles: list[str] = field(default_factory=list)  # what was done to it

    @property
    def boxes(self) -> list[Box]:
        """Where each character's ink is, in the label's order; of tilted ones the upright box around them."""
        a, b, c, d, e, f = self.affine
        boxes = []
        for glyph, pen_x, pen_y in self.placed:
            x, y = pen_x + glyph.left, pen_y + glyph.top
            height, width = glyph.mask.shape
            xs = [a * u + b * v + c for u in (x, x + width) for v in (y, y + height)]
            ys = [d * u + e * v + f for u in (x, x + width) for v in (y, y + height)]
            boxes.append(Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)))
        return boxes
