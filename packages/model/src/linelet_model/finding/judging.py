"""How well a finder finds: recall and precision of its boxes on screens whose lines are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from linelet_common.boxes import Box, FinderSpec, find_lines
from linelet_common.pairing import pair_boxes
from linelet_common.preprocess import Pixels


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
        right += len(pair_boxes(found, true))
    return Found(lines, boxes, right)
