"""The finder's loss: binary cross entropy of each cell, text weighted, and dice of each crop.

Dice (Milletari et al. 2016) looks at the whole: without it a map of faint lines would be a cheap answer.
"""

import torch.nn.functional as F
from torch import Tensor

_TEXT = 2.0  # what a cell of text counts more than one of background, of which there are ten times as many


def map_loss(scores: Tensor, inside: Tensor, weight: Tensor) -> Tensor:
    """Mean loss of logits (N, rows, columns) against ``inside``, 0-1, counted by ``weight``, of the same shape."""
    scores = scores.float()
    counted = weight * (1 + _TEXT * inside)
    cells = F.binary_cross_entropy_with_logits(scores, inside, reduction="none")
    entropy = (cells * counted).sum() / counted.sum().clamp(min=1)
    found = scores.sigmoid()
    common = (found * inside * weight).sum(dim=(1, 2))
    either = ((found.square() + inside.square()) * weight).sum(dim=(1, 2))
    dice = 1 - (2 * common + 1) / (either + 1)  # 0 where a crop without text is empty
    return entropy + dice.mean()
