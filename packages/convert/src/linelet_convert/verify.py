"""The check of a conversion: the same inputs through ONNX Runtime and through what was written."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linelet_common.datasets import open_dataset
from linelet_common.errors import ConversionError
from linelet_common.lines import LineDataset
from linelet_common.preprocess import Pixels, prepare
from linelet_common.reader import decode
from linelet_common.spec import ReaderSpec
from linelet_convert.choices import Reference
from linelet_convert.lines import check_lines
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import Feeds, OnnxRuntime, Runtime
from linelet_convert.tfgraph import Array

# float32 sums in another order differ by some 1e-5 on scores of ordinary size.
TOLERANCE = 1e-4
# Where a network is steep, as a detector's sigmoid is at a character's edge, it amplifies what rounding leaves: this
# share of an output's numbers may differ by more than TOLERANCE, by up to so many times it.
_STEEP_SHARE, _STEEP = 1 / 500, 10
LINES = 8
BATCH = 4
WIDE = 20  # times its height: as long a line as a screen has
CHUNK = 2000  # pictures of a dataset in memory at a time


@dataclass(frozen=True)
class Check:
    """How a conversion was checked. max_difference: of all numbers of all outputs; texts over ``lines`` pictures.

    undecided: lines left out of the texts because ONNX Runtime's own best two classes of a frame lie within twice the
    tolerance: which one is read is then not the conversion's doing.
    """

    by: str
    max_difference: float
    lines: int = 0
    texts_equal: int = 0
    undecided: int = 0


def check_reader(
    file: OnnxFile, spec: ReaderSpec, models: dict[int, Path], runtime: Runtime, data: Path | None = None
) -> Check:
    """Compare a reader's scores and texts on synthetic lines. models: by width, or {0: model} for any width.

    data: a dataset whose lines are all compared too.

    Raises ConversionError if scores differ by TOLERANCE or more or a text differs.
    """
    reference = OnnxRuntime(file)
    (given,) = (i.name for i in file.inputs)
    (output,) = (o.name for o in file.proto.graph.output)
    dataset = None if data is None else open_dataset(data)
    worst = 0.0
    lines = equal = undecided = 0
    for width, model in models.items():
        own = spec if not width else spec.model_copy(update={"widths": (width,)})
        count = LINES if len(models) == 1 else max(4, LINES // len(models))
        for pictures in itertools.chain([check_lines(spec, count, width)], _chunks(dataset)):
            batches = [images for images, _ in batched(pictures, own)]
            wanted = [_reference(reference, {given: b}, output) for b in batches]
            got = runtime.run(model, [{"images": b} for b in batches])
            for expected, actual in zip(wanted, (g["scores"] for g in got), strict=True):
                worst = max(worst, relative(expected, actual, file))
                alike = _alike(expected, actual, spec)
                lines += len(alike)
                undecided += expected.shape[0 if spec.layout == "NTC" else 1] - len(alike)
                equal += sum(alike)
        ends = _ends(own)
        got = runtime.run(model, [{"images": b} for b in ends])
        for batch, actual in zip(ends, (g["scores"] for g in got), strict=True):
            worst = max(worst, relative(_reference(reference, {given: batch}, output), actual, file))
    check = Check(runtime.name, worst, lines, equal, undecided)
    _refuse(file, check, "ONNX Runtime")
    return check


def check_against(file: OnnxFile, spec: ReaderSpec, pairs: list[tuple[Array, Array]], by: str, against: str) -> Check:
    """Compare scores of a reader, pairs of those wanted and those got; ``by``, ``against``: the runtimes' names.

    Raises ConversionError as ``check_reader`` does.
    """
    worst = max(relative(expected, actual, file) for expected, actual in pairs)
    alike = [_alike(expected, actual, spec) for expected, actual in pairs]
    count = sum(expected.shape[0 if spec.layout == "NTC" else 1] for expected, _ in pairs)
    decided = sum(map(len, alike))
    check = Check(by, worst, decided, sum(map(sum, alike)), count - decided)
    _refuse(file, check, against)
    return check


def _alike(expected: Array, actual: Array, spec: ReaderSpec) -> list[bool]:
    """For each line whose text is decided, whether both scores give the same."""
    texts = [[r.text for r in decode(np.asarray(s, np.float32), spec)] for s in (expected, actual)]
    return [a == b for a, b, decided in zip(*texts, _decided(expected, spec), strict=True) if decided]


def _refuse(file: OnnxFile, check: Check, against: str) -> None:
    if check.max_difference >= TOLERANCE:
        raise ConversionError(
            f"{file.path}: scores differ by {check.max_difference:.2g} from {against}'s ({check.by}); {TOLERANCE:g} is "
            "allowed, please report the network",
            place=file.path,
        )
    if check.texts_equal != check.lines:
        raise ConversionError(
            f"{file.path}: {check.lines - check.texts_equal} of {check.lines} texts differ from {against}'s "
            f"({check.by}); please report the network",
            place=file.path,
        )


def _chunks(dataset: LineDataset | None) -> Iterator[list[Pixels]]:
    """A dataset's pictures, so many at a time that any dataset fits into memory."""
    for start in range(0, len(dataset) if dataset else 0, CHUNK):
        assert dataset is not None
        yield [dataset.image(i) for i in range(start, min(start + CHUNK, len(dataset)))]


def check_graph(file: OnnxFile, feeds: list[Feeds], names: dict[str, str], model: Path, runtime: Runtime) -> Check:
    """Compare all outputs of a bare graph on inputs by the file's names; ``names`` are the written ones."""
    reference = OnnxRuntime(file)
    wanted = [reference.run(f) for f in feeds]
    got = runtime.run(model, [{names[n]: a for n, a in f.items()} for f in feeds])
    pairs = [
        (a, actual[names[name]]) for expected, actual in zip(wanted, got, strict=True) for name, a in expected.items()
    ]
    return _within(file, pairs, runtime)


def check_choices(
    file: OnnxFile, feeds: list[Feeds], names: dict[str, str], model: Path, runtime: Runtime, reference: Reference
) -> Check:
    """``check_graph`` of a graph that follows the reference's choices, what it chooses among and by itself included."""
    answers = [reference.run(f) for f in feeds]
    got = runtime.run(
        model, [{names[n]: a for n, a in f.items()} | given for f, (given, _) in zip(feeds, answers, strict=True)]
    )
    pairs = [
        (array, actual[names.get(name, name)])
        for (_, wanted), actual in zip(answers, got, strict=True)
        for name, array in wanted.items()
    ]
    return _within(file, pairs, runtime)


def _within(file: OnnxFile, pairs: Sequence[tuple[Array, Array]], runtime: Runtime) -> Check:
    """ConversionError if outputs (expected, actual) differ by TOLERANCE or more, but for few of steep ones."""
    gaps = [relative(expected, actual, file) for expected, actual in pairs]
    worst = max(gaps, default=0.0)
    if any(gap >= TOLERANCE and not _steep(*pair, gap) for gap, pair in zip(gaps, pairs, strict=True)):
        raise ConversionError(
            f"{file.path}: outputs differ by {worst:.2g} from ONNX Runtime's ({runtime.name}), "
            f"{TOLERANCE:g} is allowed; please report the network",
            place=file.path,
        )
    return Check(runtime.name, worst)


def _ends(spec: ReaderSpec) -> list[Array]:
    """Noise at the ends of what a page may ask for: one line and sixteen, narrow and wide."""
    rng = np.random.default_rng(2)
    narrow, wide = (spec.widths[0], spec.widths[-1]) if spec.widths else (spec.width_step, WIDE * spec.height)
    wide = max(spec.width_step, wide // spec.width_step * spec.width_step) if not spec.widths else wide
    shapes = [(n, spec.channels, spec.height, w) for n, w in ((1, narrow), (16, narrow), (1, wide))]
    return [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]


def relative(expected: Array, actual: Array, file: OnnxFile) -> float:
    """The largest difference, of numbers above 1 relative to the largest of them."""
    gap = difference(expected, actual, file)
    if expected.dtype.kind != "f" or not gap:
        return gap
    if not math.isfinite(gap) and not np.isfinite(expected).all():
        count = int((~np.isfinite(expected)).sum())
        raise ConversionError(
            f"{file.path}: {count} of {expected.size} numbers that ONNX Runtime itself computes are infinite or NaN"
            f"{_infinite_weights(file)}; train or export again",
            place=file.path,
        )
    return gap / max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))


def _steep(expected: Array, actual: Array, gap: float) -> bool:
    """Whether a relative difference of ``gap`` is that of a few numbers, and no more than rounding can come to."""
    if expected.dtype.kind != "f" or gap >= _STEEP * TOLERANCE:
        return False
    moved = np.abs(expected.astype(np.float64) - actual) >= TOLERANCE * max(1.0, float(np.abs(expected).max()))
    return bool(moved.mean() <= _STEEP_SHARE)


def _infinite_weights(file: OnnxFile) -> str:
    """Which weights hold infinite numbers, for a message."""
    names = [n for n, a in file.initializers.items() if a.dtype.kind == "f" and not np.isfinite(a).all()]
    return f" (weights {names[0]!r} hold infinite numbers)" if names else ""


def difference(expected: Array, actual: Array, file: OnnxFile) -> float:
    """The largest difference; infinite where only one side is NaN or the shapes differ."""
    if expected.shape != actual.shape:
        raise ConversionError(
            f"{file.path}: the conversion gives shape {actual.shape} instead of {expected.shape}; "
            "please report the network",
            place=file.path,
        )
    a, b = expected.astype(np.float64), actual.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return 0.0
    with np.errstate(invalid="ignore"):  # infinity less infinity
        gap = np.abs(np.where(same, 0.0, a - b))
    return math.inf if np.isnan(gap).any() else float(gap.max())


def batched(lines: list[Pixels], spec: ReaderSpec) -> list[tuple[Array, list[int]]]:
    """Prepared lines, float32 (N, channels, height, W), by width, at most BATCH together, with their numbers."""
    by_width: dict[int, list[tuple[Array, int]]] = {}
    for i, line in enumerate(lines):
        ready = prepare(line, spec)
        by_width.setdefault(ready.shape[2], []).append((ready, i))
    groups = [group[i : i + BATCH] for group in by_width.values() for i in range(0, len(group), BATCH)]
    return [(np.stack([line for line, _ in group]), [i for _, i in group]) for group in groups]


def _reference(runtime: OnnxRuntime, feeds: Feeds, output: str) -> Array:
    ((name, batch),) = feeds.items()
    if not runtime.fixed_batch(name):
        return runtime.run(feeds)[output]
    singles = [runtime.run({name: batch[i : i + 1]})[output] for i in range(len(batch))]
    axis = 1 if singles[0].ndim == 3 and singles[0].shape[0] != 1 else 0
    return np.concatenate(singles, axis=axis)


def _decided(scores: Array, spec: ReaderSpec) -> list[bool]:
    """For each line, whether every frame's best class leads by more than twice the tolerance."""
    ordered = scores if spec.layout == "NTC" else scores.transpose(1, 0, 2)
    if ordered.shape[2] < 2:
        return [True] * len(ordered)
    best = np.partition(ordered, -2, axis=2)[:, :, -2:]
    return [bool(b) for b in (best[:, :, 1] - best[:, :, 0] > 2 * TOLERANCE).all(axis=1)]
