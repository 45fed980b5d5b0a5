"""How well a finder and a reader together read screens whose lines are known: found, read exactly, invented, fields."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from linelet_common.boxes import Box
from linelet_common.cli import Progress
from linelet_common.codec import UNKNOWN, Codec
from linelet_common.pairing import pair_boxes
from linelet_common.reader import Reader
from linelet_common.screens import ScreenDataset, ScreenLine
from linelet_read.decoding import Decoding
from linelet_read.fields import FieldValue
from linelet_read.finder import OnnxFinder
from linelet_read.screens import ScreenReading, read_screen

_SURE = 0.9


Mistake = Literal["not found", "misread", "invented", "no value", "wrong value"]


@dataclass(frozen=True)
class ScreenMistake:
    """One thing that went wrong on a screen.

    screen: its number in the dataset. truth, read: texts, or "name: text" of values; None where there is none.
    box: the true line's, else the box that was read; None for a value that no line of the truth shows.
    """

    screen: int
    kind: Mistake
    truth: str | None
    read: str | None
    confidence: float | None
    box: Box | None


@dataclass
class ScreenEvaluation:
    """Counts over screens. Readable lines are those whose characters all lie in the reader's charset.

    lines, found: true lines, those with a box of their own; boxes, right: found boxes, those that are a line's.
    readable, exact: readable lines, and those whose box reads exactly their text, spaces apart.
    invented, invented_surely: texts without U+FFFD where the truth has no such text; those of a confidence over 0.9.
    fields, fields_right, fields_wrong: values that the truth names, and those given rightly and wrongly.
    screens, screens_right: screens, and those whose readable lines are all exact.
    mistakes: in the order of the screens.
    """

    screens: int = 0
    screens_right: int = 0
    lines: int = 0
    found: int = 0
    boxes: int = 0
    right: int = 0
    readable: int = 0
    exact: int = 0
    invented: int = 0
    invented_surely: int = 0
    fields: int = 0
    fields_right: int = 0
    fields_wrong: int = 0
    mistakes: list[ScreenMistake] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of the lines that have a box, 0-1."""
        return self.found / max(self.lines, 1)

    @property
    def precision(self) -> float:
        """Share of the boxes that have a line, 0-1."""
        return self.right / max(self.boxes, 1)

    @property
    def exact_share(self) -> float:
        """Share of the readable lines read exactly, 0-1."""
        return self.exact / max(self.readable, 1)

    def summary(self) -> dict[str, Any]:
        """The counts and rates as plain data."""
        counts = {key: value for key, value in vars(self).items() if key != "mistakes"}
        return {**counts, "recall": self.recall, "precision": self.precision, "exact_share": self.exact_share}

    def rows(self, dataset: ScreenDataset) -> list[dict[str, Any]]:
        """The mistakes as plain data, screens by their names."""
        return [
            {**asdict(m), "screen": dataset.name(m.screen), "box": m.box and m.box._asdict()} for m in self.mistakes
        ]


def evaluate_screens(
    reader: Reader, finder: OnnxFinder, dataset: ScreenDataset, decoding: Decoding = "greedy"
) -> ScreenEvaluation:
    """Read every screen of a dataset. ImageError if a picture cannot be read: nothing is left out silently."""
    result = ScreenEvaluation()
    progress = Progress(len(dataset), "screens")
    for i in range(len(dataset)):
        read = read_screen(reader, finder, dataset.image(i), decoding, unknown=True)
        count_screen(result, reader.spec.codec, read, dataset.lines(i))
        progress.advance()
    return result


def count_screen(result: ScreenEvaluation, codec: Codec, read: ScreenReading, truth: list[ScreenLine]) -> None:
    """Add what was read of one screen to the counts. codec: of the charset that makes a line readable."""
    boxes = np.array([line.box for line in read.lines], dtype=np.float64).reshape(-1, 4)
    pairs = pair_boxes(boxes, np.array([line.box for line in truth], dtype=np.float64).reshape(-1, 4))
    texts = [codec.fold(_spaced(line.text, codec)) for line in truth]
    readable = {j for j, text in enumerate(texts) if UNKNOWN not in text and not codec.missing(text)}
    exact = {(i, j) for i, j in pairs if j in readable and read.lines[i].text == texts[j]}
    told = {i for i, j in pairs if read.lines[i].text == texts[j]}
    invented = [i for i, line in enumerate(read.lines) if i not in told and UNKNOWN not in line.text]
    wanted = {line.field: line for line in truth if line.field}
    values = {line.field: text for line, text in zip(truth, texts, strict=True) if line.field}
    right = {key for key, value in read.fields.items() if key in values and _says(value, values[key])}
    number = result.screens
    result.screens += 1
    result.screens_right += len(exact) == len(readable)
    result.lines += len(truth)
    result.found += len(pairs)
    result.boxes += len(boxes)
    result.right += len(pairs)
    result.readable += len(readable)
    result.exact += len(exact)
    result.invented += len(invented)
    result.invented_surely += sum(read.lines[i].confidence > _SURE for i in invented)
    result.fields += len(wanted)
    result.fields_right += len(right)
    result.fields_wrong += len(read.fields) - len(right)
    paired, box_of = {i for i, _ in pairs}, {j: i for i, j in pairs}
    wrong = (readable - {j for _, j in exact}) | (set(range(len(truth))) - box_of.keys())
    result.mistakes += _line_mistakes(number, read, truth, box_of, wrong)
    for line in (read.lines[i] for i in invented if i not in paired):
        result.mistakes.append(ScreenMistake(number, "invented", None, line.text, line.confidence, line.box))
    result.mistakes += _field_mistakes(number, read, wanted, right)


def _line_mistakes(
    number: int, read: ScreenReading, truth: list[ScreenLine], box_of: dict[int, int], wrong: set[int]
) -> list[ScreenMistake]:
    """Lines of the truth that were not found, or not read exactly. box_of: the found box of a true line."""
    mistakes = []
    for j in sorted(wrong):
        text, box = truth[j].text, _rounded(truth[j])
        if j not in box_of:
            mistakes.append(ScreenMistake(number, "not found", text, None, None, box))
            continue
        line = read.lines[box_of[j]]
        mistakes.append(ScreenMistake(number, "misread", text, line.text, line.confidence, box))
    return mistakes


def _field_mistakes(
    number: int, read: ScreenReading, wanted: dict[str, ScreenLine], right: set[str]
) -> list[ScreenMistake]:
    """Values that were given wrongly or not at all."""
    mistakes = []
    for key in sorted((wanted.keys() | read.fields.keys()) - right):
        line, value = wanted.get(key), read.fields.get(key)
        truth = f"{key}: {line.text}" if line else None
        if value is None:
            mistakes.append(ScreenMistake(number, "no value", truth, None, None, _rounded(line) if line else None))
            continue
        box = _rounded(line) if line else value.box
        said = f"{key}: {value.text}"
        mistakes.append(ScreenMistake(number, "wrong value", truth, said, value.confidence, box))
    return mistakes


def _rounded(line: ScreenLine) -> Box:
    x, y, width, height = line.box
    left, top = int(x), int(y)
    return Box(left, top, int(np.ceil(x + width)) - left, int(np.ceil(y + height)) - top)


def _says(value: FieldValue, text: str) -> bool:
    """Whether a value is that of the line with this text, which may hold the field's name too."""
    return value.text == text or text.endswith(value.text) or text.startswith(value.text)


def _spaced(text: str, codec: Codec) -> str:
    """The text with single spaces, or without any where the charset has none."""
    return (" " if " " in codec.charset else "").join(text.split())
