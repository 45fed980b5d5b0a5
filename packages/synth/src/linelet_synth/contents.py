"""What a dataset is of, lines or screens: how its samples become bytes, and how a folder lists them.

A storage asks for nothing else, so every form of storage keeps both.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NamedTuple, Protocol

from linelet_common.folder import DETAILS, LABELS
from linelet_synth.line import Line
from linelet_synth.png import encode_png
from linelet_synth.source import GROUP, Source

# The record that is the picture, PNG.
PICTURE = "image"


class Stored(NamedTuple):
    """A sample as bytes: its records by name, in the order of their names, ``image`` among them."""

    number: int
    records: tuple[tuple[str, bytes], ...]


class Content(Protocol):
    """The samples of a dataset."""

    unit: str  # what they are called, for a progress bar
    facts: dict[str, Any]  # what dataset.json tells of them
    weight: int  # as many lines take the space of one
    suffixes: ClassVar[dict[str, str]]  # the ending of each record's file in a tar shard
    lists: tuple[str, ...]  # the files in which a folder lists its samples; a chunk's part of the last is written last

    def samples(self, numbers: range) -> Iterator[Stored]:
        """Draw samples and encode them."""
        ...

    def rows(self, sample: Stored, picture: str) -> tuple[str, ...]:
        """A sample's row in each list; ``picture`` is the path of its picture within the folder."""
        ...

    def join(self, name: str, parts: Iterable[bytes]) -> Iterable[bytes]:
        """The content of a list, from its chunks' rows in order."""
        ...


class LineContent:
    """Lines of a source with their labels; details: each with what is known of how it was drawn."""

    unit = "lines"
    weight = 1
    suffixes: ClassVar[dict[str, str]] = {"details": "details.json", PICTURE: "png", "label": "txt"}

    def __init__(self, source: Source, details: bool) -> None:
        self._source, self._details = source, details
        self.lists: tuple[str, ...] = (DETAILS, LABELS) if details else (LABELS,)
        self.facts = {
            "look": source.look,
            "details": details,
            "grammar": source.grammar.model_dump(mode="json") if source.grammar else None,
            "recipe_digest": source.digest,
        }

    def samples(self, numbers: range) -> Iterator[Stored]:
        """Label, picture and details of lines.

        Several are drawn before they are encoded: drawing and encoding one by one, each finds the processor's caches
        full of the other's code and data, and both take a tenth longer.
        """
        for start in range(0, len(numbers), GROUP):
            group = numbers[start : start + GROUP]
            lines = list(self._source.lines(group))
            pngs = [encode_png(line.picture) for line in lines]
            for i, line, png in zip(group, lines, pngs, strict=True):
                records = (PICTURE, png), ("label", line.text.encode())
                yield Stored(i, (("details", details_json(line)), *records) if self._details else records)

    def rows(self, sample: Stored, picture: str) -> tuple[str, ...]:
        """PaddleOCR's list form; details as JSON that names the picture first."""
        row = f"{picture}\t{sample.records[-1][1].decode()}\n"
        if not self._details:
            return (row,)
        details = sample.records[0][1].decode()
        return f"{json.dumps({'image': picture})[:-1]}, {details[1:]}\n", row

    def join(self, name: str, parts: Iterable[bytes]) -> Iterable[bytes]:
        """The rows as they are."""
        return parts


def details_json(line: Line) -> bytes:
    """What is known of a line: its characters' boxes, look, font, size, contrast and styles."""
    return json.dumps(line.details(), ensure_ascii=False).encode()
