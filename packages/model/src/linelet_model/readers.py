"""Readers in Python: a run folder through torch, an ONNX file through ONNX Runtime."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linelet_common.errors import ReaderError
from linelet_common.reader import Reader, onnx_path
from linelet_common.spec import ONNX_KEY, ReaderSpec


class TorchReader:
    """A trained network in torch, on the CPU."""

    def __init__(self, folder: Path) -> None:
        from linelet_model.run import load_network

        self.network, self.spec = load_network(folder)

    def scores(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Input float32 (N, 1, H, W) -> logits float32 (N, T, C)."""
        import torch

        with torch.inference_mode():
            output: NDArray[np.float32] = self.network(torch.from_numpy(batch)).numpy()
        return output


class OnnxReader:
    """An ONNX file that carries its spec, run by ONNX Runtime on the CPU.

    threads: ONNX Runtime's threads within an operator. One is the best use of CPU time for lines this small.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        import onnxruntime as ort

        if not path.is_file():
            raise ReaderError(f"{path}: no such ONNX file; make one with 'linelet export RUN --out {path}'")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # what is wrong is said below, in one line
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as failure:  # ONNX Runtime's exceptions share no base class of their own
            reason = str(failure).splitlines()[0].removeprefix("[ONNXRuntimeError] : ")
            raise ReaderError(f"{path} is no ONNX model that can run ({reason}); export it again") from None
        metadata = self._session.get_modelmeta().custom_metadata_map
        if ONNX_KEY not in metadata:
            raise ReaderError(
                f"{path} carries no reader spec (metadata {ONNX_KEY!r}); make it with 'linelet export', or add a spec"
            )
        self.spec = ReaderSpec.from_json(metadata[ONNX_KEY], f"{path} ({ONNX_KEY})")
        self._input = self._session.get_inputs()[0].name

    def scores(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Input float32 (N, channels, H, W) -> the network's output as the spec's layout says."""
        (output,) = self._session.run(None, {self._input: batch})
        return np.asarray(output, dtype=np.float32)


def open_reader(reader: str | Path) -> Reader:
    """Open a run folder, an ONNX file or a shipped reader by its name; ReaderError for anything else."""
    path = onnx_path(str(reader))
    if path.is_dir():
        return TorchReader(path)
    if not path.exists():
        raise ReaderError(f"{path}: no such reader; name a run folder, an ONNX file or a shipped reader (health-app)")
    return OnnxReader(path)
