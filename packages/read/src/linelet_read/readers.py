"""Readers by what a user names: an ONNX file, a shipped reader, or what another package knows how to open.

A package that brings another kind of reader names a function in the entry-point group ``linelet.reader_kinds``: it
takes a folder and returns a Reader. ``linelet-model`` opens run folders that way.
"""

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linelet_common.digests import check_sealed_file
from linelet_common.errors import ReaderError
from linelet_common.onnx_session import open_session
from linelet_common.reader import Reader, known_readers, onnx_path
from linelet_common.spec import ONNX_KEY, ReaderSpec

KINDS = "linelet.reader_kinds"


class OnnxReader:
    """An ONNX file that carries its spec, run by ONNX Runtime on the CPU.

    threads: ONNX Runtime's threads within an operator. ReaderError if the file is missing, broken, changed since it was
    exported, or without a spec.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.is_file():
            raise ReaderError(f"{path}: no such ONNX file; make one with 'linelet export RUN --out {path}'", place=path)
        check_sealed_file(path)
        self._session = open_session(path, str(path), threads=threads)
        metadata = self._session.get_modelmeta().custom_metadata_map
        if ONNX_KEY not in metadata:
            raise ReaderError(
                f"{path} carries no reader spec (metadata {ONNX_KEY!r}); make it with 'linelet export', or add a spec",
                value=ONNX_KEY,
                place=path,
            )
        self.spec = ReaderSpec.from_json(metadata[ONNX_KEY], f"{path} ({ONNX_KEY})")
        self._input = self._session.get_inputs()[0].name

    def scores(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Input float32 (N, channels, H, W) -> the network's output as the spec's layout says."""
        (output,) = self._session.run(None, {self._input: batch})
        return np.asarray(output, dtype=np.float32)


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
