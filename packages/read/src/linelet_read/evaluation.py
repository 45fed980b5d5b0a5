"""How well a reader reads a dataset: CER, exact lines, and what it takes for what."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from linelet_common.codec import UNKNOWN, Reading
from linelet_common.contrast import LINEAR, WEIGHTS, contrast_ratio
from linelet_common.errors import DatasetError, placed
from linelet_common.learnable import Labels
from linelet_common.lines import Details, LineDataset
from linelet_common.preprocess import Pixels, line_width
from linelet_common.reader import Reader
from linelet_read.decoding import Decoding
from linelet_read.edits import Edits, edits_by
from linelet_read.reading import read_lines

# Pictures in memory at a time: enough to fill batches of every width, little enough for any dataset.
_CHUNK = 512
_LINEAR = np.array(LINEAR)
# Bands of the breakdowns: the lower end belongs to a band, the upper one to the next.
_LENGTHS = (0, 2, 4, 7, 11, 21, math.inf)
_CONFIDENCES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99, math.inf)
_BINS = 15  # of the expected calibration error, as in the paper
_HEIGHTS = (0, 16, 24, 32, 48, 72, math.inf)
_CONTRASTS = (1.0, 1.5, 2.0, 3.0, 4.5, 7.0, math.inf)


@dataclass(frozen=True)
class Traits:
    """What a picture is like: height in pixels, WCAG contrast ratio, and named traits: its look, font and styles."""

    height: int
    contrast: float
    named: dict[str, list[str]]


@dataclass(frozen=True)
class Line:
    """One line read: its place in the dataset, label, what was read, and the edit distance between them.

    label: as the reader is to write it, with U+FFFD for what its charset lacks if it has a class for that.
    """

    index: int
    name: str
    label: str
    reading: Reading
    distance: int
    traits: Traits | None = None
    edits: Edits = "levenshtein"  # what computes the distance


@dataclass(frozen=True)
class Reliability:
    """How often lines of a band of confidence are right. confidence: their mean; exact: the share that is right."""

    band: str
    lines: int
    confidence: float
    exact: float


@dataclass
class Evaluation:
    """All lines of a dataset read. Rates are shares (0-1)."""

    lines: list[Line] = field(default_factory=list)
    unwritable: int = 0  # lines whose labels hold characters that the reader has no class for; they count as wrong

    @property
    def exact(self) -> float:
        """Share of lines read without any mistake."""
        return _exact(self.lines)

    @property
    def cer(self) -> float:
        """Micro-averaged character error rate: all edits over all characters of the labels."""
        return sum(line.distance for line in self.lines) / max(sum(len(line.label) for line in self.lines), 1)

    @property
    def cer_per_line(self) -> float:
        """Mean over lines of edits / label length (an empty label counts as one character)."""
        return sum(line.distance / max(len(line.label), 1) for line in self.lines) / max(len(self.lines), 1)

    def cer_interval(self, share: float = 0.95, draws: int = 1000) -> tuple[float, float]:
        """Confidence interval of the micro CER: percentile bootstrap over lines (Efron, 1979), fixed seed."""
        edits = np.array([line.distance for line in self.lines])
        lengths = np.array([len(line.label) for line in self.lines])
        rng = np.random.default_rng(0)
        rates = []
        for _ in range(draws):
            pick = rng.integers(0, len(edits), len(edits))
            rates.append(edits[pick].sum() / max(lengths[pick].sum(), 1))
        low, high = np.quantile(rates, [(1 - share) / 2, (1 + share) / 2])
        return float(low), float(high)

    def without_unknown(self) -> list["Line"]:
        """The lines whose reading claims to know every character. Where it holds U+FFFD, its low confidence says so,
        and is no estimate of how often such readings are right."""
        return [line for line in self.lines if UNKNOWN not in line.reading.text]

    def reliability(self) -> list[Reliability]:
        """Confidence against correctness of lines ``without_unknown``, by bands; a calibrated reader's agree."""
        found = []
        for name, lines in _in_bands(self.without_unknown(), _CONFIDENCES, lambda line: line.reading.confidence):
            found.append(Reliability(name, len(lines), _mean_confidence(lines), _exact(lines)))
        return found

    def calibration_error(self) -> float:
        """The expected calibration error, 0-1, of lines ``without_unknown``, in 15 equal bins (Guo et al., 2017)."""
        edges = [k / _BINS for k in range(_BINS)] + [math.inf]
        known = self.without_unknown()
        bins = _in_bands(known, edges, lambda line: line.reading.confidence)
        gaps = sum(len(lines) * abs(_mean_confidence(lines) - _exact(lines)) for _, lines in bins)
        return gaps / max(len(known), 1)

    def breakdowns(self) -> dict[str, list[dict[str, Any]]]:
        """Lines and exact share by what lines are like; font, look and style only where the dataset says them.

        length: characters of the label; height: pixels of the picture; contrast: WCAG ratio of text and background as
        the dataset says it, else of the picture's darkest and lightest pixels; confidence: a calibrated reader is right
        that often. A line of several styles counts for each.
        """
        found = {
            "length": _bands(self.lines, _LENGTHS, lambda line: len(line.label)),
            "confidence": _bands(self.lines, _CONFIDENCES, lambda line: line.reading.confidence),
        }
        known = [line for line in self.lines if line.traits]
        if known:
            found["height"] = _bands(known, _HEIGHTS, lambda line: _traits(line).height)
            found["contrast"] = _bands(known, _CONTRASTS, lambda line: _traits(line).contrast)
        for name in ("look", "font", "style"):
            groups: dict[str, list[Line]] = {}
            for line in known:
                for value in _traits(line).named[name]:
                    groups.setdefault(value, []).append(line)
            if groups:
                found[name] = [_row(value, groups[value]) for value in sorted(groups)]
        return found

    def mistakes(self) -> list[Line]:
        """The wrong lines, worst first: most edits per character, then most confident."""
        wrong = [line for line in self.lines if line.distance]
        return sorted(wrong, key=lambda line: (-line.distance / max(len(line.label), 1), -line.reading.confidence))

    def edits(self) -> dict[str, int]:
        """How many characters were inserted, deleted and replaced."""
        kinds = Counter(kind for line in self.lines for kind, _, _ in _edits(line))
        return {kind: kinds[kind] for kind in ("insert", "delete", "replace")}

    def confusions(self) -> list[tuple[str, str, int]]:
        """(label's character, character read, count), commonest first; '' stands for nothing."""
        pairs = Counter((a, b) for line in self.lines for _, a, b in _edits(line))
        return [(a, b, count) for (a, b), count in pairs.most_common()]

    def examples(self) -> dict[tuple[str, str], Line]:
        """For each confusion (label's character, character read) the most confident line in which it happened."""
        found: dict[tuple[str, str], Line] = {}
        for line in sorted(self.mistakes(), key=lambda line: -line.reading.confidence):
            for _, a, b in _edits(line):
                found.setdefault((a, b), line)
        return found

    def summary(self) -> dict[str, Any]:
        """Everything above as plain data."""
        return {
            "lines": len(self.lines),
            "exact": self.exact,
            "cer": self.cer,
            "cer_interval": list(self.cer_interval()),
            "cer_per_line": self.cer_per_line,
            "unwritable": self.unwritable,
            "calibration_error": self.calibration_error(),
            "reliability": [asdict(row) for row in self.reliability()],
            **{f"by_{name}": rows for name, rows in self.breakdowns().items()},
            "edits": self.edits(),
            "confusions": [{"label": a, "read": b, "count": n} for a, b, n in self.confusions()[:20]],
            "mistakes": [
                {
                    "image": line.name,
                    "label": line.label,
                    "read": line.reading.text,
                    "confidence": round(line.reading.confidence, 4),
                }
                for line in self.mistakes()
            ],
        }


def _edits(line: Line) -> Iterator[tuple[str, str, str]]:
    label, text = line.label, line.reading.text
    for kind, i, j in edits_by(line.edits).editops(label, text):
        yield kind, label[i] if kind != "insert" else "", text[j] if kind != "delete" else ""


def evaluate(
    reader: Reader,
    dataset: LineDataset,
    batch_size: int = 32,
    decoding: Decoding = "greedy",
    edits: Edits = "levenshtein",
) -> Evaluation:
    """Read every line of a dataset. ImageError if a picture cannot be read: nothing is left out silently.

    DatasetError for a picture with two different labels. edits: what computes edit distances.
    """
    result, codec, labels = Evaluation(), reader.spec.codec, Labels(dataset)
    for start in range(0, len(dataset), _CHUNK):
        indices = range(start, min(start + _CHUNK, len(dataset)))
        images = [dataset.image(i) for i in indices]
        for i, image in zip(indices, images, strict=True):
            with placed(dataset.place(i)):
                line_width(image.shape[0], image.shape[1], reader.spec)
            if problem := labels.problem(i):
                raise DatasetError(problem, value=dataset.label(i), place=dataset.place(i))
        readings = read_lines(reader, images, batch_size, decoding)
        for i, image, reading in zip(indices, images, readings, strict=True):
            label = codec.fold(dataset.label(i))
            result.unwritable += bool(codec.missing(label))
            traits = traits_of(image, dataset.details(i))
            result.lines.append(line_of(i, dataset.name(i), label, reading, traits, edits))
    return result


def line_of(
    index: int, name: str, label: str, reading: Reading, traits: Traits | None = None, edits: Edits = "levenshtein"
) -> Line:
    """A line read, with its edit distance."""
    return Line(index, name, label, reading, edits_by(edits).distance(label, reading.text), traits, edits)


def traits_of(image: Pixels, details: Details | None) -> Traits:
    """What an RGB picture (H, W, 3) is like, by itself and by what its dataset says."""
    said = details or Details()
    named = {
        "look": [said.look] if said.look else [],
        "font": [said.font] if said.font else [],
        "style": list(said.styles),
    }
    return Traits(len(image), said.contrast or _measured_contrast(image), named)


def _measured_contrast(image: Pixels) -> float:
    """WCAG's contrast ratio of a picture's darkest and lightest hundredth."""
    luminance = _LINEAR[image.reshape(-1, 3)] @ WEIGHTS
    dark, light = np.quantile(luminance, [0.01, 0.99])
    return contrast_ratio(float(dark), float(light))


def _traits(line: Line) -> Traits:
    assert line.traits is not None
    return line.traits


def _row(value: str, lines: Sequence[Line]) -> dict[str, Any]:
    return {"value": value, "lines": len(lines), "exact": _exact(lines)}


def _bands(lines: Sequence[Line], edges: Sequence[float], value: Callable[[Line], float]) -> list[dict[str, Any]]:
    return [_row(name, inside) for name, inside in _in_bands(lines, edges, value)]


def _in_bands(
    lines: Sequence[Line], edges: Sequence[float], value: Callable[[Line], float]
) -> Iterator[tuple[str, list[Line]]]:
    """The bands that hold lines, by names that say where their ends belong."""
    whole = all(edge == math.inf or (float(edge).is_integer() and isinstance(edge, int)) for edge in edges)
    for low, high in itertools.pairwise(edges):
        inside = [line for line in lines if low <= value(line) < high]
        if not inside:
            continue
        if high == math.inf:
            yield f"{low:g} or more", inside
        elif whole:
            yield f"{low} to {int(high) - 1}", inside
        else:
            yield f"{low:g} to under {high:g}", inside


def _mean_confidence(lines: Sequence[Line]) -> float:
    return sum(line.reading.confidence for line in lines) / max(len(lines), 1)


def _exact(lines: Sequence[Line]) -> float:
    return sum(line.distance == 0 for line in lines) / max(len(lines), 1)


@dataclass(frozen=True)
class Comparison:
    """Two readers on the same lines. ``p_value``: exact McNemar test that they are exact equally often.

    cer_difference: B's micro CER less A's, with its 95 % interval by the paired bootstrap over lines.
    """

    only_a: int
    only_b: int
    p_value: float
    cer_difference: float
    interval: tuple[float, float]


def compare(a: Evaluation, b: Evaluation, draws: int = 2000) -> Comparison:
    """Whether a difference between two evaluations of one dataset is more than chance (McNemar, 1947)."""
    assert [x.label for x in a.lines] == [x.label for x in b.lines]
    only_a = sum(x.distance == 0 < y.distance for x, y in zip(a.lines, b.lines, strict=True))
    only_b = sum(y.distance == 0 < x.distance for x, y in zip(a.lines, b.lines, strict=True))
    n, k = only_a + only_b, min(only_a, only_b)
    p_value = min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n) if n else 1.0
    lengths = np.array([len(line.label) for line in a.lines])
    edits = np.array([[x.distance, y.distance] for x, y in zip(a.lines, b.lines, strict=True)])
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(draws):
        pick = rng.integers(0, len(lengths), len(lengths))
        differences.append(float(np.diff(edits[pick].sum(axis=0))[0]) / max(int(lengths[pick].sum()), 1))
    low, high = np.quantile(differences, [0.025, 0.975])
    return Comparison(only_a, only_b, p_value, b.cer - a.cer, (float(low), float(high)))
