"""Read text lines and whole screens with ONNX readers; evaluate and compare readers. Needs no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from linelet_common.version import __version__

if TYPE_CHECKING:
    from linelet_read.decoding import decode
    from linelet_read.evaluation import Evaluation, compare, evaluate
    from linelet_read.fields import read_fields
    from linelet_read.finder import OnnxFinder, load_finder
    from linelet_read.readers import OnnxReader, load_reader
    from linelet_read.reading import read_lines
    from linelet_read.report import write_report
    from linelet_read.screen_evaluation import ScreenEvaluation, evaluate_screens
    from linelet_read.screens import ScreenReading, read_screen

__all__ = [
    "Evaluation",
    "OnnxFinder",
    "OnnxReader",
    "ScreenEvaluation",
    "ScreenReading",
    "__version__",
    "compare",
    "decode",
    "evaluate",
    "evaluate_screens",
    "load_finder",
    "load_reader",
    "read_fields",
    "read_lines",
    "read_screen",
    "write_report",
]

_MODULES = {
    "Evaluation": "evaluation",
    "OnnxFinder": "finder",
    "OnnxReader": "readers",
    "ScreenEvaluation": "screen_evaluation",
    "ScreenReading": "screens",
    "compare": "evaluation",
    "decode": "decoding",
    "evaluate": "evaluation",
    "evaluate_screens": "screen_evaluation",
    "load_finder": "finder",
    "load_reader": "readers",
    "read_fields": "fields",
    "read_lines": "reading",
    "read_screen": "screens",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    # On demand: `linelet --help` imports this package and must not pay for numpy and ONNX Runtime.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
