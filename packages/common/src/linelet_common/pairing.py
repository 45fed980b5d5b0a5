"""Which found boxes and which true lines are each other's.

A box and a line are a pair where their intersection over union (IoU) is at least 0.5, each box with one line only,
greatest overlap first. True lines are tight to the ink; they get the margin that found boxes have before they are
compared.
"""

import numpy as np
from numpy.typing import NDArray

_OVERLAP = 0.5


def pair_boxes(boxes: NDArray[np.float64], lines: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (box, line) of found boxes and true lines, both float64 (N, 4): x, y, width, height in pixels."""
    if not len(boxes) or not len(lines):
        return []
    a, b = boxes[:, None], widen(lines)[None]
    across = np.minimum(a[..., 0] + a[..., 2], b[..., 0] + b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    down = np.minimum(a[..., 1] + a[..., 3], b[..., 1] + b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    common = across.clip(0) * down.clip(0)
    overlap = common / (a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - common)
    pairs: list[tuple[int, int]] = []
    taken_boxes, taken_lines = set(), set()
    for i, j in zip(*np.unravel_index(np.argsort(-overlap, axis=None, kind="stable"), overlap.shape), strict=True):
        if overlap[i, j] < _OVERLAP:
            break
        if i not in taken_boxes and j not in taken_lines:
            taken_boxes.add(i)
            taken_lines.add(j)
            pairs.append((int(i), int(j)))
    return pairs


def widen(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes tight to the ink, float64 (N, 4), with the margin that found boxes have."""
    margin = 0.12 * lines[:, 3:] + 1
    return np.hstack([lines[:, :2] - margin, lines[:, 2:] + 2 * margin])
