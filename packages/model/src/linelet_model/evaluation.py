"""How well a reader reads a dataset: CER, exact lines, and what it takes for what."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import Levenshtein

from linelet_common.codec import Reading
from linelet_common.datasets import LineDataset
from linelet_common.reader import Reader, read_lines

# Pictures in memory at a time: enough to fill batches of every width, little enough for any dataset.
_CHUNK = 512


@dataclass(frozen=True)
class Line:
    """One line read: its place in the dataset, label, what was read, and the edit distance between them."""

    index: int
    name: str
    label: str
    reading: Reading
    distance: int


@dataclass
class Evaluation:
    """All lines of a dataset read. Rates are shares (0-1)."""

    lines: list[Line] = field(default_factory=list)

    @property
    def exact(self) -> float:
        """Share of lines read without any mistake."""
        return sum(line.distance == 0 for line in self.lines) / max(len(self.lines), 1)

    @property
    def cer(self) -> float:
        """Micro-averaged character error rate: all edits over all characters of the labels."""
        return sum(line.distance for line in self.lines) / max(sum(len(line.label) for line in self.lines), 1)

    @property
    def cer_per_line(self) -> float:
        """Mean over lines of edits / label length (an empty label counts as one character)."""
        return sum(line.distance / max(len(line.label), 1) for line in self.lines) / max(len(self.lines), 1)

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

    def summary(self) -> dict[str, Any]:
        """Everything above as plain data."""
        return {
            "lines": len(self.lines),
            "exact": self.exact,
            "cer": self.cer,
            "cer_per_line": self.cer_per_line,
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
    for kind, i, j in Levenshtein.editops(label, text):
        yield kind, label[i] if kind != "insert" else "", text[j] if kind != "delete" else ""


def evaluate(reader: Reader, dataset: LineDataset, batch_size: int = 32) -> Evaluation:
    """Read every line of a dataset. ImageError if a picture cannot be read: nothing is left out silently."""
    result = Evaluation()
    for start in range(0, len(dataset), _CHUNK):
        indices = range(start, min(start + _CHUNK, len(dataset)))
        readings = read_lines(reader, [dataset.image(i) for i in indices], batch_size)
        result.lines += [
            line_of(i, dataset.name(i), dataset.label(i), reading) for i, reading in zip(indices, readings, strict=True)
        ]
    return result


def line_of(index: int, name: str, label: str, reading: Reading) -> Line:
    """A line read, with its edit distance."""
    return Line(index, name, label, reading, Levenshtein.distance(label, reading.text))


def cer(labels: Sequence[str], texts: Sequence[str]) -> float:
    """Micro-averaged character error rate of texts against labels, as a share."""
    edits = sum(Levenshtein.distance(a, b) for a, b in zip(labels, texts, strict=True))
    return edits / max(sum(map(len, labels)), 1)
