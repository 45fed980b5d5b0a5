"""How well a finder finds: recall and precision of its boxes on screens whose lines are known.

A box and a line are each other's where their intersection over union is at least 0.5, each box for one line only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from linelet_common.boxes import Box, FinderSpec, find_lines
from linelet_common.preprocess import Pixels

_OVERLAP = 0.5


@dataclass(frozen=True)
class Found:
    """Counts over screens. lines: true ones; boxes: found ones; right: pairs."""

    lines: int
    boxes: int
    right: int

    @property
    def recall(self) -> float:
        """Share of the lines that have a box, 0-1."""
        return self.right / self.lines if self.lines else 1.0

    @property
    def precision(self) -> float:
        """Share of the boxes that have a line, 0-1."""
        return self.right / self.boxes if self.boxes else 1.0


def count_pairs(boxes: NDArray[np.float64], lines: NDArray[np.float64]) -> int:
    """How many boxes and lines are each other's; both float64 (., 4), x, y, width, height. Greatest overlap first."""
    if not len(boxes) or not len(lines):
        return 0
    a, b = boxes[:, None], lines[None]
    across = np.minimum(a[..., 0] + a[..., 2], b[..., 0] + b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    down = np.minimum(a[..., 1] + a[..., 3], b[..., 1] + b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    common = across.clip(0) * down.clip(0)
    overlap = common / (a[..., 2] * a[..., 3] + b[..., 2] * b[..., 3] - common)
    taken_boxes, taken_lines = set(), set()
    for i, j in zip(*np.unravel_index(np.argsort(-overlap, axis=None), overlap.shape), strict=True):
        if overlap[i, j] < _OVERLAP:
            break
        if i not in taken_boxes and j not in taken_lines:
            taken_boxes.add(i)
            taken_lines.add(j)
    return len(taken_boxes)


def widen(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes tight to the ink, with the margin that found boxes have."""
    margin = 0.12 * lines[:, 3:] + 1
    return np.hstack([lines[:, :2] - margin, lines[:, 2:] + 2 * margin])


def torch_lines(network: nn.Module, spec: FinderSpec, picture: Pixels) -> list[Box]:
    """The lines that a network in torch finds on a screen."""

    def score(screens: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = network(torch.from_numpy(screens)).sigmoid().numpy()
        return found

    return find_lines(picture, spec, score)


def judge_finder(network: nn.Module, spec: FinderSpec, screens: Sequence[tuple[Pixels, NDArray[np.float64]]]) -> Found:
    """Recall and precision on screens, each a picture and the boxes of its lines, tight to the ink."""
    lines = boxes = right = 0
    for picture, true in screens:
        found = np.array(torch_lines(network, spec, picture), dtype=np.float64).reshape(-1, 4)
        lines, boxes = lines + len(true), boxes + len(found)
        right += count_pairs(found, widen(true))
    return Found(lines, boxes, right)
