"""Boxes -> what the finder's map should be: how much of each cell lies in the core of a line, and how much it counts.

A core is a line's box less a share of its height, so that lines above each other stay apart (Wang et al. 2019, Liao et
al. 2020 shrink for the same reason).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linelet_common.boxes import FinderSpec

_SMALLEST = 5.0  # pixels of height in the finder's input: lower lines nobody can read, and nobody need find
_REFERENCE = 20.0  # cells of a core's area that count as themselves; those of smaller cores count for more
_GREATEST = 4.0


@dataclass(frozen=True)
class Targets:
    """What a map should be, float32 (rows, columns) both. inside: 0-1; weight: 0 where ignored."""

    inside: NDArray[np.float32]
    weight: NDArray[np.float32]


def draw_targets(boxes: NDArray[np.float64], shape: tuple[int, int], spec: FinderSpec) -> Targets:
    """The targets of a picture of ``shape`` (H, W) in the finder's input, multiples of the stride.

    boxes: float64 (M, 4), x, y, width, height, tight to the ink, in pixels of the input; they may lie outside.
    Lines under 5 pixels of height count neither for nor against.
    """
    rows, columns = shape[0] // spec.stride, shape[1] // spec.stride
    inside = np.zeros((rows, columns), dtype=np.float32)
    weight = np.ones((rows, columns), dtype=np.float32)
    for x, y, width, height in boxes.tolist():
        top, bottom = y / spec.stride, (y + height) / spec.stride
        left, right = x / spec.stride, (x + width) / spec.stride
        if height < _SMALLEST:
            weight *= 1 - _coverage(top, bottom, rows)[:, None] * _coverage(left, right, columns)[None]
            continue
        core = max(height * (1 - spec.shrink), min(height, spec.least_core)) / spec.stride
        middle, centre = (top + bottom) / 2, (left + right) / 2
        half = max(width - spec.shrink * height / 2, spec.least_core) / spec.stride / 2
        down = _coverage(middle - core / 2, middle + core / 2, rows)
        across = _coverage(centre - half, centre + half, columns)
        covered = down[:, None] * across[None]
        np.maximum(inside, covered, out=inside)
        area = 2 * core * half
        boost = min(_GREATEST, max(1.0, (_REFERENCE / area) ** 0.5)) - 1
        np.maximum(weight, 1 + boost * (covered > 0), out=weight, where=weight > 0)
    return Targets(inside, weight)


def _coverage(start: float, end: float, cells: int) -> NDArray[np.float32]:
    """How much of each cell [i, i + 1) lies between start and end, float32 (cells,)."""
    edges = np.arange(cells + 1, dtype=np.float64).clip(start, max(start, end))
    return np.diff(edges).astype(np.float32)
