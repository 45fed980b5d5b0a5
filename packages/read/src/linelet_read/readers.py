"""Readers by what a user names: an ONNX file, a shipped reader, or what another package knows how to open.

A package that brings another kind of reader names a function in the entry-point group ``linelet.reader_kinds``: it
takes a folder and returns a Reader. ``linelet-model`` opens run folders that way.
"""

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linelet_common.errors import ReaderError
from linelet_common.onnx_session import OnnxNetwork
from linelet_common.reader import Reader, known_readers, onnx_path
from linelet_common.spec import ONNX_KEY, ReaderSpec

KINDS = "linelet.reader_kinds"


class OnnxReader:
    """An ONNX file that carries its spec, run by ONNX Runtime on the CPU.

    threads: ONNX Runtime's threads within an operator. ReaderError if the file is missing, broken, changed since it was
    exported, without a spec, or not what its spec says.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.is_file():
            raise ReaderError(f"{path}: no such ONNX file; make one with 'linelet export RUN --out {path}'", place=path)
        self._network = OnnxNetwork(path, ONNX_KEY, "reader", threads)
        self.spec = ReaderSpec.from_json(self._network.text, f"{path} ({ONNX_KEY})")

    def scores(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Input float32 (N, channels, H, W) -> the output. ReaderError if that is not what the spec says."""
        output, layout = self._network.run(batch), self.spec.layout
        wanted = {"N": len(batch), "C": self.spec.classes}
        if output.ndim != 3 or any(output.shape[layout.index(axis)] != length for axis, length in wanted.items()):
            lengths = f"{wanted['N']} lines and {wanted['C']} classes"
            raise self._network.misfit(f"gives {output.shape}, not {layout} with {lengths}")
        return output


def load_reader(reader: str | Path, threads: int = 1) -> Reader:
    """A reader by its ONNX file, its folder or the name of a shipped one. ReaderError for anything else.

    threads: see OnnxReader; readers of other kinds choose their own.
    """
    path = onnx_path(str(reader))
    if path.is_dir():
        return _load_folder(path)
    if not path.exists():
        raise ReaderError(f"{path}: no such reader; name an ONNX file, a run folder or {known_readers()}", place=path)
    return OnnxReader(path, threads)


def _load_folder(folder: Path) -> Reader:
    for point in entry_points(group=KINDS):
        reader: Reader = point.load()(folder)
        return reader
    raise ReaderError(
        f"{folder} is a folder, and reading run folders needs linelet-model; pip install linelet-model, "
        "or name the ONNX file that 'linelet export' wrote",
        place=folder,
    )
