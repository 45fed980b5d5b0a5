"""Networks of half a million parameters: a small CNN, then a head over time, convolutional or recurrent.

The CNN shrinks 32 rows to one and four columns to one frame. Plain 3x3 convolutions: depthwise ones need fewer
multiplications but run half as fast on a CPU.
"""

from typing import ClassVar

from torch import Tensor, nn


def _conv(inputs: int, outputs: int, stride: int | tuple[int, int] = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


def _backbone(features: int) -> nn.Sequential:
    """(N, 1, 32, W) -> (N, features, 1, W / 4)."""
    return nn.Sequential(
        _conv(1, 32, 2),  # (N, 32, 16, W / 2)
        _conv(32, 64, 2),  # (N, 64, 8, W / 4)
        _conv(64, 64),
        _conv(64, 96, (2, 1)),  # (N, 96, 4, W / 4)
        _conv(96, 96),
        _conv(96, features, (2, 1)),  # (N, features, 2, W / 4)
        nn.Conv2d(features, features, (2, 1), bias=False),  # (N, features, 1, W / 4)
        nn.BatchNorm2d(features),
        nn.ReLU(inplace=True),
    )


class Mixer(nn.Module):
    """A residual block along time: depthwise over ``reach`` frames, then pointwise."""

    def __init__(self, features: int, reach: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(features, features, (1, reach), padding=(0, reach // 2), groups=features, bias=False),
            nn.Conv2d(features, features, 1, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, features, 1, T) -> the same shape."""
        mixed: Tensor = self.block(x)
        return x + mixed


class LightConv(nn.Module):
    """CNN and a convolutional head: any width, no recurrence, the fastest in training and in the browser.

    0.48 M parameters for 79 classes, 71 million multiply-accumulates for 200 pixels. A frame sees 13 frames to each
    side through the head, some 60 pixels: enough context to tell a small unit from a big digit.
    """

    height: ClassVar[int] = 32
    stride: ClassVar[int] = 4
    frames_lost: ClassVar[int] = 0
    classifier: ClassVar[str] = "scores"

    def __init__(self, classes: int) -> None:
        super().__init__()
        features = 160
        self.backbone = _backbone(features)
        self.head = nn.Sequential(*(Mixer(features, 9) for _ in range(3)))
        self.scores = nn.Conv2d(features, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 32, W) -> (N, W / 4, classes)."""
        x = self.head(self.backbone(images))  # (N, 160, 1, T)
        scores: Tensor = self.scores(x).squeeze(2).permute(0, 2, 1)
        return scores


class LightGRU(nn.Module):
    """The same CNN, a bidirectional GRU of 128 units: sees the whole line, costs more in the browser."""

    height: ClassVar[int] = 32
    stride: ClassVar[int] = 4
    frames_lost: ClassVar[int] = 0
    classifier: ClassVar[str] = "scores"

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = _backbone(160)
        self.gru = nn.GRU(160, 128, bidirectional=True)
        self.scores = nn.Linear(256, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 32, W) -> (N, W / 4, classes)."""
        x = self.backbone(images).squeeze(2).permute(2, 0, 1)  # (T, N, 160)
        x, _ = self.gru(x)  # (T, N, 256)
        scores: Tensor = self.scores(x).permute(1, 0, 2)
        return scores
