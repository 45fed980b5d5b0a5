"""Convert ONNX text-line recognisers to TensorFlow.js, exactly, without TensorFlow.

from linelet_convert import convert

report = convert("reader.onnx", "bundle", weights="uint8")
print(report.bytes, report.check.max_difference)
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linelet_convert.conversion import Report, convert
    from linelet_convert.serve import make_server
    from linelet_convert.third_party import Hints

__version__ = version("linelet-convert")

__all__ = ["Hints", "Report", "__version__", "convert", "make_server"]

# Where each name lives. Imported when first asked for: onnx and onnxruntime are heavy.
_HOMES = {"Hints": "third_party", "Report": "conversion", "convert": "conversion", "make_server": "serve"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
