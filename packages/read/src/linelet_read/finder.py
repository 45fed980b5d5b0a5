"""The finder of lines: an ONNX network that says where on a screen text is."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linelet_common.boxes import ONNX_KEY, Box, FinderSpec, find_lines
from linelet_common.errors import ReaderError
from linelet_common.onnx_session import OnnxNetwork
from linelet_common.preprocess import Pixels
from linelet_common.reader import shipped_finder


class OnnxFinder:
    """An ONNX file that carries its FinderSpec, run by ONNX Runtime on the CPU.

    threads: ONNX Runtime's threads within an operator. ReaderError if the file is missing, broken, changed since it was
    exported, without a spec, or not what its spec says.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.is_file():
            raise ReaderError(
                f"{path}: no such finder; train one with 'linelet train --task find' and export it", place=path
            )
        self._network = OnnxNetwork(path, ONNX_KEY, "finder's", threads)
        self.spec = FinderSpec.from_json(self._network.text, f"{path} ({ONNX_KEY})")

    def score(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """A tile float32 (1, 1, H, W) -> how probably each cell lies in a line, float32 (1, H / stride, W / stride)."""
        output = self._network.run(tile)
        wanted = (len(tile), tile.shape[2] // self.spec.stride, tile.shape[3] // self.spec.stride)
        if output.size != wanted[0] * wanted[1] * wanted[2] or output.shape[-2:] != wanted[1:]:
            raise self._network.misfit(f"gives {output.shape} for a tile of {tile.shape}, not {wanted}")
        return output.reshape(wanted)

    def find(self, picture: Pixels) -> list[Box]:
        """The boxes of a screen's lines, uint8 (H, W) or RGB (H, W, 3), in reading order."""
        return find_lines(picture, self.spec, self.score)


def load_finder(finder: str | Path | None = None, threads: int = 1) -> OnnxFinder:
    """A finder by its ONNX file, or the one that ships. ReaderError where there is none. threads: see OnnxFinder."""
    path = Path(finder) if finder else shipped_finder()
    if path is None:
        raise ReaderError("no finder of lines is installed; pip install linelet-read, or name one with --finder")
    return OnnxFinder(path, threads)
