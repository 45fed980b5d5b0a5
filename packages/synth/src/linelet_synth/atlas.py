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


class Glyph(NamedTuple):
    """Coverage uint8 (H, W), the offset of its top left corner from the pen on the baseline, and the pen's advance."""

    mask: Mask
    left: int
    top: int
    advance: int


class Strike:
    """A face at one weight and size in pixels per em."""

    def __init__(self, face: Face, weight: int, size: int) -> None:
        self.size = size
        self.bytes = 0
        self._font: ImageFont.FreeTypeFont = face.font(weight, size)
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
        left, top, right, bottom = map(int, self._font.getbbox(character, anchor="ls"))
        advance = round(self._font.getlength(character))
        if right <= left or bottom <= top:  # a space
            return Glyph(np.zeros((0, 0), dtype=np.uint8), 0, 0, advance)
        image = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=self._font, anchor="ls")
        mask = np.asarray(image)
        # Pillow's box is measured from the pen; only the ink counts.
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return Glyph(np.zeros((0, 0), dtype=np.uint8), 0, 0, advance)
        y, x = int(rows[0]), int(columns[0])
        ink = np.ascontiguousarray(mask[y : int(rows[-1]) + 1, x : int(columns[-1]) + 1])
        return Glyph(ink, left + x, top + y, advance)


class Atlas:
    """Strikes by face, weight and size."""

    def __init__(self, capacity: int = _CAPACITY) -> None:
        self._strikes: OrderedDict[tuple[str, int, int, int], Strike] = OrderedDict()
        self._capacity = capacity
        self._uses = 0

    def strike(self, face: Face, weight: int, size: int) -> Strike:
        """The strike of a face; drops the ones unused for longest where memory is short."""
        weight = face.nearest(weight)
        key = (face.path, face.index, weight, size)
        strike = self._strikes.get(key)
        if strike is None:
            strike = self._strikes[key] = Strike(face, weight, size)
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
    boxes = [
        (x + g.left, y + g.top, x + g.left + g.mask.shape[1], y + g.top + g.mask.shape[0])
        for g, x, y in placed
        if g.mask.size
    ]
    if not boxes:
        return 0, 0, 0, 0
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def paste(placed: list[Placed], canvas: Mask, dx: int, dy: int) -> None:
    """Draw glyphs onto a coverage canvas, moved by (dx, dy). Every glyph must lie inside."""
    for glyph, x, y in placed:
        mask = glyph.mask
        if mask.size:
            top, left = y + glyph.top + dy, x + glyph.left + dx
            area = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
            np.maximum(area, mask, out=area)
