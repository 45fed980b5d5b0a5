"""The moving average of a network's weights, which is what a run keeps and reads with."""

import torch
from torch import nn


def follow(average: nn.Module, network: nn.Module, ema: float, updates: int) -> None:
    """Move ``average`` towards ``network`` after its update number ``updates``, counted from 1.

    ema: the share (0-1) of itself that an old average keeps. A young one follows quickly, or the first epochs would be
    judged with random weights. What is no floating-point number (a layer's counter) is copied.
    """
    decay = min(ema, (1 + updates) / (10 + updates))
    with torch.no_grad():
        for kept, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(now, 1 - decay)
            else:
                kept.copy_(now)
