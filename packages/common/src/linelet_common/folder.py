"""The folder form of a line dataset: ``labels.txt`` beside the pictures.

UTF-8, ``path<TAB>text`` a line, paths relative to the folder: the list form that PaddleOCR reads. Spaces belong to
labels; an empty label is a picture that shows no text. A ``details.jsonl`` may say more of each line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from linelet_common.errors import DatasetError
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


class FolderDataset:
    """A folder with labels.txt. DatasetError for a missing file, text that is not UTF-8 or a malformed line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        """Picture i, RGB uint8 (H, W, 3); ImageError if it cannot be read."""
        return load_image(self.folder / self.entries[i].path)

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
        rows = path.read_bytes().splitlines() if path.exists() else []
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
        data = path.read_bytes()
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
