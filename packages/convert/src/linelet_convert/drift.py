"""How far outputs move: by smaller weights of a bare graph, whose texts nobody knows, or by roundings left out.

A map of text, as detectors give, is judged as they use it: by the pixels that it calls text and the boxes around them.
Whatever else comes out is judged by its relative difference, of numbers that count or name by the share that differs.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from linelet_common.boxes import Box, FinderSpec, find_cores
from linelet_common.datasets import open_dataset
from linelet_common.errors import ConversionError
from linelet_common.preprocess import Pixels
from linelet_common.spec import ReaderSpec
from linelet_convert.feeds import make_feeds
from linelet_convert.finder import check_screens, moved
from linelet_convert.lines import check_lines
from linelet_convert.onnxfile import OnnxFile, element_type
from linelet_convert.quantise import Weights
from linelet_convert.runtimes import Feeds, OnnxRuntime
from linelet_convert.tfgraph import Array, Shape, dynamic_axes
from linelet_convert.third_party import Hints

# What weights that were asked for may move: the outputs, or a map's text, still tell the same.
TOLERANCE = 0.05
# What weights that nobody asked for may move besides no box: a few times what float16 does.
UNASKED = 0.01

# What roundings that are left out may have moved: beyond it, another network would come out.
ROUNDED = 0.5

# DBNet's rule (Liao et al. 2020, and PaddleOCR's defaults): text from a probability of 0.3, boxes of 0.6 on average.
_TEXT = FinderSpec(threshold=77, certain=153)
_LEAST_SIDE = 3  # pixels of a box: what is smaller, they drop

_SCREENS, _LINES, _DATA = 3, 24, 100
_LINE = 96  # pixels: inputs of at most this height take lines, not screens
_STEP = 32  # networks that halve their input halve it five times
_SMALL = (160, 224)
_BEARABLE = 4 * 3 * _SMALL[0] * _SMALL[1]  # numbers of all inputs: a second or two of the numpy interpreter
_LONGEST = 640  # pixels of a side: more takes time and shows nothing new


@dataclass(frozen=True)
class Drift:
    """How far smaller weights moved a bare graph's outputs on ``inputs`` inputs, each a share (0-1).

    outputs: the difference of the worst output as a share of its length, or the share of whole numbers that differ;
    text: of the pixels that a map calls text before or after, those that it does not call so both times; moved: of
    ``boxes`` boxes around such pixels, those without a like. None where there is nothing of the kind.
    """

    judged_on: str
    inputs: int
    outputs: float | None
    text: float | None
    boxes: int | None
    moved: float | None

    @property
    def loss(self) -> float:
        """What counts against the tolerance: the worst of all."""
        return max(share for share in (self.outputs, self.text, self.moved, 0.0) if share is not None)

    @property
    def harmless(self) -> bool:
        """Whether nothing moved that anybody would notice."""
        return (self.outputs or 0.0) <= UNASKED and (self.text or 0.0) <= TOLERANCE and not self.moved

    def __str__(self) -> str:
        shares = [
            "" if self.outputs is None else f"outputs move by {self.outputs:.2%}",
            "" if self.text is None else f"{self.text:.2%} of the map's text changes",
            "" if self.moved is None else f"{self.moved:.1%} of {self.boxes} boxes move",
        ]
        return f"{', '.join(share for share in shares if share)} ({self.judged_on})"


@dataclass(frozen=True)
class Trial:
    """Inputs by the file's names, what they show, and how large a picture is: (height, width), (0, 0) without one.

    small: inputs small enough to try out every tensor on; empty where the network takes large ones only.
    """

    feeds: list[Feeds]
    small: list[Feeds]
    shown: str
    sizes: list[tuple[int, int]]


def trial(file: OnnxFile, shapes: dict[str, Shape], hints: Hints, data: Path | None) -> Trial:
    """The inputs by which outputs are judged: a dataset's pictures, synthetic lines or screens, or noise.

    shapes: of the inputs, by the file's names. hints: how a picture's values become the network's. ConversionError
    where data has pictures and the network takes none.
    """
    places = {name: _axes(shape) for name, shape in shapes.items()}
    wanted = [name for name, place in places.items() if place is not None]
    if data is not None and not wanted:
        raise ConversionError(
            f"{file.path} takes no pictures (N, 1 or 3, H, W), which {data} holds; leave out --data", place=file.path
        )
    reference = OnnxRuntime(file)
    if wanted:
        pictures, shown = _pictures(shapes[wanted[0]], places[wanted[0]], data)
        made = [_feeds(file, shapes, hints, picture) for picture in pictures]
        try:
            reference.run(made[0][0])
        except ConversionError:  # of a size that the network does not take, though its file leaves it open
            if data is not None:
                raise
        else:
            rows, columns = _SMALL
            small = [_feeds(file, shapes, hints, picture[:rows, :columns])[0] for picture in pictures[:2]]
            return Trial([feed for feed, _ in made], bearable(small), shown, [size for _, size in made])
    noise = make_feeds(file, shapes, reference)
    return Trial(noise, bearable(noise[:2]), "noise", [(0, 0)] * len(noise))


def bearable(feeds: list[Feeds], times: int = 1) -> list[Feeds]:
    """The inputs, where they are small enough to try out every tensor on, or to run so many times fewer."""
    return feeds if sum(array.size for feed in feeds for array in feed.values()) <= times * _BEARABLE else []


def _axes(shape: Shape) -> tuple[int, int, int] | None:
    """Where a picture's channels, height and width are in an input; None where it is no picture."""
    if shape.shape[1] != 4:
        return None
    for channels, height, width in ((1, 2, 3), (3, 1, 2)):
        if set(shape[:, channels].tolist()) <= {1, 3}:
            return channels, height, width
    return None


def _pictures(shape: Shape, axes: tuple[int, int, int] | None, data: Path | None) -> tuple[list[Pixels], str]:
    """RGB uint8 (H, W, 3), and what they are."""
    assert axes is not None
    if data is not None:
        dataset = open_dataset(data)
        chosen = np.unique(np.linspace(0, len(dataset) - 1, min(_DATA, len(dataset))).round().astype(int))
        return [_rgb(dataset.image(int(i))) for i in chosen], str(data)
    if axes[1] not in dynamic_axes(shape) and shape[0, axes[1]] <= _LINE:
        spec = ReaderSpec(charset=string.ascii_letters + string.digits, height=int(shape[0, axes[1]]))
        return check_lines(spec, _LINES, 3), "synthetic lines"
    return check_screens(_SCREENS, 3), "synthetic screens"


def _rgb(picture: Pixels) -> Pixels:
    return picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)


def _feeds(file: OnnxFile, shapes: dict[str, Shape], hints: Hints, picture: Pixels) -> tuple[Feeds, tuple[int, int]]:
    """One input each by the file's names, and the picture's size in it."""
    rng = np.random.default_rng(0)
    feed: Feeds = {}
    size = (0, 0)
    for given in file.inputs:
        shape = shapes[given.name]
        lengths = [1 if a == 0 and a in dynamic_axes(shape) else int(n) for a, n in enumerate(shape[0])]
        kind = element_type(given, file.path)
        place = _axes(shape)
        if place is None:
            noise = rng.standard_normal(lengths) if kind == "float32" else rng.integers(0, 2, lengths)
            feed[given.name] = noise.astype(kind)
            continue
        loose = dynamic_axes(shape)
        fitted = _fit(picture, *(None if axis in loose else lengths[axis] for axis in place[1:]))
        size = fitted.shape[:2]
        values = _values(fitted, lengths[place[0]], hints) if kind == "float32" else fitted[:, :, : lengths[place[0]]]
        image = np.asarray(values, dtype=kind)
        image = image.transpose(2, 0, 1) if place[0] == 1 else image
        feed[given.name] = np.ascontiguousarray(np.repeat(image[None], lengths[0], axis=0))
    return feed, size


def _fit(picture: Pixels, height: int | None, width: int | None) -> Pixels:
    """A picture at a size; None is whatever suits it, a multiple of _STEP.

    Lines are scaled to their height, screens are cut; what is missing is repeated from the edge.
    """
    if height is not None and height <= _LINE:
        scaled = max(1, round(picture.shape[1] * height / picture.shape[0]))
        picture = np.asarray(Image.fromarray(picture).resize((scaled, height), Image.Resampling.BILINEAR))
    rows, columns = (
        -(-min(length, _LONGEST) // _STEP) * _STEP if wanted is None else wanted
        for wanted, length in ((height, picture.shape[0]), (width, picture.shape[1]))
    )
    cut = picture[:rows, :columns]
    return np.pad(cut, ((0, rows - cut.shape[0]), (0, columns - cut.shape[1]), (0, 0)), mode="edge")


def _values(picture: Pixels, channels: int, hints: Hints) -> Array:
    """float32 (H, W, channels), normalised and in the order that the network was trained with."""
    if channels == 1:
        picture = np.asarray(Image.fromarray(picture).convert("L"))[:, :, None]
    elif hints.color == "bgr":
        picture = picture[:, :, ::-1]
    mean, std = (np.array(numbers, dtype=np.float32) for numbers in (hints.mean, hints.std))
    values: Array = (picture.astype(np.float32) / 255 - mean) / std
    return values


def measure(tried: Trial, before: Sequence[Feeds], after: Sequence[Feeds]) -> Drift:
    """Compare the outputs with float32 weights and with smaller ones."""
    differences: list[float] = []
    wrong = text = 0
    cores: tuple[list[list[Box]], list[list[Box]]] = ([], [])
    found = False
    for name in before[0]:
        pairs = [(a[name], b[name]) for a, b in zip(before, after, strict=True)]
        maps = [_as_map(a, size) for (a, _), size in zip(pairs, tried.sizes, strict=True)]
        if any(m is None for m in maps):
            differences.append(_difference(pairs))
            continue
        found = True
        for levels, (_, b) in zip(maps, pairs, strict=True):
            assert levels is not None
            other = _levels(b).reshape(levels.shape)
            sides = levels >= _TEXT.threshold, other >= _TEXT.threshold
            wrong += int((sides[0] != sides[1]).sum())
            text += int((sides[0] | sides[1]).sum())
            for side, whole in zip(cores, (levels, other), strict=True):
                side += [_boxes(one) for one in whole]
    return Drift(
        tried.shown,
        len(tried.feeds),
        max(differences) if differences else None,
        wrong / max(text, 1) if found else None,
        sum(map(len, cores[0])) if found else None,
        moved(*cores) if found else None,
    )


def _as_map(output: Array, size: tuple[int, int]) -> Array | None:
    """Levels 0-255 of a map of probabilities, uint8 (N, H / k, W / k) for a picture (H, W); None for other outputs."""
    if output.dtype.kind != "f" or not all(size):
        return None
    shape = output.shape
    if len(shape) == 4 and 1 in (shape[1], shape[3]):
        shape = (shape[0], *shape[2:]) if shape[1] == 1 else shape[:3]
    if len(shape) != 3 or size[0] % shape[1] or size[1] % shape[2] or size[0] // shape[1] != size[1] // shape[2]:
        return None
    if not (output.min() >= 0 and output.max() <= 1):
        return None
    return _levels(output).reshape(shape)


def _levels(output: Array) -> Array:
    levels: Array = np.floor(np.clip(output, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return levels


def _boxes(levels: Pixels) -> list[Box]:
    boxes = [Box(c.left, c.top, c.right - c.left, c.bottom - c.top) for c in find_cores(levels, _TEXT)]
    return [box for box in boxes if min(box.width, box.height) >= _LEAST_SIDE]


def _difference(pairs: Sequence[tuple[Array, Array]]) -> float:
    """Of all inputs together. Infinite where an output gets another shape, or infinite numbers come or go."""
    if any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    if pairs[0][0].dtype.kind != "f":
        differ = sum(int((a != b).sum()) for a, b in pairs)
        return differ / max(1, sum(a.size for a, _ in pairs))
    before, after = (np.concatenate([pair[side].reshape(-1) for pair in pairs]).astype(np.float64) for side in (0, 1))
    finite = np.isfinite(before)
    if not np.array_equal(before[~finite], after[~finite], equal_nan=True) or not np.isfinite(after[finite]).all():
        return float("inf")
    gap, length = (float(np.linalg.norm(numbers)) for numbers in (before[finite] - after[finite], before[finite]))
    return gap / length if length else float(gap > 0)


def refuse(drift: Drift, tolerance: float, weights: Weights, where: Path) -> None:
    """ConversionError if the outputs moved beyond the tolerance."""
    if drift.loss <= tolerance:
        return
    raise ConversionError(
        f"{where}: with {weights} weights {drift}, {tolerance:.1%} is allowed; use larger weights or --tolerance, or "
        "judge on real pictures with --data",
        place=where,
    )
