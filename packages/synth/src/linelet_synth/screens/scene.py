"""A page before it is drawn: shapes and texts in their order from back to front, and its lines, the ground truth.

Everything is planned first, so that a card's background can go beneath content whose height was not known before, and
so that nothing is drawn where a text already is. Coordinates are pixels, floats; shapes round them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from linelet_common.preprocess import Pixels
from linelet_synth.atlas import Mask, Placed, ink_box, paste
from linelet_synth.colours import Colour, blend, grey

# Coverage from which on a pixel counts as ink: below it nobody sees a stroke's edge.
INK = 48
# Least difference of text and background in grey levels.
FAINTEST = 10
# A text with less of its height inside than the second, and more than the first, is neither a line nor a sliver.
_SLIVER, _WHOLE = 0.34, 0.9

Box = tuple[float, float, float, float]  # x, y, width, height
Shape = Callable[[Pixels], object]  # what it returns is of no use


@dataclass(slots=True, eq=False)
class Setting:
    """A line set and placed, not yet drawn: its glyphs by colour, at (x, y) on its baseline."""

    text: str
    runs: list[tuple[list[Placed], Colour]]
    x: int
    y: int
    bounds: tuple[int, int, int, int]  # left, top, right, bottom of its ink in the page
    field: str | None = None  # whose value it is
    names: str | None = None  # whose name it is
    floor: int = FAINTEST
    flatten: float = 1.0  # its height is squeezed to this share, as on a picker's wheel
    fade: float = 0.0  # a share of the background in its colour
    shadow: bool = False  # a dark one beneath it
    cut: bool = False  # all but a sliver is covered: no line


@dataclass(slots=True)
class Drawn:
    """A line as it stands in the picture."""

    text: str
    box: Box
    field: str | None
    names: str | None


@dataclass(slots=True)
class Scene:
    """What a page holds, from back to front. layer: texts since that mark must not meet; those before lie beneath."""

    width: int
    height: int
    items: list[Shape | Setting] = field(default_factory=list)
    layer: int = 0

    def shape(self, draw: Shape) -> None:
        """Add a shape in front."""
        self.items.append(draw)

    def mark(self) -> int:
        """The place of what is added next, for ``beneath``."""
        return len(self.items)

    def beneath(self, mark: int, *shapes: Shape) -> None:
        """Put shapes beneath everything that was added since the mark."""
        self.items[mark:mark] = shapes

    def settings(self) -> list[Setting]:
        """The texts so far."""
        return [item for item in self.items if isinstance(item, Setting)]

    def free(self, left: float, top: float, right: float, bottom: float) -> bool:
        """Whether no text of this layer stands there."""
        for item in self.items[self.layer :]:
            if isinstance(item, Setting):
                x0, y0, x1, y1 = item.bounds
                if left < x1 and x0 < right and top < y1 and y0 < bottom:
                    return False
        return True

    def cover(self, left: float, top: float, right: float, bottom: float) -> None:
        """Something opaque comes over this layer's texts there.

        What it hides or cuts through is taken away, but for slivers, which it leaves of lines no more.
        """
        kept: list[Shape | Setting] = self.items[: self.layer]
        for item in self.items[self.layer :]:
            if isinstance(item, Setting):
                x0, y0, x1, y1 = item.bounds
                if x0 < right and left < x1 and y0 < bottom and top < y1:
                    shown = max(0.0, top - y0, y1 - bottom) / (y1 - y0)
                    if not (0 < shown < _SLIVER and left <= x0 and x1 <= right):
                        continue
                    item.cut = True
            kept.append(item)
        self.items = kept

    def draw(self, canvas: Pixels, origin: tuple[int, int] = (0, 0)) -> list[Drawn]:
        """Draw everything on a canvas uint8 (H, W, 3); the lines with their boxes, moved by the origin."""
        lines = []
        for item in self.items:
            if isinstance(item, Setting):
                drawn = lay(item, canvas)
                if drawn is not None:
                    x, y, width, height = drawn
                    box = (x + origin[0], y + origin[1], width, height)
                    lines.append(Drawn(item.text, box, item.field, item.names))
            else:
                item(canvas)
        # A value whose name was cut or covered is a number like any other.
        named = {line.names for line in lines}
        for line in lines:
            if line.field not in named:
                line.field = None
        return lines


def lay(setting: Setting, canvas: Pixels) -> Box | None:
    """Draw a text; the box of its ink, or None where it is no line: outside, a sliver at an edge, or only spaces."""
    left, top, right, bottom = setting.bounds
    height, width = canvas.shape[:2]
    inside = min(bottom, height) - max(top, 0)
    if left < 0 or right > width or right <= left or inside <= 0:
        return None
    share = inside / (bottom - top)
    if _SLIVER < share < _WHOLE:
        return None
    y0, y1 = max(top, 0), min(bottom, height)
    area = canvas[y0:y1, left:right]
    background = cv2.mean(area)[:3]
    box: tuple[int, int, int, int] | None = None
    if setting.shadow and share >= 1:
        _cast(setting, canvas)
    for placed, colour in setting.runs:
        mask = _mask(setting, placed)[y0 - top : y1 - top]
        colour = _legible(colour, background, setting)
        found = cv2.boundingRect((mask >= INK).view(np.uint8))
        if found[2]:
            x, y, w, h = found
            old = box or (x, y, x + w, y + h)
            box = min(old[0], x), min(old[1], y), max(old[2], x + w), max(old[3], y + h)
        blend_mask(area, mask, colour)
    if box is None or share < _WHOLE or setting.cut:
        return None
    return float(left + box[0]), float(y0 + box[1]), float(box[2] - box[0]), float(box[3] - box[1])


def _cast(setting: Setting, canvas: Pixels) -> None:
    """A soft dark copy beneath a text, a little lower; it is no ink."""
    left, top, right, bottom = setting.bounds
    drop = max(1, (bottom - top) // 20)
    area = canvas[top + drop : bottom + drop, left:right]
    for placed, _ in setting.runs:
        mask = cv2.convertScaleAbs(cv2.blur(_mask(setting, placed), (3, 3)), None, 0.5)[: len(area)]
        blend_mask(area, np.asarray(mask, dtype=np.uint8), (0, 0, 0))


def _mask(setting: Setting, placed: list[Placed]) -> Mask:
    left, top, right, bottom = setting.bounds
    if setting.flatten == 1.0:
        mask = np.zeros((bottom - top, right - left), dtype=np.uint8)
        paste(placed, mask, setting.x - left, setting.y - top)
        return mask
    x0, y0, x1, y1 = ink_box([glyph for run, _ in setting.runs for glyph in run])
    whole = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
    paste(placed, whole, -x0, -y0)
    return np.asarray(cv2.resize(whole, (right - left, bottom - top), interpolation=cv2.INTER_AREA))


def _legible(colour: Colour, background: tuple[float, ...], setting: Setting) -> Colour:
    """The colour, faded, or black or white where it would vanish."""
    under: Colour = (round(background[0]), round(background[1]), round(background[2]))
    if setting.fade:
        colour = blend(colour, under, setting.fade)
    level = grey(under)
    if abs(grey(colour) - level) >= setting.floor:
        return colour
    end: Colour = (0, 0, 0) if level > 140 else (255, 255, 255)
    # As pale as the floor allows: a text made pale on purpose stays so.
    share = min(1.0, (setting.floor + 6) / max(1, abs(grey(end) - level)))
    return blend(under, end, share)


def blend_mask(area: Pixels, mask: NDArray[np.uint8], colour: Colour) -> None:
    """Lay a colour over an area uint8 (h, w, 3) in place, as far as the mask (h, w) covers it."""
    over = cv2.merge([cv2.convertScaleAbs(mask, None, value / 255) for value in colour])
    rest = cv2.bitwise_not(mask)
    kept = cv2.multiply(area, cv2.merge((rest, rest, rest)), scale=1 / 255)
    cv2.add(over, kept, area)
