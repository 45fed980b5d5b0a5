"""Smaller weights: float16, or uint8 where it does no harm. Harm is measured on texts, never guessed from numbers.

float16 halves the download, uint8 quarters it. Both are undone when a page loads the network: they cost digits, no
time. A tensor's uint8 levels are spread evenly between its least and greatest number, so one outlier spoils a tensor:
which tensors tolerate it is tried out one by one. How weights are rounded to levels is rounding.py's business.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from linelet_common.codec import Reading, log_softmax
from linelet_common.datasets import open_dataset
from linelet_common.errors import ConversionError
from linelet_common.preprocess import Pixels
from linelet_common.reader import decode
from linelet_common.spec import ReaderSpec
from linelet_convert.interpreter import Interpreter
from linelet_convert.lines import check_lines
from linelet_convert.tfgraph import Array, Node
from linelet_convert.tfjs import Stored, restore, store

T = TypeVar("T")
Weights = Literal["float32", "float16", "uint8"]
Wish = Literal["auto", "float32", "float16", "uint8"]
Kinds = dict[str, str | Stored]
Adapted = tuple[dict[str, Stored], dict[str, Array]]  # weights as stored, and biases, by node name

# Smaller tensors (biases, depthwise filters, scalars) save nothing worth a digit.
_HALF_FROM = 64
_LEVELS_FROM = 4096
# Enough lines to see a harm of 1 %, few enough for seconds.
MADE_LINES = 120
DATA_LINES = 200
# Batches by which weights are rounded.
_LEARNED_FROM = 12
# Confidences that decide something: the page leaves out what is below the first, and marks what is below the second.
BANDS = (0.5, 0.9)


@dataclass(frozen=True)
class Sample:
    """The lines by which harm is judged; labels where a dataset has them."""

    images: list[Pixels]
    labels: list[str] | None
    name: str


@dataclass(frozen=True)
class Harm:
    """What smaller weights did to the texts of ``lines`` lines.

    changed: share whose text differs from float32's. moved: share of all lines looked at, doubted ones too, whose
    confidence enters another of the BANDS. exact_before, exact_after: shares read exactly; cer_before,
    cer_after: character error rates (micro), all None where the lines have no labels. judged_on: which lines.
    """

    judged_on: str
    lines: int
    changed: float
    moved: float
    exact_before: float | None
    exact_after: float | None
    cer_before: float | None
    cer_after: float | None

    @property
    def loss(self) -> float:
        """What counts against the tolerance: exact lines lost or CER gained, or changed texts without labels."""
        if self.exact_before is None or self.exact_after is None or self.cer_before is None or self.cer_after is None:
            return self.changed
        return max(self.exact_before - self.exact_after, self.cer_after - self.cer_before)

    @property
    def harmless(self) -> bool:
        """Whether no text and no band of confidence changed."""
        return not self.changed and not self.moved


def sample(spec: ReaderSpec, data: Path | None) -> Sample:
    """Lines of a dataset, spread over it, or made ones."""
    if data is None:
        return Sample(check_lines(spec, MADE_LINES, 1), None, "synthetic lines")
    dataset = open_dataset(data)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(DATA_LINES, len(dataset))).round().astype(int))
    return Sample([dataset.image(int(i)) for i in chosen], [dataset.label(int(i)) for i in chosen], str(data))


def measure(whole: Sequence[Reading], smaller: Sequence[Reading], lines: Sample) -> Harm:
    """Compare what is read with float32 weights and with smaller ones."""
    chosen = telling(whole, lines)
    before, after = [whole[i].text for i in chosen], [smaller[i].text for i in chosen]
    changed = sum(a != b for a, b in zip(before, after, strict=True)) / len(before)
    moved = sum(_band(a) != _band(b) for a, b in zip(whole, smaller, strict=True)) / len(whole)
    if lines.labels is None:
        return Harm(lines.name, len(before), changed, moved, None, None, None, None)
    exact = [
        sum(t == label for t, label in zip(texts, lines.labels, strict=True)) / len(texts) for texts in (before, after)
    ]
    characters = max(1, sum(len(label) for label in lines.labels))
    cer = [
        sum(edits(t, label) for t, label in zip(texts, lines.labels, strict=True)) / characters
        for texts in (before, after)
    ]
    return Harm(lines.name, len(before), changed, moved, exact[0], exact[1], cer[0], cer[1])


def _band(reading: Reading) -> int:
    return sum(reading.confidence >= limit for limit in BANDS)


def edits(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (x != y))
    return row[-1]


def choose(
    constants: Sequence[Node],
    weights: Wish,
    try_out: Callable[[Kinds], list[Array]] | None,
    adapt: Callable[[set[str]], Adapted] | None = None,
) -> Iterator[Kinds]:
    """Ways to store the constants, the smallest first, each a kind or bytes by node name; float32 where not named.

    None where no constant is large enough to be worth it. weights: the smallest kind; "auto" has uint8 too, and "uint8"
    nothing else where a tensor is large enough for it.
    try_out: what the network gives with some kinds: a tensor does the more harm the more any number of that moves.
    Without, where a trial takes too long, it does the more harm the more its own numbers move. adapt: rounds tensors by
    what is multiplied with them, and changes biases; without, each number takes the nearest level.
    """
    floats = {n.name: n.array for n in constants if n.array is not None and n.array.dtype == np.float32}
    half: Kinds = {name: "float16" for name, a in floats.items() if a.size >= _HALF_FROM and _fits_half(a)}
    large = [name for name in half if floats[name].size >= _LEVELS_FROM and weights != "float16"]

    def rounded(names: Sequence[str]) -> Kinds:
        stored, biases = adapt(set(names)) if adapt else ({}, {})
        adapted = {name: store(bias, half.get(name, "float32")) for name, bias in biases.items()}
        return half | dict.fromkeys(names, "uint8") | stored | adapted

    if large:
        yield rounded(large)
        # From nearly all of the large tensors to few, leaving the most harmful out first, a few at a time.
        ranked = _by_harm({name: floats[name] for name in large}, try_out)
        counts = sorted(
            {round(len(ranked) * share) for share in (0.9, 0.75, 0.5, 0.25)} - {0, len(large)}, reverse=True
        )
        yield from (rounded(ranked[:count]) for count in counts)
    if half and not (large and weights == "uint8"):
        yield half


def _by_harm(tensors: dict[str, Array], try_out: Callable[[Kinds], list[Array]] | None) -> list[str]:
    """Tensors, those first that do least harm when they alone are uint8."""
    if try_out is None:
        return sorted(tensors, key=lambda name: _rounded_away(tensors[name]))
    reference = try_out({})
    harm = {
        name: max(float(np.abs(a - b).max()) for a, b in zip(reference, try_out({name: "uint8"}), strict=True))
        for name in tensors
    }
    return sorted(tensors, key=lambda name: harm[name])


def spread(batches: Sequence[T]) -> list[T]:
    """Batches from all over them, as many as weights are rounded by."""
    chosen = np.unique(np.linspace(0, len(batches) - 1, min(_LEARNED_FROM, len(batches))).round().astype(int))
    return [batches[int(i)] for i in chosen]


def _rounded_away(array: Array) -> float:
    """How far uint8 moves a tensor's numbers, as a share of their length."""
    stored = store(array, "uint8")
    kept = restore(stored.data, {"shape": array.shape, "dtype": stored.dtype, "quantization": stored.quantization})
    return float(np.linalg.norm(kept - array) / max(float(np.linalg.norm(array)), 1e-30))


_PAST = f"past {BANDS[0]} or {BANDS[1]}"


def harmless(harm: Harm) -> str:
    """What weights do that cost nothing."""
    return f"change none of {harm.lines} texts and move no confidence {_PAST} ({harm.judged_on})"


def said(harm: Harm) -> str:
    """What smaller weights do."""
    texts = f"change {harm.changed:.1%} of {harm.lines} texts"
    return f"{texts} and move {harm.moved:.1%} of the confidences {_PAST} ({harm.judged_on})"


def _fits_half(array: Array) -> bool:
    """Whether float16 keeps the numbers' size: neither infinite nor all rounded away."""
    with np.errstate(over="ignore"):
        return bool(np.isfinite(array.astype(np.float16)).all() and np.abs(array).max() > 1e-5)


def probabilities(model: Path, batches: Sequence[Array], spec: ReaderSpec) -> list[Array]:
    """What a reader's model gives for prepared lines, as probabilities."""
    interpreter = Interpreter(model)
    outputs = [interpreter.run({"images": b})["scores"] for b in batches]
    return outputs if spec.scores == "probs" else [np.exp(log_softmax(o)) for o in outputs]


def readings(outputs: Sequence[Array], spec: ReaderSpec) -> list[Reading]:
    """What is read in batches of scores."""
    return [r for output in outputs for r in decode(np.asarray(output, np.float32), spec)]


def telling(before: Sequence[Reading], lines: Sample) -> list[int]:
    """Numbers of the lines to judge by: all with labels; of made ones those that the reader does not doubt itself.

    Made lines have no text of the reader's app; a text that it takes for improbable may change without harm. A reader
    that doubts most of them is judged by all.
    """
    sure = [i for i, reading in enumerate(before) if reading.confidence >= 0.5]
    return sure if lines.labels is None and len(sure) >= MADE_LINES // 4 else list(range(len(before)))


def refuse(harm: Harm, tolerance: float, weights: Weights, where: Path) -> None:
    """ConversionError if the harm exceeds the tolerance."""
    if harm.loss <= tolerance:
        return
    change = f"{harm.changed:.1%} of {harm.lines} texts change"
    if harm.exact_before is not None and harm.exact_after is not None:
        change += f", exact lines {harm.exact_before:.1%} -> {harm.exact_after:.1%}"
    remedy = "judge on real lines with --data" if harm.exact_before is None else "use larger weights or --tolerance"
    raise ConversionError(
        f"{where}: with {weights} weights {change} ({harm.judged_on}), {tolerance:.1%} is allowed; {remedy}",
        place=where,
    )
