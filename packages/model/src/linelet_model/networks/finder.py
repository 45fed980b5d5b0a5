"""The network that finds the lines of a screen: for each cell of 4 x 4 pixels, the probability of a line's core.

A feature pyramid (Lin et al. 2017) of depthwise-separable blocks (Howard et al. 2017), small because a screen has
half a million pixels: fine features say where a stroke is, coarse ones whether it belongs to text, an icon or a chart.
"""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Separable(nn.Module):
    """Depthwise kernel x kernel, then pointwise; the input is added where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__()
        self.residual = stride == 1 and inputs == outputs
        self.depthwise = nn.Sequential(
            nn.Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False), nn.BatchNorm2d(inputs)
        )
        self.pointwise = _conv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        mixed: Tensor = self.pointwise(self.depthwise(x))
        return x + mixed if self.residual else mixed


class Finder(nn.Module):
    """Grey screens, scaled to -1..1, to logits of a pixel's lying in the core of a line.

    0.1 M parameters. A cell of the map sees some 400 pixels around it, a card with its icon, text and button.
    """

    step: ClassVar[int] = 32  # what heights and widths are multiples of
    stride: ClassVar[int] = 4  # pixels a cell of the map

    def __init__(self) -> None:
        super().__init__()
        width = 32
        self.stem = nn.Sequential(_conv(1, 12, 3, 2), _conv(12, 32, 3, 2))  # (N, 32, H / 4, W / 4)
        self.fine = Separable(32, 32)
        self.eighth = nn.Sequential(Separable(32, 48, 2, 5), Separable(48, 48), Separable(48, 48))
        self.sixteenth = nn.Sequential(Separable(48, 72, 2, 5), *(Separable(72, 72) for _ in range(3)))
        self.coarse = nn.Sequential(Separable(72, 112, 2, 5), *(Separable(112, 112, kernel=5) for _ in range(3)))
        self.laterals = nn.ModuleList(nn.Conv2d(c, width, 1) for c in (32, 48, 72, 112))
        self.smooth = nn.ModuleList(Separable(width, width) for _ in range(3))
        self.scores = nn.Conv2d(width, 1, 1)

    def forward(self, screens: Tensor) -> Tensor:
        """(N, 1, H, W), H and W multiples of 32 -> logits (N, H / 4, W / 4)."""
        levels = [self.fine(self.stem(screens))]  # (N, 32, H / 4, W / 4)
        for stage in (self.eighth, self.sixteenth, self.coarse):
            levels.append(stage(levels[-1]))
        x = self.laterals[3](levels[3])  # (N, 32, H / 32, W / 32)
        for i in (2, 1, 0):
            x = self.laterals[i](levels[i]) + F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.smooth[i](x)
        scores: Tensor = self.scores(x).squeeze(1)  # (N, H / 4, W / 4)
        return scores
