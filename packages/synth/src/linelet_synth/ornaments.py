"""What stands around a text on a screen: icons, chevrons, rules, ticks, slices of other lines; plates and photos.

All of it keeps its distance from the text, and none of it can be taken for a character: it is larger, cut off, or runs
through the whole picture.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from linelet_synth.atlas import Mask, Strike
from linelet_synth.icons import Icons
from linelet_synth.rng import Rng
from linelet_synth.texts import Text

_BANK = 768


@lru_cache(maxsize=1)
def _photo_bank() -> NDArray[np.float32]:
    """Smooth noise of several scales, -1..1: what a photo behind a text looks like to a reader."""
    generator = np.random.Generator(np.random.PCG64(71))
    bank = np.zeros((_BANK, _BANK), dtype=np.float32)
    for cells, amount in ((6, 1.0), (16, 0.8), (48, 0.5), (128, 0.35), (384, 0.2)):
        coarse = generator.random((cells, cells), dtype=np.float32) - np.float32(0.5)
        bank += np.float32(amount) * cv2.resize(coarse, (_BANK, _BANK), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(bank / np.float32(2.2 * float(bank.std())), -1, 1))


def photo(height: int, width: int, rng: Rng) -> NDArray[np.float32]:
    """A patch of photo-like noise, -1..1."""
    bank = _photo_bank()
    zoom = rng.uniform(0.6, 2.5)
    h, w = min(_BANK, max(8, int(height * zoom))), min(_BANK, max(8, int(width * zoom)))
    y, x = rng.integer(0, _BANK - h), rng.integer(0, _BANK - w)
    return np.asarray(cv2.resize(bank[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_LINEAR))


def rounded(height: int, width: int, box: tuple[int, int, int, int], radius: float) -> Mask:
    """Coverage of a rectangle (left, top, right, bottom) with round corners."""
    mask = np.zeros((height, width), dtype=np.uint8)
    left, top, right, bottom = box
    r = int(min(radius, (right - left) / 2, (bottom - top) / 2))
    if r < 2:
        cv2.rectangle(mask, (left, top), (right - 1, bottom - 1), 255, -1)
        return mask
    cv2.rectangle(mask, (left + r, top), (right - 1 - r, bottom - 1), 255, -1)
    cv2.rectangle(mask, (left, top + r), (right - 1, bottom - 1 - r), 255, -1)
    for x in (left + r, right - 1 - r):
        for y in (top + r, bottom - 1 - r):
            cv2.circle(mask, (x, y), r, 255, -1, cv2.LINE_AA)
    return mask


def cuttable(charset: str) -> str:
    """Characters of which a third is no other character: a third of an M is an I."""
    wide = "".join(c for c in charset if not c.isascii() and c.isalpha())
    return wide or "".join(c for c in charset if c in "02356789CGOQSXZ@&%acegosxz") or charset


@dataclass(slots=True)
class Surroundings:
    """Room that is added around a text, in pixels, and what is drawn there."""

    rng: Rng
    strike: Strike
    charset: str
    icons: Icons
    pieces: list[tuple[str, str]]  # what, on which side
    left: int
    top: int
    right: int
    bottom: int
    em: float

    def draw(self, height: int, width: int, text: tuple[int, int, int, int]) -> Mask:
        """Coverage of everything that is not the text; ``text`` is the text's box."""
        mask = np.zeros((height, width), dtype=np.uint8)
        for what, where in self.pieces:
            _DRAW[what](self, mask, where, text)
        # Whatever was drawn, the text itself stays free.
        left, top, right, bottom = text
        mask[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = 0
        return mask


def harmless(charset: str) -> tuple[str, ...]:
    """The kinds of pieces that cannot be taken for one of the charset's characters, as often as they occur."""
    alike = {"tick": "-–—−_", "chevron": "<>‹›«»()", "rule": "|_", "icon": "●■▲▼★✓", "trend": "▲▼△▽↑↓", "dot": "·•●。"}
    return tuple(kind for kind in _KINDS if not set(alike.get(kind, "")) & set(charset))


def plan(
    text: Text, em: float, strike: Strike, icons: Icons, charset: str, kinds: tuple[str, ...], rng: Rng
) -> Surroundings:
    """One to three pieces around a text; slices of other lines are the charset's glyphs in the text's own strike."""
    room = {"left": 0, "top": 0, "right": 0, "bottom": 0}
    pieces: list[tuple[str, str]] = []
    number = text.parts[0].kind == "number"
    beside_text = kinds if number else tuple(kind for kind in kinds if kind not in _OF_NUMBERS)
    for _ in range(1 + (rng.random() < 0.45) + (rng.random() < 0.2)):
        what = rng.choice(beside_text)
        if what in ("icon", "chevron", "cut", "trend"):
            either = ("left", "right") if what in ("icon", "cut") else ("right", "right", "left")
            where = rng.choice(either)
            if room[where]:
                continue
            gap = em * rng.uniform(0.08, 0.5)
            least, most = {"icon": (0.4, 1.2), "trend": (0.35, 0.8)}.get(what, (0.2, 0.5))
            size = em * rng.uniform(least, most)
            room[where] = round(gap + size)
        elif what in ("slice", "sliver", "dot"):
            where = rng.choice(("top", "bottom"))
            if room[where]:
                continue
            room[where] = round(em * rng.uniform(0.12, 0.4))
        elif what == "rule":
            where = rng.choice(("left", "right", "top", "bottom", "bottom"))
            room[where] = max(room[where], round(em * rng.uniform(0.12, 0.4)))
        elif what == "tick":
            where = rng.choice(("left", "right", "bottom"))
            room[where] = max(room[where], round(em * rng.uniform(0.15, 0.5)))
        else:
            where = "all"
            for side in room:
                room[side] = max(room[side], round(em * rng.uniform(0.1, 0.35)))
        pieces.append((what, where))
    sides = room["left"], room["top"], room["right"], room["bottom"]
    return Surroundings(rng, strike, charset, icons, pieces, *sides, em)


_KINDS: tuple[str, ...] = ("icon",) * 7 + ("chevron",) * 2 + ("slice",) * 4 + ("cut",) * 3 + ("tick",) * 3
_KINDS += ("dot",) * 3 + ("sliver",) * 2 + ("arc",) * 2 + ("trend",) * 3 + ("rule", "frame", "grid")
# What stands beside numbers only.
_OF_NUMBERS = ("tick", "dot", "trend")


def _stroke(s: Surroundings) -> int:
    return max(1, round(s.em * s.rng.uniform(0.03, 0.12)))


def _side_box(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> tuple[float, float, float]:
    """Centre and half size of a piece beside the text; now and then the picture's edge cuts it off."""
    width = mask.shape[1]
    room = s.left if where == "left" else s.right
    half = room * s.rng.uniform(0.25, 0.42)
    out = half * s.rng.uniform(0.2, 1.2) if s.rng.chance(0.35) else 0.0
    x = half + 1 - out if where == "left" else width - 1 - half + out
    y = (text[1] + text[3]) / 2 + s.em * s.rng.uniform(-0.15, 0.15)
    return x, y, half


def _icon(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    x, y, half = _side_box(s, mask, where, text)
    half = max(half, 3.0)
    if s.rng.chance(0.65):
        ink = s.icons.mask(2.3 * half, s.rng)
        _stamp(mask, ink, round(x - ink.shape[1] / 2), round(y - ink.shape[0] / 2))
    else:
        draw_shape(mask, (x, y, half), _stroke(s), s.rng)


def draw_shape(mask: Mask, place: tuple[float, float, float], stroke: int, rng: Rng) -> None:
    """A simple icon around (x, y), half as large as the place's third number, in pixels."""
    x, y, half = place
    kind = rng.integer(0, 9)
    cx, cy, r = round(x), round(y), round(half)
    aa = cv2.LINE_AA
    if kind == 0:
        cv2.circle(mask, (cx, cy), r, 255, -1, aa)
    elif kind == 1:
        cv2.circle(mask, (cx, cy), r, 255, stroke, aa)
        cv2.line(mask, (cx, cy - r // 3), (cx, cy + r // 2), 255, stroke, aa)
    elif kind == 2:
        cv2.rectangle(mask, (cx - r, cy - r), (cx + r, cy + r), 255, -1 if rng.chance(0.5) else stroke)
    elif kind in (3, 4):  # up or down
        tip = -r if kind == 3 else r
        points = np.array([[cx - r, cy - tip], [cx + r, cy - tip], [cx, cy + tip]])
        cv2.fillPoly(mask, [points], 255, aa)
    elif kind == 5:  # a tick
        points = np.array([[cx - r, cy], [cx - r // 4, cy + r * 2 // 3], [cx + r, cy - r * 2 // 3]])
        cv2.polylines(mask, [points], False, 255, stroke, aa)
    elif kind == 6:  # three bars
        for k in (-1, 0, 1):
            cv2.line(mask, (cx - r, cy + k * r * 2 // 3), (cx + r, cy + k * r * 2 // 3), 255, stroke, aa)
    elif kind == 7:  # an arrow
        tip = r if rng.chance(0.5) else -r
        cv2.arrowedLine(mask, (cx, cy - tip), (cx, cy + tip), 255, stroke, aa, tipLength=0.4)
    elif kind == 8:  # a star
        turns = [math.pi * k / 5 - math.pi / 2 for k in range(10)]
        radii = [half if k % 2 == 0 else half * 0.42 for k in range(10)]
        points = np.array([[x + q * math.cos(t), y + q * math.sin(t)] for t, q in zip(turns, radii, strict=True)])
        cv2.fillPoly(mask, [points.astype(np.int32)], 255, aa)
    else:  # a person, a heart, anything round with something below
        cv2.circle(mask, (cx, cy - r // 2), max(2, r // 2), 255, -1, aa)
        cv2.ellipse(mask, (cx, cy + r), (r, r), 0, 180, 360, 255, -1, aa)


def _trend(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """A triangle or arrow up or down beside a number, on its baseline or at its middle: more or less than before."""
    x, _, half = _side_box(s, mask, where, text)
    half = max(half, 3.0)
    low, high = round(half * 0.9), text[3] - 1
    y = high - low if s.rng.chance(0.5) else (text[1] + text[3]) // 2
    tip = low if s.rng.chance(0.5) else -low
    left, middle, right = round(x - half), round(x), round(x + half)
    if s.rng.chance(0.7):
        cv2.fillPoly(mask, [np.array([[left, y + tip], [right, y + tip], [middle, y - tip]])], 255, cv2.LINE_AA)
    else:
        cv2.arrowedLine(mask, (middle, y + tip), (middle, y - tip), 255, _stroke(s), cv2.LINE_AA, tipLength=0.45)


def _chevron(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    x, y, half = _side_box(s, mask, where, text)
    cx, cy, w = round(x), round(y), max(2, round(half * 0.6))
    h = max(3, round(s.em * s.rng.uniform(0.14, 0.35)))
    tip = w if s.rng.chance(0.85) else -w
    points = np.array([[cx - tip, cy - h], [cx + tip, cy], [cx - tip, cy + h]])
    cv2.polylines(mask, [points], False, 255, _stroke(s), cv2.LINE_AA)


def _glyph(s: Surroundings) -> Mask:
    return s.strike.glyph(s.rng.choice(s.charset))[0]


def _slice(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """The lower or upper edge of another line's glyphs, at most a third of them."""
    height, width = mask.shape
    room = s.top if where == "top" else s.bottom
    x = round(s.em * s.rng.uniform(-0.5, 1.0))
    for _ in range(s.rng.integer(1, 8)):
        ink = _glyph(s)
        deep = min(round(room * s.rng.uniform(0.5, 0.75)), ink.shape[0] // 3)
        if deep > 0:
            cut = ink[-deep:] if where == "top" else ink[:deep]
            _stamp(mask, cut, x, 0 if where == "top" else height - deep)
        x += max(3, ink.shape[1]) + round(s.em * 0.08)
        if x >= width:
            break


def _cut(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """A glyph that the picture's edge leaves a third of."""
    width = mask.shape[1]
    ink = _glyph(s)
    room = s.left if where == "left" else s.right
    wide = min(ink.shape[1] // 3, round(room * 0.6))
    if wide > 0:
        y = (text[1] + text[3] - ink.shape[0]) // 2 + round(s.em * s.rng.uniform(-0.1, 0.1))
        piece = ink[:, -wide:] if where == "left" else ink[:, :wide]
        _stamp(mask, np.ascontiguousarray(piece), 0 if where == "left" else width - wide, y)


def _sliver(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """The part of an icon above or below that the picture's edge leaves."""
    room = s.top if where == "top" else s.bottom
    deep = round(room * s.rng.uniform(0.5, 0.85))
    ink = s.icons.mask(s.em * s.rng.uniform(0.7, 1.7), s.rng)
    deep = min(deep, ink.shape[0])
    if deep > 0:
        x = s.rng.integer(-ink.shape[1] // 2, max(0, mask.shape[1] - ink.shape[1] // 2))
        piece = ink[-deep:] if where == "top" else ink[:deep]
        _stamp(mask, np.ascontiguousarray(piece), x, 0 if where == "top" else mask.shape[0] - deep)


def _arc(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """A gauge or ring around the text, as much of it as the picture shows."""
    left, top, right, bottom = text
    radius = math.hypot(right - left, bottom - top) / 2 * s.rng.uniform(1.0, 1.5) + s.em * 0.1
    centre = (left + right) // 2, (top + bottom) // 2 + round(s.em * s.rng.uniform(-0.4, 0.6))
    start = s.rng.uniform(90, 270)
    stroke = max(1, round(s.em * s.rng.uniform(0.06, 0.3)))
    cv2.ellipse(
        mask, centre, (round(radius), round(radius)), 0, start, start + s.rng.uniform(90, 360), 255, stroke, cv2.LINE_AA
    )


def _dot(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """The point of a chart that the text labels, close above or below it, with the chart's line now and then."""
    left, top, right, bottom = text
    room = s.top if where == "top" else s.bottom
    radius = max(1.5, min(room * 0.5, s.em * s.rng.uniform(0.1, 0.25)))
    x = (left + right) / 2 + s.em * s.rng.uniform(-0.3, 0.3)
    reach = radius * s.rng.uniform(0.6, 1.3)  # below 1 the text stands on the point
    y = top - reach if where == "top" else bottom + reach
    if s.rng.chance(0.5):
        rise = s.em * s.rng.uniform(0.0, 0.5) * (-1 if where == "top" else 1)
        ends = [
            (-2, round(y + rise)),
            (round(x), round(y)),
            (mask.shape[1] + 2, round(y + rise * s.rng.uniform(0.3, 1.5))),
        ]
        cv2.polylines(mask, [np.array(ends)], False, 255, max(1, round(radius * 0.5)), cv2.LINE_AA)
    filled = s.rng.chance(0.6)
    cv2.circle(mask, (round(x), round(y)), max(1, round(radius)), 255, -1 if filled else 1, cv2.LINE_AA)


def _stamp(mask: Mask, ink: Mask, x: int, y: int) -> None:
    """Paste what of the ink lies inside."""
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + ink.shape[1], mask.shape[1]), min(y + ink.shape[0], mask.shape[0])
    if x0 < x1 and y0 < y1:
        area = mask[y0:y1, x0:x1]
        np.maximum(area, ink[y0 - y : y1 - y, x0 - x : x1 - x], out=area)


def _rule(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """A line through the whole picture, in the room of its side."""
    height, width = mask.shape
    stroke = _stroke(s)
    if where in ("left", "right"):
        x = round(s.left * 0.4) if where == "left" else width - 1 - round(s.right * 0.4)
        cv2.line(mask, (x, 0), (x, height), 255, stroke)
    else:
        y = round(s.top * 0.4) if where == "top" else height - 1 - round(s.bottom * 0.4)
        cv2.line(mask, (0, y), (width, y), 255, stroke)


def _tick(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """An axis with a tick, or its corner, beside a number."""
    height, width = mask.shape
    left, top, right, bottom = text
    stroke = max(1, _stroke(s) // 2)
    if where == "bottom":
        x = s.rng.integer(left, right)
        y = height - 1 - round(s.bottom * s.rng.uniform(0.0, 0.4))
        cv2.line(mask, (0, y), (width, y), 255, stroke)
        cv2.line(mask, (x, y), (x, height), 255, stroke)
        return
    edge = round(s.left * 0.4) if where == "left" else width - 1 - round(s.right * 0.4)
    outer = 0 if where == "left" else width - 1
    y = (top + bottom) // 2 + round(s.em * s.rng.uniform(-0.3, 0.3))
    cv2.line(mask, (edge, y), (outer, y), 255, stroke)
    # The axis stands between the number and its tick, or behind the tick.
    axis = edge if s.rng.chance(0.5) else outer + round((edge - outer) * s.rng.uniform(0.0, 0.3))
    if s.rng.chance(0.6):
        cv2.line(mask, (axis, 0), (axis, height), 255, stroke)


def _frame(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    height, width = mask.shape
    inset = round(min(s.left, s.right, s.top, s.bottom) * 0.4)
    cv2.rectangle(mask, (inset, inset), (width - 1 - inset, height - 1 - inset), 255, max(1, _stroke(s) // 2))


def _grid(s: Surroundings, mask: Mask, where: str, text: tuple[int, int, int, int]) -> None:
    """Grid lines of a chart; they stop where the text is."""
    height, width = mask.shape
    step = max(8, round(s.em * s.rng.uniform(0.6, 2.0)))
    start = s.rng.integer(0, step)
    if s.rng.chance(0.5):
        for y in range(start, height, step):
            cv2.line(mask, (0, y), (width, y), 110, 1)
    else:
        for x in range(start, width, step):
            cv2.line(mask, (x, 0), (x, height), 110, 1)


_DRAW = {
    "icon": _icon, "chevron": _chevron, "slice": _slice, "cut": _cut, "rule": _rule, "tick": _tick, "frame": _frame,
    "grid": _grid, "sliver": _sliver, "arc": _arc, "dot": _dot, "trend": _trend,
}  # fmt: skip


def crossing(height: int, width: int, em: float, rng: Rng) -> Mask:
    """Coverage of a chart's line or grid lines that run behind a text, thin enough to read it by."""
    mask = np.zeros((height, width), dtype=np.uint8)
    stroke = max(1, round(em * rng.uniform(0.02, 0.07)))
    kind = rng.random()
    if kind < 0.5:  # a chart's line
        count = rng.integer(2, 4)
        xs = [-2 + (width + 4) * k // (count - 1) for k in range(count)]
        points = np.array([[x, rng.integer(0, height)] for x in xs])
        cv2.polylines(mask, [points], False, 255, stroke, cv2.LINE_AA)
    elif kind < 0.8:
        y = rng.integer(0, height - 1)
        dash = max(2, round(em * rng.uniform(0.1, 0.3))) if rng.chance(0.5) else width
        for x in range(0, width, 2 * dash):
            cv2.line(mask, (x, y), (x + dash, y), 255, stroke)
    else:
        x = rng.integer(0, width - 1)
        cv2.line(mask, (x, 0), (x, height), 255, stroke)
    return mask


def nothing_to_read(height: int, width: int, em: float, icons: Icons, rng: Rng) -> Mask:
    """Coverage of what stands on screens and is no text: icons, pieces of charts, arcs; now and then nothing at all."""
    mask = np.zeros((height, width), dtype=np.uint8)
    kind = rng.random()
    if kind < 0.15:
        return mask
    if kind < 0.65:
        x = em * rng.uniform(0.2, 0.8)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            if rng.chance(0.85):
                ink = icons.mask(em * rng.uniform(0.8, 1.3), rng)
                _stamp(mask, ink, round(x), (height - ink.shape[0]) // 2 + rng.integer(-2, 2))
            else:
                draw_shape(mask, (x + em / 2, height / 2, em * rng.uniform(0.3, 0.5)), max(1, round(em * 0.08)), rng)
            x += em * rng.uniform(1.4, 2.5)
        return mask
    stroke = max(1, round(em * rng.uniform(0.03, 0.12)))
    if kind < 0.8:  # a chart's line with its points
        count = rng.integer(3, 6)
        points = [(width * k // (count - 1), rng.integer(height // 5, height - 1 - height // 5)) for k in range(count)]
        cv2.polylines(mask, [np.array(points)], False, 255, stroke, cv2.LINE_AA)
        for point in points if rng.chance(0.6) else ():
            cv2.circle(mask, point, max(2, round(em * 0.12)), 255, -1, cv2.LINE_AA)
    elif kind < 0.9:  # bars, from below
        step = max(4, round(em * rng.uniform(0.4, 1.0)))
        for x in range(rng.integer(0, step), width, step):
            cv2.rectangle(mask, (x, rng.integer(height // 4, height - 1)), (x + max(1, step // 2), height), 255, -1)
    else:  # an arc
        radius = round(max(height, width) * rng.uniform(0.4, 1.2))
        centre = rng.integer(0, width), round(height + radius * rng.uniform(-0.3, 0.6))
        cv2.circle(mask, centre, radius, 255, 2 * stroke, cv2.LINE_AA)
    return mask
