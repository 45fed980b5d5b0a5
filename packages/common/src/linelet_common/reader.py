"""Readers: networks with their specs, where they are found, and greedy decoding of what they put out."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from linelet_common.codec import Reading
from linelet_common.spec import ReaderSpec

# Packages name the readers they ship in this entry-point group; each is a folder that holds ONNX_NAME.
GROUP = "linelet.readers"
ONNX_NAME = "reader.onnx"
# A package that ships a finder of lines names the folder with its FINDER_NAME in this entry-point group.
FINDER_GROUP = "linelet.finders"
FINDER_NAME = "finder.onnx"


class Reader(Protocol):
    """A network with its spec: torch in a run folder, ONNX Runtime, or the TF.js bundle in a browser."""

    spec: ReaderSpec

    def scores(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Input float32 (N, channels, height, W), W a width the spec allows -> the network's own output."""
        ...


def shipped_readers() -> list[str]:
    """The names of the readers that installed packages ship."""
    return sorted(point.name for point in entry_points(group=GROUP))


def shipped_reader(name: str) -> Path | None:
    """The folder of a reader that an installed package ships under this name; None if there is none."""
    for point in entry_points(group=GROUP, name=name):
        folder: Path = point.load()
        return folder
    return None


def onnx_path(name: str) -> Path:
    """The ONNX file that a user names: its path, or the name of a shipped reader. A path that exists wins."""
    path = Path(name)
    shipped = None if path.exists() else shipped_reader(name)
    return shipped / ONNX_NAME if shipped else path


def shipped_finder() -> Path | None:
    """The ONNX file of the finder that an installed package ships; None if there is none."""
    for point in entry_points(group=FINDER_GROUP, name="default"):
        folder: Path = point.load()
        return folder / FINDER_NAME
    return None


def known_readers() -> str:
    """What a message says of shipped readers: their names, or how to get them."""
    names = shipped_readers()
    return f"a shipped reader ({', '.join(names)})" if names else "a shipped reader (pip install linelet-read)"


def group_by_width(widths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Indices of lines in batches of at most ``size`` lines of one padded width each.

    A line is so padded as it would be alone: its reading never depends on the lines read with it.
    """
    by_width: dict[int, list[int]] = defaultdict(list)
    for i, width in enumerate(widths):
        by_width[width].append(i)
    for indices in by_width.values():
        for start in range(0, len(indices), size):
            yield indices[start : start + size]


def logits(output: NDArray[np.float32], spec: ReaderSpec) -> NDArray[np.float32]:
    """A network's output as the spec's layout says -> scores float32 (N, T, C), logits or log-probabilities."""
    scores = output if spec.layout == "NTC" else output.transpose(1, 0, 2)
    return np.log(np.maximum(scores, np.float32(1e-30))) if spec.scores == "probs" else scores


def decode(output: NDArray[np.float32], spec: ReaderSpec) -> list[Reading]:
    """Greedy readings of a network's output, float32 (N, T, C) or (T, N, C) as the spec's layout says."""
    return spec.codec.decode(logits(output, spec), spec.temperature)
