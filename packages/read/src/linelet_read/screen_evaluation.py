"""How well a finder and a reader together read screens whose lines are known: found, read exactly, invented, fields."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

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


@dataclass
class ScreenEvaluation:
    """Counts over screens. Readable lines are those whose characters all lie in the reader's charset.

    lines, found: true lines, those with a box of their own; boxes, right: found boxes, those that are a line's.
    readable, exact: readable lines, and those whose box reads exactly their text, spaces apart.
    invented, invented_surely: texts without U+FFFD where the truth has no such text; those of a confidence over 0.9.
    fields, fields_right, fields_wrong: values that the truth names, and those given rightly and wrongly.
    screens, screens_right: screens, and those whose readable lines are all exact.
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
        """All of it as plain data."""
        rates = {"recall": self.recall, "precision": self.precision, "exact_share": self.exact_share}
        return {**asdict(self), **rates}


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
    readable = {j for j, line in enumerate(truth) if not codec.missing(_bare(line.text))}
    exact = {(i, j) for i, j in pairs if j in readable and read.lines[i].text == _bare(truth[j].text)}
    result.screens += 1
    result.screens_right += len(exact) == len(readable)
    result.lines += len(truth)
    result.found += len(pairs)
    result.boxes += len(boxes)
    result.right += len(pairs)
    result.readable += len(readable)
    result.exact += len(exact)
    told = {i for i, j in pairs if read.lines[i].text == codec.fold(_bare(truth[j].text))}
    for i, line in enumerate(read.lines):
        if i not in told and UNKNOWN not in line.text:
            result.invented += 1
            result.invented_surely += line.confidence > _SURE
    wanted = {line.field: _bare(line.text) for line in truth if line.field}
    result.fields += len(wanted)
    for key, value in read.fields.items():
        right = key in wanted and _says(value, wanted[key])
        result.fields_right += right
        result.fields_wrong += not right


def _says(value: FieldValue, text: str) -> bool:
    """Whether a value is that of the line with this text, which may hold the field's name too."""
    return value.text == text or text.endswith(value.text) or text.startswith(value.text)


def _bare(text: str) -> str:
    return "".join(text.split())
