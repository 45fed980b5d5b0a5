"""Read text lines with ONNX readers, evaluate and compare readers. Needs no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from linelet_common.version import __version__

if TYPE_CHECKING:
    from linelet_read.decoding import decode
    from linelet_read.evaluation import Evaluation, compare, evaluate
    from linelet_read.readers import OnnxReader, load_reader
    from linelet_read.reading import read_lines
    from linelet_read.report import write_report

__all__ = [
    "Evaluation",
    "OnnxReader",
    "__version__",
    "compare",
    "decode",
    "evaluate",
    "load_reader",
    "read_lines",
    "write_report",
]

_MODULES = {
    "Evaluation": "evaluation",
    "OnnxReader": "readers",
    "compare": "evaluation",
    "decode": "decoding",
    "evaluate": "evaluation",
    "load_reader": "readers",
    "read_lines": "reading",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    # On demand: `linelet --help` imports this package and must not pay for numpy and ONNX Runtime.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
