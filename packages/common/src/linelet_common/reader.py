"""Reading: any network that scores batches of prepared lines becomes a reader of pictures."""

from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from linelet_common.codec import Reading, log_softmax
from linelet_common.errors import UsageError
from linelet_common.preprocess import Pixels, prepare
from linelet_common.spec import ReaderSpec

# Packages name the readers they ship in this entry-point group; each is a run folder that holds ONNX_NAME too.
GROUP = "linelet.readers"
ONNX_NAME = "reader.onnx"

Decoding = Literal["greedy", "grammar"]
DECODINGS: tuple[Decoding, ...] = ("greedy", "grammar")


def shipped_reader(name: str) -> Path | None:
    """The run folder of a reader that an installed package ships under this name; None if there is none."""
    for point in entry_points(group=GROUP, name=name):
        folder: Path = point.load()
        return folder
    return None


def onnx_path(name: str) -> Path:
    """The ONNX file that a user names: its path, or the name of a shipped reader. A path that exists wins."""
    path = Path(name)
    shipped = None if path.exists() else shipped_reader(name)
    return shipped / ONNX_NAME if shipped else path


class Reader(Protocol):
    """A network with its spec: torch in a run folder, ONNX Runtime, or the TF.js bundle in a browser."""

    spec: ReaderSpec

    def scores(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Input float32 (N, channels, height, W), W a width the spec allows -> the network's own output."""
        ...


def read_lines(
    reader: Reader, images: Sequence[Pixels], batch_size: int = 16, decoding: Decoding = "greedy"
) -> list[Reading]:
    """The texts of lines, uint8 (H, W) or RGB (H, W, 3), in their order.

    Lines are batched with lines of the same padded width, so a line's reading never depends on its neighbours.
    decoding: see ``decode``.
    """
    prepared = [prepare(image, reader.spec) for image in images]
    by_width: dict[int, list[int]] = defaultdict(list)
    for i, line in enumerate(prepared):
        by_width[line.shape[2]].append(i)
    readings: dict[int, Reading] = {}
    for indices in by_width.values():
        for start in range(0, len(indices), batch_size):
            chunk = indices[start : start + batch_size]
            output = reader.scores(np.stack([prepared[i] for i in chunk]))
            readings.update(zip(chunk, decode(output, reader.spec, decoding), strict=True))
    return [readings[i] for i in range(len(images))]


def decode(output: NDArray[np.float32], spec: ReaderSpec, decoding: Decoding = "greedy") -> list[Reading]:
    """Readings of a network's output, float32 (N, T, C) or (T, N, C) as the spec's layout says.

    decoding: "greedy", or "grammar" for the most probable text of the reader's grammar, however improbable that is;
    its confidence says so. SpecError if the reader has no grammar.
    """
    if decoding not in DECODINGS:
        raise UsageError(f"unknown decoding {decoding!r}; known are {', '.join(DECODINGS)}")
    scores = output if spec.layout == "NTC" else output.transpose(1, 0, 2)
    if spec.scores == "probs":
        scores = np.log(np.maximum(scores, np.float32(1e-30)))
    readings = spec.codec.decode(scores, spec.temperature)
    if decoding == "greedy":
        return readings
    return spec.search.readings(log_softmax(scores / np.float32(spec.temperature)), readings)
