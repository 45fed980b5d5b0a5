"""Train light CTC recognisers of text lines in PyTorch and export them to ONNX."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from linelet_common.version import __version__

if TYPE_CHECKING:
    from linelet_model.networks import NETWORKS
    from linelet_model.onnx_export import export
    from linelet_model.settings import Settings
    from linelet_model.torch_reader import TorchReader
    from linelet_model.training import train

__all__ = ["NETWORKS", "Settings", "TorchReader", "__version__", "export", "train"]

_MODULES = {
    "NETWORKS": "networks",
    "Settings": "settings",
    "TorchReader": "torch_reader",
    "export": "onnx_export",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    # On demand: `linelet --help` imports this package and must not pay for torch.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    # A function may have the name of its module, which the import has just bound here.
    globals()[name] = value
    return value
