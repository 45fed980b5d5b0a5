"""Opening an ONNX model with ONNX Runtime, whose failures become one line. Needs ``linelet-common[onnx]``."""

from pathlib import Path
from typing import TYPE_CHECKING

from linelet_common.errors import LineletError, ReaderError

if TYPE_CHECKING:
    import onnxruntime


def open_session(
    model: Path | bytes, place: str, error: type[LineletError] = ReaderError, threads: int = 1
) -> "onnxruntime.InferenceSession":
    """A session of an ONNX file, or of its content, on the CPU. ``error`` naming ``place`` if it cannot run.

    threads: those within an operator. One is the best use of CPU time for pictures as small as lines.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what is wrong is said below, in one line
    ort.set_default_logger_severity(4)
    content = str(model) if isinstance(model, Path) else model
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as failure:  # ONNX Runtime's exceptions share no base class of their own
        raise error(
            f"{place} is not an ONNX model that can run ({first_line(failure)}); export it again", place=place
        ) from None


def first_line(failure: Exception) -> str:
    """What ONNX Runtime says first, without its own prefix."""
    lines = str(failure).splitlines() or [type(failure).__name__]
    return lines[0].removeprefix("[ONNXRuntimeError] : ")
