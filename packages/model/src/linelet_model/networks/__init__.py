"""The networks to choose from, by name. To add one: write a module here and name its class in NETWORKS.

A network maps images float32 (N, 1, H, W), scaled to -1..1, to scores float32 (N, T, C), logits. Its class says how:
``height`` (H it expects), ``stride`` (pixels per frame), ``frames_lost`` (T = W // stride - frames_lost) and
``classifier`` (the name of its last layer, whose rows are the classes).
"""

import difflib
import importlib
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from linelet_common.errors import TrainingError

if TYPE_CHECKING:
    from torch import nn

DEFAULT = "light-conv"

# Strings, so that listing the names imports no torch.
NETWORKS = {
    "light-conv": "linelet_model.networks.light:LightConv",
    "light-gru": "linelet_model.networks.light:LightGRU",
    "mobilenet-v3-small": "linelet_model.networks.pictures:MobileNetV3Small",
    "resnet-18": "linelet_model.networks.pictures:ResNet18",
    "reference-gru": "linelet_model.networks.reference:ReferenceGRU",
    "reference-lstm": "linelet_model.networks.reference:ReferenceLSTM",
}


class NetworkClass(Protocol):
    """What a network's class offers."""

    height: ClassVar[int]
    stride: ClassVar[int]
    frames_lost: ClassVar[int]
    classifier: ClassVar[str]

    def __call__(self, classes: int) -> "nn.Module":
        """A fresh network for C classes."""
        ...


def network_class(name: str) -> NetworkClass:
    """The class of a network; TrainingError for an unknown name, or for one whose library is not installed."""
    if name not in NETWORKS:
        near = difflib.get_close_matches(name, NETWORKS, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(NETWORKS)}"
        raise TrainingError(f"unknown network '{name}'; {remedy}")
    module, _, attribute = NETWORKS[name].partition(":")
    return cast(NetworkClass, getattr(importlib.import_module(module), attribute))
