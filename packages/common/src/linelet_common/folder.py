"""The folder form of a line dataset: ``labels.txt`` beside the pictures.

UTF-8, ``path<TAB>text`` a line, paths relative to the folder: the list form that PaddleOCR reads. Spaces belong to
labels; an empty label is a picture that shows no text. A ``details.jsonl`` may say more of each line.
"""

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from linelet_common.errors import DatasetError
from linelet_common.files import open_regular, read_bytes
from linelet_common.lines import Details, read_details
from linelet_common.manifest import Manifest
from linelet_common.preprocess import Pixels, load_image

LABELS = "labels.txt"
DETAILS = "details.jsonl"

_BLOCK = 256  # lines between two places of labels.txt that are remembered: an index of ten million takes 0.3 MB
_LONGEST = 1 << 20  # bytes of a line
_MARK = b"\xef\xbb\xbf"


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
        self._entries = LabelFile(folder / LABELS)
        if not len(self._entries):
            raise DatasetError(f"{folder / LABELS} is empty; write one 'path<TAB>text' a line", place=folder / LABELS)

    def __len__(self) -> int:
        return len(self._entries)

    def name(self, i: int) -> str:
        """Path of picture i as labels.txt gives it."""
        return self._entries.entry(i).path

    def label(self, i: int) -> str:
        """Text of sample i, spaces kept."""
        return self._entries.entry(i).label

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3). ImageError if it cannot be read, DatasetError if it lies elsewhere."""
        return load_image(self._inside.path(self._entries.entry(i).path, self.place(i)))

    def check_pictures(self) -> None:
        """DatasetError for the first label whose picture is missing or lies elsewhere."""
        for i in range(len(self)):
            name, place = self.name(i), self.place(i)
            if not self._inside.path(name, place).is_file():
                raise DatasetError(f"{place} names {name!r}, which is missing; put it back", value=name, place=place)

    def place(self, i: int) -> str:
        """Line number and file of sample i."""
        return f"line {i + 1} of {self.folder / LABELS}"

    def details(self, i: int) -> Details | None:
        """What details.jsonl says of picture i, if there is such a file."""
        return self._details.get(self._entries.entry(i).path)

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


class LabelFile:
    """A labels.txt, checked as a whole and then read where it is asked: memory stays small for millions of lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._starts = array("Q")  # where every block of lines begins
        self._count = 0
        for start, _ in _scan(path):
            if self._count % _BLOCK == 0:
                self._starts.append(start)
            self._count += 1
        self._held: tuple[int, list[bytes]] = (-1, [])  # the block read last: most ask for one line after the other

    def __len__(self) -> int:
        return self._count

    def entry(self, i: int) -> Entry:
        """Entry i. DatasetError if the file is not what it was."""
        block, row = divmod(range(self._count)[i], _BLOCK)
        held = self._held
        if held[0] != block:
            held = self._held = (block, self._lines(block))
        if row >= len(held[1]):
            raise DatasetError(f"{self._path} was changed while it was read; start again", place=self._path)
        return _entry(held[1][row], block * _BLOCK + row + 1, self._path)

    def _lines(self, block: int) -> list[bytes]:
        start = self._starts[block]
        try:
            with open_regular(self._path) as file:
                file.seek(start)
                if block + 1 < len(self._starts):
                    return file.read(self._starts[block + 1] - start).split(b"\n")[:_BLOCK]
                return [file.readline(_LONGEST) for _ in range(self._count - block * _BLOCK)]
        except OSError as failure:
            raise DatasetError(f"{self._path}: {failure.strerror}; put it back", place=self._path) from None


def read_labels(path: Path) -> Iterator[Entry]:
    """The entries of a labels.txt, in order."""
    return (entry for _, entry in _scan(path))


def _scan(path: Path) -> Iterator[tuple[int, Entry]]:
    """Every entry and where its line begins, in bytes."""
    try:
        with open_regular(path) as file:
            start = len(_MARK) if file.read(len(_MARK)) == _MARK else 0
            file.seek(start)
            # Lines of bytes: text would also be split at U+2028 and other characters that a label may hold.
            for number, raw in enumerate(iter(lambda: file.readline(_LONGEST), b""), 1):
                yield start, _entry(raw, number, path)
                start += len(raw)
    except OSError as failure:
        raise DatasetError(f"{path}: {failure.strerror}; a dataset folder needs a {LABELS}", place=path) from None


def _entry(raw: bytes, number: int, path: Path) -> Entry:
    place = f"line {number} of {path}"
    if len(raw) >= _LONGEST:
        raise DatasetError(f"{place} has {_LONGEST} bytes or more; write one 'path<TAB>text' a line", place=place)
    try:
        line = raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise DatasetError(f"{place} is not UTF-8; save the file as UTF-8", place=place) from None
    fields = line.split("\t")
    if len(fields) != 2 or not fields[0]:
        raise DatasetError(
            f"{place} is {line[:80]!r} with {len(fields) - 1} TABs; write 'path<TAB>text'", value=line[:80], place=place
        )
    return Entry(fields[0], fields[1], number)
