"""ONNX models opened and run by ONNX Runtime, whose failures become one line. Needs ``linelet-common[onnx]``."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from linelet_common.digests import check_sealed_file
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


class OnnxNetwork:
    """An ONNX file of one input and one output that carries a spec, run by ONNX Runtime on the CPU.

    key: the spec's in the metadata; what: its owner in messages; text: what stands there. threads: see open_session.
    ReaderError if the file is broken, changed since it was exported, without a spec, or of more inputs or outputs.
    """

    def __init__(self, path: Path, key: str, what: str, threads: int = 1) -> None:
        check_sealed_file(path)
        self._path = path
        self._session = open_session(path, str(path), threads=threads)
        metadata = self._session.get_modelmeta().custom_metadata_map
        if key not in metadata:
            raise ReaderError(
                f"{path} carries no {what} spec (metadata {key!r}); make it with 'linelet export', or add a spec",
                value=key,
                place=path,
            )
        self.text: str = metadata[key]
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ReaderError(
                f"{path} has {len(inputs)} inputs and {len(outputs)} outputs, not one of each; export it again",
                place=path,
            )
        self._input = inputs[0].name

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Input float32 (N, channels, H, W) -> the output. ReaderError if it cannot be computed, or is no numbers."""
        try:
            (output,) = self._session.run(None, {self._input: batch})
        except Exception as failure:  # see open_session
            raise self.misfit(f"cannot read {batch.shape}: {first_line(failure)}") from None
        if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
            raise self.misfit("gives no numbers")
        if np.isnan(output).any():
            raise self.misfit(f"gives NaN for {batch.shape}")
        return np.asarray(output, dtype=np.float32)

    def misfit(self, reason: str) -> ReaderError:
        """The error of a network that is not what its spec says."""
        return ReaderError(
            f"{self._path}: the network {reason}; its spec is another one's, or it is broken: export it again",
            place=self._path,
        )


def first_line(failure: Exception) -> str:
    """What ONNX Runtime says first, without its own prefix."""
    lines = str(failure).splitlines() or [type(failure).__name__]
    return lines[0].removeprefix("[ONNXRuntimeError] : ")
