"""The finder of lines: an ONNX network that says where on a screen text is."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linelet_common.boxes import ONNX_KEY, Box, FinderSpec, find_lines
from linelet_common.digests import check_sealed_file
from linelet_common.errors import ReaderError
from linelet_common.onnx_session import open_session
from linelet_common.preprocess import Pixels
from linelet_common.reader import shipped_finder


class OnnxFinder:
    """An ONNX file that carries its FinderSpec, run by ONNX Runtime on the CPU.

    threads: ONNX Runtime's threads within an operator. ReaderError if the file is missing, broken, changed since it was
    exported, or without a spec.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.is_file():
            raise ReaderError(
                f"{path}: no such finder; train one with 'linelet train --task find' and export it", place=path
            )
        check_sealed_file(path)
        self._session = open_session(path, str(path), threads=threads)
        metadata = self._session.get_modelmeta().custom_metadata_map
        if ONNX_KEY not in metadata:
            raise ReaderError(
                f"{path} carries no finder's spec (metadata {ONNX_KEY!r}); make it with 'linelet export'",
                value=ONNX_KEY,
                place=path,
            )
        self.spec = FinderSpec.from_json(metadata[ONNX_KEY], f"{path} ({ONNX_KEY})")
        self._input = self._session.get_inputs()[0].name

    def score(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """A tile float32 (1, 1, H, W) -> how probably each cell lies in a line, float32 (1, H / stride, W / stride)."""
        (output,) = self._session.run(None, {self._input: tile})
        return np.asarray(output, dtype=np.float32).reshape(len(output), *output.shape[-2:])

    def find(self, picture: Pixels) -> list[Box]:
        """The boxes of a screen's lines, uint8 (H, W) or RGB (H, W, 3), in reading order."""
        return find_lines(picture, self.spec, self.score)


def load_finder(finder: str | Path | None = None, threads: int = 1) -> OnnxFinder:
    """A finder by its ONNX file, or the one that ships. ReaderError where there is none. threads: see OnnxFinder."""
    path = Path(finder) if finder else shipped_finder()
    if path is None:
        raise ReaderError("no finder of lines is installed; pip install linelet-read, or name one with --finder")
    return OnnxFinder(path, threads)
