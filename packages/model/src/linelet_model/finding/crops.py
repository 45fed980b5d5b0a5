"""Screens with boxes -> crops as the finder may meet them: other sizes, dark for light, pale, noisy, compressed.

A crop is a pure function of the screen and its random numbers. Screens are kept as luma, shrunk to a third more
than the finder sees: about 1 MB for a phone's screen.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from linelet_common.boxes import FinderSpec, screen_grey, shrunk_size
from linelet_common.preprocess import Pixels
from linelet_model.finding.targets import draw_targets

Boxes = NDArray[np.float64]

# A crop's scale relative to the finder's: larger, because phones are also held wide and apps in large type; smaller,
# because a screenshot within a picture, a desktop's window or an app's table has type of half the size.
LARGEST, SMALLEST = math.exp(0.7), math.exp(-0.45)
KEPT = math.exp(0.3)  # what a screen is kept at; the largest crops are enlarged from that


@dataclass(frozen=True)
class Screen:
    """grey: luma uint8 (H, W); boxes: float64 (M, 4), x, y, width, height in its pixels; scale: of the finder's input
    to these pixels."""

    grey: Pixels
    boxes: Boxes
    scale: float


def keep_screen(picture: Pixels, boxes: Boxes, spec: FinderSpec) -> Screen:
    """A screen as it is kept. picture: RGB uint8 (H, W, 3) or grey; boxes in its pixels, float64 (M, 4)."""
    grey = screen_grey(picture)
    height, width = grey.shape
    scale = shrunk_size(height, width, spec)[1] / width
    kept = min(1.0, scale * KEPT)
    if kept < 1:
        size = (max(1, round(width * kept)), max(1, round(height * kept)))
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
        boxes = boxes * np.array([size[0] / width, size[1] / height] * 2)
    return Screen(grey, boxes, scale / kept)


def cut_crop(screen: Screen, size: int, rng: np.random.Generator) -> tuple[Pixels, Boxes]:
    """A square of ``size`` pixels in the finder's input, uint8 (size, size), and the boxes in it, some cut or outside.

    Most crops hold a line; beyond the screen its edge goes on, as padding does.
    """
    scale = screen.scale * math.exp(rng.uniform(math.log(SMALLEST), math.log(LARGEST)))
    across = scale * math.exp(rng.uniform(-0.1, 0.1))
    high, wide = size / scale, size / across
    if len(screen.boxes) and rng.random() < 0.8:
        x, y, width, height = screen.boxes[rng.integers(len(screen.boxes))]
        left, top = x + width * rng.random() - wide * rng.random(), y + height / 2 - high * rng.random()
    else:
        left = rng.random() * screen.grey.shape[1] - wide * rng.random()
        top = rng.random() * screen.grey.shape[0] - high * rng.random()
    left, top = _inside(left, wide, screen.grey.shape[1]), _inside(top, high, screen.grey.shape[0])
    # Whole pixels of the screen around the crop, the screen's edge repeated where there is none.
    rows = np.arange(math.floor(top) - 2, math.ceil(top + high) + 3).clip(0, screen.grey.shape[0] - 1)
    columns = np.arange(math.floor(left) - 2, math.ceil(left + wide) + 3).clip(0, screen.grey.shape[1] - 1)
    around = Image.fromarray(screen.grey[rows[:, None], columns[None]])
    corner = (left - math.floor(left) + 2, top - math.floor(top) + 2)
    area = (*corner, corner[0] + wide, corner[1] + high)
    crop = np.asarray(around.resize((size, size), Image.Resampling.BILINEAR, box=area))
    return crop, (screen.boxes - np.array([left, top, 0, 0])) * np.array([across, scale] * 2)


def _inside(start: float, length: float, size: int) -> float:
    """A crop's start, moved so that it leaves the screen by an eighth of its length at most."""
    slack = length / 8
    return min(max(start, -slack), max(-slack, size + slack - length))


def augment_crop(crop: Pixels, rng: np.random.Generator) -> Pixels:
    """The crop as other screens, cameras and files would show it, uint8 of the same shape."""
    values: NDArray[np.floating] = crop.astype(np.float32)
    if rng.random() < 0.5:
        values = 255 - values
    if rng.random() < 0.3:  # other tones between the same ends
        values = 255 * (values / 255) ** math.exp(rng.uniform(-0.7, 0.7))
    span = math.exp(rng.uniform(math.log(0.15), 0.0)) if rng.random() < 0.6 else 1.0  # pale, dim
    values = values * span + rng.uniform(0, 255 * (1 - span))
    image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.2:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    elif rng.random() < 0.15:
        image = image.filter(ImageFilter.UnsharpMask(1, int(rng.integers(50, 200)), 0))
    if rng.random() < 0.25:
        noise = rng.standard_normal(crop.shape, dtype=np.float32) * rng.uniform(1, 8) * span
        image = Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))
    if rng.random() < 0.4 * span:  # what is pale does not survive a harsh JPEG
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(30, 90)))
        image = Image.open(buffer)
    return np.asarray(image)


@dataclass(frozen=True)
class Batch:
    """screens: float32 (N, 1, size, size), scaled as the spec says; inside, weight: float32 (N, size / 4, size / 4)."""

    screens: NDArray[np.float32]
    inside: NDArray[np.float32]
    weight: NDArray[np.float32]


def make_batch(screens: Sequence[Screen], size: int, spec: FinderSpec, seed: tuple[int, ...]) -> Batch:
    """A crop of each screen, augmented, with its targets; a pure function of the arguments."""
    rng = np.random.default_rng(seed)
    crops, targets = [], []
    for screen in screens:
        crop, boxes = cut_crop(screen, size, rng)
        crops.append(augment_crop(crop, rng))
        targets.append(draw_targets(boxes, (size, size), spec))
    values = (np.stack(crops).astype(np.float32) / 255 - spec.mean) / spec.std
    return Batch(
        values[:, None].astype(np.float32),
        np.stack([t.inside for t in targets]),
        np.stack([t.weight for t in targets]),
    )
