"""Shapes of a page, drawn in place on RGB uint8 (H, W, 3): boxes, shadows, gradients, strokes, photos.

Each function returns what draws it, for a Scene. Coordinates are pixels; whatever lies outside is cut off.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from linelet_common.preprocess import Pixels
from linelet_synth.colours import Colour, blend
from linelet_synth.ornaments import photo
from linelet_synth.rng import Rng
from linelet_synth.screens.scene import Shape, blend_mask

_AA = cv2.LINE_AA
Point = tuple[float, float]


def box(
    left: float, top: float, right: float, bottom: float, colour: Colour, radius: float = 0.0, alpha: float = 1.0
) -> Shape:
    """A filled box with round corners."""
    x0, y0, x1, y1 = round(left), round(top), round(right), round(bottom)

    def draw(canvas: Pixels) -> None:
        if alpha < 1:
            _translucent(canvas, (x0, y0, x1, y1), colour, radius, alpha)
        else:
            fill(canvas, x0, y0, x1, y1, colour, radius)

    return draw


def fill(canvas: Pixels, x0: int, y0: int, x1: int, y1: int, colour: Colour, radius: float = 0.0) -> None:
    """Fill a box in place."""
    r = int(min(radius, (x1 - x0) / 2, (y1 - y0) / 2))
    if x1 <= x0 or y1 <= y0:
        return
    if r < 2:
        cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), colour, -1)
        return
    cv2.rectangle(canvas, (x0 + r, y0), (x1 - 1 - r, y1 - 1), colour, -1)
    cv2.rectangle(canvas, (x0, y0 + r), (x1 - 1, y1 - 1 - r), colour, -1)
    for x in (x0 + r, x1 - 1 - r):
        for y in (y0 + r, y1 - 1 - r):
            cv2.circle(canvas, (x, y), r, colour, -1, _AA)


def _translucent(canvas: Pixels, where: tuple[int, int, int, int], colour: Colour, radius: float, alpha: float) -> None:
    x0, y0, x1, y1 = where
    height, width = canvas.shape[:2]
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left >= right or top >= bottom:
        return
    area = canvas[top:bottom, left:right]
    if radius < 2:
        levels = np.arange(256, dtype=np.float32)[:, None] * (1 - alpha) + np.array(colour, dtype=np.float32) * alpha
        cv2.LUT(area, np.rint(levels).astype(np.uint8)[None], area)
        return
    over = area.copy()
    fill(over, x0 - left, y0 - top, x1 - left, y1 - top, colour, radius)
    cv2.addWeighted(area, 1 - alpha, over, alpha, 0, area)


def border(
    left: float, top: float, right: float, bottom: float, colour: Colour, radius: float = 0.0, stroke: int = 1
) -> Shape:
    """The outline of a box with round corners."""
    x0, y0, x1, y1 = round(left), round(top), round(right) - 1, round(bottom) - 1
    r = max(0, int(min(radius, (x1 - x0) / 2, (y1 - y0) / 2)))

    def draw(canvas: Pixels) -> None:
        if r < 2:
            cv2.rectangle(canvas, (x0, y0), (x1, y1), colour, stroke)
            return
        for a, b in (
            ((x0 + r, y0), (x1 - r, y0)),
            ((x0 + r, y1), (x1 - r, y1)),
            ((x0, y0 + r), (x0, y1 - r)),
            ((x1, y0 + r), (x1, y1 - r)),
        ):
            cv2.line(canvas, a, b, colour, stroke)
        for x, y, start in ((x0 + r, y0 + r, 180), (x1 - r, y0 + r, 270), (x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90)):
            cv2.ellipse(canvas, (x, y), (r, r), 0, start, start + 90, colour, stroke, _AA)

    return draw


def shadow(
    left: float, top: float, right: float, bottom: float, background: Colour, radius: float, reach: float, depth: float
) -> Shape:
    """A soft shadow around a box, darkest (by ``depth``, 0-1) at its edge; nested boxes on a known background."""
    steps = max(2, min(6, round(reach / 2)))
    drop = reach * 0.35

    def draw(canvas: Pixels) -> None:
        for k in range(steps):
            out = reach * (1 - k / steps)
            shade = blend(background, (0, 0, 0), depth * ((k + 1) / steps) ** 2)
            fill(
                canvas,
                round(left - out),
                round(top - out + drop),
                round(right + out),
                round(bottom + out + drop),
                shade,
                radius + out,
            )

    return draw


def gradient(
    left: float,
    top: float,
    right: float,
    bottom: float,
    colours: tuple[Colour, Colour],
    vertical: bool,
    radius: float = 0.0,
) -> Shape:
    """A box filled from one colour to another."""
    x0, y0, x1, y1 = round(left), round(top), round(right), round(bottom)

    def draw(canvas: Pixels) -> None:
        height, width = y1 - y0, x1 - x0
        if height < 1 or width < 1:
            return
        ends = np.array([[colours[0]], [colours[1]]], dtype=np.uint8)
        small = ends if vertical else ends.transpose(1, 0, 2)
        ramp = cv2.resize(small, (1, height) if vertical else (width, 1), interpolation=cv2.INTER_LINEAR)
        picture = np.broadcast_to(ramp, (height, width, 3))
        _put(canvas, np.asarray(picture, dtype=np.uint8), x0, y0, radius)

    return draw


def scenery(left: float, top: float, right: float, bottom: float, tint: Colour, rng: Rng, radius: float = 0.0) -> Shape:
    """A box with what passes for a photo: blobs, or shapes before a sky."""
    x0, y0, x1, y1 = round(left), round(top), round(right), round(bottom)
    height, width = max(1, y1 - y0), max(1, x1 - x0)
    # Half size: a photo has nothing finer, and it costs a quarter.
    small = max(1, height // 2), max(1, width // 2)
    picture = _blobs(small, tint, rng) if rng.chance(0.4) else _landscape(small, tint, rng)

    def draw(canvas: Pixels) -> None:
        whole = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        _put(canvas, np.asarray(whole, dtype=np.uint8), x0, y0, radius)

    return draw


def _blobs(size: tuple[int, int], tint: Colour, rng: Rng) -> Pixels:
    level = cv2.convertScaleAbs(photo(*size, rng), None, 127.0, 128.0)
    channels = []
    for value in tint:
        strength = rng.uniform(20, 110) * rng.choice((-1, 1, 1))
        ramp = np.arange(256, dtype=np.float32) * (strength / 128) + (value - strength)
        channels.append(np.clip(ramp, 0, 255).astype(np.uint8))
    return np.asarray(cv2.LUT(cv2.merge((level, level, level)), np.stack(channels, axis=1)[None]), dtype=np.uint8)


def _landscape(size: tuple[int, int], tint: Colour, rng: Rng) -> Pixels:
    """A sky with round, tilted and jagged shapes before it, softened, with a little grain."""
    height, width = size
    sky = np.array([[tint], [blend(tint, (255, 255, 255), rng.uniform(0.1, 0.7))]], dtype=np.uint8)
    picture = cv2.resize(sky, (width, height), interpolation=cv2.INTER_LINEAR)
    for _ in range(rng.integer(2, 8)):
        colour = blend(tint, (rng.integer(0, 255), rng.integer(0, 255), rng.integer(0, 255)), rng.uniform(0.2, 0.9))
        at = round(width * rng.uniform(-0.1, 1.1)), round(height * rng.uniform(0.1, 1.1))
        if rng.chance(0.6):
            axes = round(width * rng.uniform(0.04, 0.4)) + 1, round(height * rng.uniform(0.04, 0.5)) + 1
            cv2.ellipse(picture, at, axes, rng.integer(0, 180), 0, 360, colour, -1, _AA)
        else:
            corners = [
                (at[0] + round(width * rng.uniform(-0.5, 0.5)), round(height * rng.uniform(0.2, 1.2)))
                for _ in range(rng.integer(3, 6))
            ]
            cv2.fillPoly(picture, [np.array(corners, dtype=np.int32)], colour, _AA)
    grain = cv2.convertScaleAbs(photo(*size, rng) * np.float32(rng.uniform(3, 30)) + np.float32(128))
    soft = cv2.blur(picture, (3, 3)) if rng.chance(0.7) else picture
    return np.asarray(cv2.addWeighted(soft, 1.0, cv2.merge((grain, grain, grain)), 1.0, -128), dtype=np.uint8)


def _put(canvas: Pixels, picture: Pixels, x: int, y: int, radius: float) -> None:
    """Copy a picture onto the canvas, its corners rounded."""
    height, width = canvas.shape[:2]
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + picture.shape[1], width), min(y + picture.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    area, part = canvas[y0:y1, x0:x1], picture[y0 - y : y1 - y, x0 - x : x1 - x]
    r = int(min(radius, picture.shape[0] / 2, picture.shape[1] / 2))
    if r < 2:
        area[:] = part
        return
    mask = np.zeros(picture.shape[:2], dtype=np.uint8)
    fill(mask, 0, 0, picture.shape[1], picture.shape[0], (255, 255, 255), r)
    cv2.copyTo(np.ascontiguousarray(part), mask[y0 - y : y1 - y, x0 - x : x1 - x], area)


def line(a: Point, b: Point, colour: Colour, stroke: float = 1.0) -> Shape:
    """A straight stroke."""
    ends = (round(a[0]), round(a[1])), (round(b[0]), round(b[1]))
    width = max(1, round(stroke))
    straight = ends[0][0] == ends[1][0] or ends[0][1] == ends[1][1]
    return lambda canvas: cv2.line(canvas, *ends, colour, width, cv2.LINE_8 if straight else _AA)


def dashes(a: Point, b: Point, colour: Colour, stroke: float, dash: float) -> Shape:
    """A dashed stroke."""
    length = math.hypot(b[0] - a[0], b[1] - a[1])
    count = max(1, int(length / (2 * dash)))
    ux, uy = (b[0] - a[0]) / max(length, 1e-6), (b[1] - a[1]) / max(length, 1e-6)
    width = max(1, round(stroke))

    def draw(canvas: Pixels) -> None:
        for k in range(count):
            s, e = 2 * k * dash, (2 * k + 1) * dash
            start = round(a[0] + ux * s), round(a[1] + uy * s)
            cv2.line(canvas, start, (round(a[0] + ux * e), round(a[1] + uy * e)), colour, width)

    return draw


def polyline(points: Sequence[Point], colour: Colour, stroke: float, closed: bool = False) -> Shape:
    """Connected strokes."""
    array = np.rint(np.array(points) * 8).astype(np.int32)
    width = max(1, round(stroke))
    return lambda canvas: cv2.polylines(canvas, [array], closed, colour, width, _AA, 3)


def polygon(points: Sequence[Point], colour: Colour, alpha: float = 1.0) -> Shape:
    """A filled polygon."""
    array = np.rint(np.array(points) * 8).astype(np.int32)
    low, high = array.min(axis=0) // 8 - 1, array.max(axis=0) // 8 + 2

    def draw(canvas: Pixels) -> None:
        if alpha == 1:
            cv2.fillPoly(canvas, [array], colour, _AA, 3)
            return
        x0, y0, x1, y1 = max(0, low[0]), max(0, low[1]), max(0, high[0]), max(0, high[1])
        area = canvas[y0:y1, x0:x1]
        if area.size:
            over = area.copy()
            cv2.fillPoly(over, [array - np.array([x0 * 8, y0 * 8], dtype=np.int32)], colour, _AA, 3)
            cv2.addWeighted(area, 1 - alpha, over, alpha, 0, area)

    return draw


def disc(x: float, y: float, radius: float, colour: Colour, stroke: int = -1) -> Shape:
    """A filled circle, or a ring of a stroke."""
    centre, r = (round(x * 8), round(y * 8)), max(8, round(radius * 8))
    return lambda canvas: cv2.circle(canvas, centre, r, colour, stroke, _AA, 3)


def arc(x: float, y: float, radius: float, ends: tuple[float, float], colour: Colour, stroke: float) -> Shape:
    """A part of a ring; ends in degrees, clockwise from the right."""
    centre, axes = (round(x * 8), round(y * 8)), (round(radius * 8), round(radius * 8))
    width = max(1, round(stroke))
    return lambda canvas: cv2.ellipse(canvas, centre, axes, 0, *ends, colour, width, _AA, 3)


def stamp(mask: np.ndarray[tuple[int, int], np.dtype[np.uint8]], x: int, y: int, colour: Colour) -> Shape:
    """A mask in a colour, at its upper left corner."""

    def draw(canvas: Pixels) -> None:
        height, width = canvas.shape[:2]
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + mask.shape[1], width), min(y + mask.shape[0], height)
        if x0 < x1 and y0 < y1:
            blend_mask(canvas[y0:y1, x0:x1], np.ascontiguousarray(mask[y0 - y : y1 - y, x0 - x : x1 - x]), colour)

    return draw
