"""Backbones made for photographs, from torchvision, under the light networks' convolutional head.

Their strides would shrink a line of 32 rows 32 times in both directions. All but the first two halve rows only here,
so that 32 rows become one and four columns become one frame.
"""

from typing import ClassVar

from torch import Tensor, nn

from linelet_common.errors import TrainingError
from linelet_model.networks.light import Mixer

try:
    from torchvision import models
except (ImportError, RuntimeError) as failure:  # RuntimeError: one that was built for another torch
    raise TrainingError(
        f"this network's backbone comes from torchvision, which cannot be imported ({failure}); "
        "pip install 'linelet-model[torchvision]', or take another --network"
    ) from None


class _Picture(nn.Module):
    """A backbone's feature maps, brought to the head's width, the head, and the scores."""

    height: ClassVar[int] = 32
    stride: ClassVar[int] = 4
    frames_lost: ClassVar[int] = 0
    classifier: ClassVar[str] = "scores"

    def __init__(self, classes: int, backbone: nn.Sequential, outputs: int) -> None:
        super().__init__()
        features = 160
        self.backbone = _for_lines(backbone)
        self.neck = nn.Sequential(nn.Conv2d(outputs, features, 1, bias=False), nn.BatchNorm2d(features), nn.ReLU())
        self.head = nn.Sequential(*(Mixer(features, 9) for _ in range(3)))
        self.scores = nn.Conv2d(features, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1, 32, W) -> (N, W / 4, classes)."""
        x = self.head(self.neck(self.backbone(images)))  # (N, 160, 1, T)
        scores: Tensor = self.scores(x).squeeze(2).permute(0, 2, 1)
        return scores


class MobileNetV3Small(_Picture):
    """MobileNetV3-Small (Howard et al. 2019), without its last 1x1 convolution."""

    def __init__(self, classes: int) -> None:
        network = models.mobilenet_v3_small(weights=None)
        super().__init__(classes, network.features[:-1], 96)


class ResNet18(_Picture):
    """ResNet-18 (He et al. 2015)."""

    def __init__(self, classes: int) -> None:
        network = models.resnet18(weights=None)
        stages = [network.layer1, network.layer2, network.layer3, network.layer4]
        super().__init__(
            classes, nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool, *stages), 512
        )


def _for_lines(backbone: nn.Sequential) -> nn.Sequential:
    """Take grey lines, and keep columns from the third halving on. A shortcut halves with the block it goes around."""
    reductions = 0
    for name, module in list(backbone.named_modules()):
        if isinstance(module, nn.Conv2d) and module.in_channels == 3:
            parent = backbone.get_submodule(name.rpartition(".")[0])
            grey = nn.Conv2d(1, module.out_channels, module.kernel_size, module.stride, module.padding, bias=False)  # type: ignore[arg-type]  # tuples of two, which torch declares as of any length
            setattr(parent, name.rpartition(".")[2], grey)
            module = grey
        if isinstance(module, nn.Conv2d | nn.MaxPool2d) and module.stride in (2, (2, 2)):
            shortcut = "downsample" in name
            reductions += not shortcut
            if reductions > 2:
                module.stride = (2, 1)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1  # MobileNet's 0.01 is for weeks of training, ours takes minutes
    assert reductions == 5
    return backbone
