"""A drawn line: its picture and label, and what was drawn, for reports and tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from linelet_common.preprocess import Pixels
from linelet_synth.atlas import Placed, ink_box
from linelet_synth.colours import Colour, contrast
from linelet_synth.labels import Span


class Box(NamedTuple):
    """A character's ink in the picture, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(slots=True)
class Line:
    """Picture uint8, grey (H, W) or RGB (H, W, 3), with its label.

    placed: the text's glyphs, in their own coordinates; affine: a, b, c, d, e, f of x' = ax + by + c,
    y' = dx + ey + f, from those to the picture's pixels.
    """

    picture: Pixels
    text: str
    look: str
    background: Colour
    colour: Colour
    placed: list[Placed]
    affine: tuple[float, float, float, float, float, float]
    face: str  # the name of the face that the text is set in, the Chinese one where there are two
    size: float  # of its text, pixels per em
    styles: list[str] = field(default_factory=list)  # what was done to it
    spans: tuple[Span, ...] | None = None  # the label's characters, where they are not one for each glyph
    moved: Callable[[list[Box]], list[Box]] | None = None  # where a recipe's transform takes boxes

    @property
    def boxes(self) -> list[Box]:
        """Where each character's ink is, in the label's order; of tilted ones the upright box around them."""
        a, b, c, d, e, f = self.affine
        boxes = []
        for left, top, right, bottom in self._ink():
            xs = [a * x + b * y + c for x in (left, right) for y in (top, bottom)]
            ys = [d * x + e * y + f for x in (left, right) for y in (top, bottom)]
            boxes.append(Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)))
        return self.moved(boxes) if self.moved else boxes

    def _ink(self) -> list[tuple[int, int, int, int]]:
        """Left, top, right, bottom of the ink of each character of the label, in the glyphs' coordinates."""
        if self.spans is None:
            return [(left, top, right, bottom) for _, left, top, right, bottom in self.placed]
        return [ink_box(self.placed[span.start : span.end]) for span in self.spans]

    def details(self) -> dict[str, Any]:
        """What is known of the line, as plain data: boxes [x, y, width, height] to a tenth of a pixel, style."""
        return {
            "boxes": [[round(v, 1) for v in box] for box in self.boxes],
            "look": self.look,
            "font": self.face,
            "size": round(self.size, 1),
            "contrast": round(contrast(self.background, self.colour), 2),
            "styles": self.styles,
        }
