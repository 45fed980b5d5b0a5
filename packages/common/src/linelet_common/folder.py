"""The folder form of a line dataset: ``labels.txt`` beside the pictures.

UTF-8, ``path<TAB>text`` a line, paths relative to the folder: the list form that PaddleOCR reads. Spaces belong to
labels; an empty label is a picture that shows no text. A ``details.jsonl`` may say more of each line.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from linelet_common.errors import DatasetError
from linelet_common.files import read_bytes
from linelet_common.lines import Details, read_details
from linelet_common.manifest import Manifest
from linelet_common.preprocess import Pixels, load_image

LABELS = "labels.txt"
DETAILS = "details.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of labels.txt: the picture's path, its text, and the line's number (from 1)."""

    path: str
    label: str
    number: int


class Inside:
    """Pictures that a list names, within its folder: a list from elsewhere must not have other files read.

    follow_links: take links out of the folder too; names with ``..`` and absolute ones never.
    """

    def __init__(self, folder: Path, follow_links: bool) -> None:
        self._folder, self._follow = folder, follow_links
        self._root = os.path.realpath(folder) + os.sep

    def path(self, name: str, place: str) -> Path:
        """The path of a picture. DatasetError if it lies elsewhere."""
        path = self._folder / name
        if "\0" in name or PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise DatasetError(
                f"{place} names {name!r}, which is not a path within {self._folder}; move the picture there",
                value=name,
                place=place,
            )
        if not self._follow and not os.path.realpath(path).startswith(self._root):
            raise DatasetError(
                f"{place} names {name!r}, a link out of {self._folder}; copy the picture there, or allow links with "
                "--follow-links",
                value=name,
                place=place,
            )
        return path


class FolderDataset:
    """A folder with labels.txt. DatasetError for a missing file, text that is not UTF-8 or a malformed line."""

    def __init__(self, folder: Path, follow_links: bool = False) -> None:
        self.folder = folder
        self._inside = Inside(folder, follow_links)
        self.manifest = Manifest.load(folder)
        self.entries = list(read_labels(folder / LABELS))
        if not self.entries:
            raise DatasetError(f"{folder / LABELS} is empty; write one 'path<TAB>text' a line", place=folder / LABELS)

    def __len__(self) -> int:
        return len(self.entries)

    def name(self, i: int) -> str:
        """Path of picture i as labels.txt gives it."""
        return self.entries[i].path

    def label(self, i: int) -> str:
        """Text of sample i, spaces kept."""
        return self.entries[i].label

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3). ImageError if it cannot be read, DatasetError if it lies elsewhere."""
        return load_image(self._inside.path(self.entries[i].path, self.place(i)))

    def place(self, i: int) -> str:
        """Line number and file of sample i."""
        return f"line {self.entries[i].number} of {self.folder / LABELS}"

    def details(self, i: int) -> Details | None:
        """What details.jsonl says of picture i, if there is such a file."""
        return self._details.get(self.entries[i].path)

    @cached_property
    def _details(self) -> dict[str, Details]:
        """The rows of details.jsonl by the picture that they name."""
        path = self.folder / DETAILS
        rows = read_bytes(path).splitlines() if path.exists() else []
        found = {}
        for number, row in enumerate(rows, 1):
            place = f"line {number} of {path}"
            details = read_details(row, place)
            if details.image is None:
                raise DatasetError(f"{place} names no image; make the dataset again or remove the file", place=place)
            found[details.image] = details
        return found


def read_labels(path: Path) -> Iterator[Entry]:
    """The entries of a labels.txt, in order."""
    try:
        data = read_bytes(path)
    except OSError as failure:
        raise DatasetError(f"{path}: {failure.strerror}; a dataset folder needs a {LABELS}", place=path) from None
    # Split by hand: str.splitlines would also split at U+2028 and other characters that a label may hold.
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, raw in enumerate(lines, 1):
        try:
            line = raw.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            raise DatasetError(
                f"line {number} of {path} is not UTF-8; save the file as UTF-8", place=f"line {number} of {path}"
            ) from None
        fields = line.split("\t")
        if len(fields) != 2 or not fields[0]:
            raise DatasetError(
                f"line {number} of {path} is {line[:80]!r} with {len(fields) - 1} TABs; write 'path<TAB>text'",
                value=line[:80],
                place=f"line {number} of {path}",
            )
        yield Entry(fields[0], fields[1], number)
