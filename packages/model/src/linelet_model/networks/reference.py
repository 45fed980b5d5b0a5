"""The classic CRNN: a VGG stack of 6.8 M parameters and a bidirectional GRU or two bidirectional LSTMs of 256 units.

Shi, Bai and Yao, "An End-to-End Trainable Neural Network for Image-based Sequence Recognition", 2015. Fourteen times
the size of the light networks and thirteen times as slow to train on a CPU; here to compare with and to convert.
"""

from typing import ClassVar

from torch import Tensor, nn


def _vgg() -> nn.Sequential:
    """(N, 1, 32, W) -> (N, 512, 1, W / 4 - 1)."""

    def conv(inputs: int, outputs: int, size: int = 3, padding: int = 1) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, size, 1, padding)

    def relu() -> nn.ReLU:
        return nn.ReLU(inplace=True)

    return nn.Sequential(
        conv(1, 64), relu(), nn.MaxPool2d(2),  # (N, 64, 16, W / 2)
        conv(64, 128), relu(), nn.MaxPool2d(2),  # (N, 128, 8, W / 4)
        conv(128, 256), nn.BatchNorm2d(256), relu(),
        conv(256, 256), relu(), nn.MaxPool2d((2, 1)),  # (N, 256, 4, W / 4)
        conv(256, 512), nn.BatchNorm2d(512), relu(),
        conv(512, 512), relu(), nn.MaxPool2d((2, 1)),  # (N, 512, 2, W / 4)
        conv(512, 512, 2, 0), nn.BatchNorm2d(512), relu(),  # (N, 512, 1, W / 4 - 1)
    )  # fmt: skip


class ReferenceGRU(nn.Module):
    """VGG stack and one bidirectional GRU of 256 units: 6.8 M parameters."""

    height: ClassVar[int] = 32
    stride: ClassVar[int] = 4
    frames_lost: ClassVar[int] = 1
    classifier: ClassVar[str] = "scores"

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.cnn = _vgg()
        self.rnn: nn.GRU | nn.LSTM = nn.GRU(512, 256, bidirectional=True)
        self.scores = nn.Linear(512, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 32, W) -> (N, W / 4 - 1, classes)."""
        x = self.cnn(images).squeeze(2).permute(2, 0, 1)  # (T, N, 512)
        x, _ = self.rnn(x)  # (T, N, 512)
        scores: Tensor = self.scores(x).permute(1, 0, 2)
        return scores


class ReferenceLSTM(ReferenceGRU):
    """VGG stack and two bidirectional LSTMs of 256 units, the paper's head: 8.3 M parameters."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.rnn = nn.LSTM(512, 256, num_layers=2, bidirectional=True)
