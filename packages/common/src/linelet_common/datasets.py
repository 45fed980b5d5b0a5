"""Line datasets: pictures of lines with their labels.

Every form carries a ``dataset.json`` that says what it is and whether it is whole; the charset stands there, so that
nobody types it twice. A folder of real crops may lack it.

The folder form is a ``labels.txt`` (UTF-8, ``path<TAB>text`` a line, paths relative to the folder) beside the pictures,
the list form that PaddleOCR reads. Spaces belong to labels; an empty label is a picture that shows no text. A
``details.jsonl`` may say more of each line.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Protocol

import pydantic

from linelet_common.codec import frames_needed
from linelet_common.errors import DatasetError, ImageError, describe_characters
from linelet_common.fields import Field
from linelet_common.grammar import Grammar
from linelet_common.preprocess import Pixels, line_width, load_image
from linelet_common.schema import Checked, parse
from linelet_common.spec import ReaderSpec

LABELS = "labels.txt"
DETAILS = "details.jsonl"
MANIFEST = "dataset.json"
UNFINISHED = "{path} was left unfinished; go on with 'linelet synth ... --out {path} --resume'"


class Manifest(Checked):
    """What every reader of a dataset needs of its dataset.json; what else its maker wrote there is the maker's."""

    model_config = pydantic.ConfigDict(extra="ignore")

    format: Literal["linelet-dataset"] = "linelet-dataset"
    version: Literal[1] = 1
    name: str
    charset: str
    count: int
    seed: int
    recipe_digest: str
    complete: bool
    kind: Literal["lines", "screens"] = "lines"
    grammar: Grammar | None = None  # of the recipe's texts, where it can list them
    fields: dict[str, Field] = pydantic.Field(default={})  # the recipe's named values

    @classmethod
    def load(cls, folder: Path) -> "Manifest | None":
        """The manifest of a dataset folder; None if it has none. DatasetError if it is broken."""
        path = folder / MANIFEST
        try:
            data = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as failure:
            raise DatasetError(f"{path} cannot be read ({failure}); make the dataset again") from None
        if not isinstance(data, dict):
            raise DatasetError(f"{path} holds no object; make the dataset again")
        return parse(cls, data, str(path), DatasetError)


class Details(Checked):
    """What a line's maker may write down beside its label: how it was drawn, and where its characters are."""

    model_config = pydantic.ConfigDict(extra="ignore")

    image: str | None = None  # the picture, where a file tells of several
    look: str | None = None
    font: str | None = None
    size: float | None = None  # pixels per em
    contrast: Annotated[float, pydantic.Field(ge=1.0, le=21.0)] | None = None  # WCAG ratio of text and ground
    styles: tuple[str, ...] = ()
    boxes: tuple[tuple[float, float, float, float], ...] = ()  # x, y, width, height in pixels, a character each


class LineDataset(Protocol):
    """Numbered samples. ``place(i)`` says where sample i stands, for messages: ``line 3 of data/labels.txt``."""

    manifest: Manifest | None

    def __len__(self) -> int: ...

    def name(self, i: int) -> str:
        """The picture's name within the dataset."""
        ...

    def label(self, i: int) -> str:
        """The text that the picture shows."""
        ...

    def image(self, i: int) -> Pixels:
        """RGB uint8 (H, W, 3). ImageError if the picture cannot be read."""
        ...

    def place(self, i: int) -> str:
        """Where the sample stands, for messages."""
        ...

    def details(self, i: int) -> "Details | None":
        """What else its maker wrote down of sample i; None if nothing."""
        ...


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
            raise DatasetError(f"{folder / LABELS} is empty; write one 'path<TAB>text' a line")

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
                raise DatasetError(f"{place} names no image; make the dataset again or remove the file")
            found[details.image] = details
        return found


def read_details(data: bytes, place: str) -> Details:
    """A line's details from JSON. DatasetError for anything else, or a value that makes no sense."""
    try:
        found = json.loads(data)
    except ValueError as failure:
        raise DatasetError(f"{place} is not JSON ({failure}); make the dataset again or remove the file") from None
    if not isinstance(found, dict):
        raise DatasetError(f"{place} holds no object; make the dataset again or remove the file")
    return parse(Details, found, place, DatasetError)


def read_labels(path: Path) -> Iterator[Entry]:
    """The entries of a labels.txt, in order."""
    try:
        data = path.read_bytes()
    except OSError as failure:
        raise DatasetError(f"{path}: {failure.strerror}; a dataset folder needs a {LABELS}") from None
    # Split by hand: str.splitlines would also split at U+2028 and other characters that a label may hold.
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, raw in enumerate(lines, 1):
        try:
            line = raw.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            raise DatasetError(f"line {number} of {path} is not UTF-8; save the file as UTF-8") from None
        fields = line.split("\t")
        if len(fields) != 2 or not fields[0]:
            raise DatasetError(
                f"line {number} of {path} is {line[:80]!r} with {len(fields) - 1} TABs; write 'path<TAB>text'"
            )
        yield Entry(fields[0], fields[1], number)


def open_dataset(path: str | Path) -> LineDataset:
    """Open a dataset of any form that Linelet reads."""
    path = Path(path)
    if not path.exists():
        raise DatasetError(f"{path}: no such dataset; make one with 'linelet synth RECIPE --out {path}'")
    manifest = Manifest.load(path)
    if manifest and manifest.kind != "lines":
        raise DatasetError(
            f"{path} is a dataset of {manifest.kind}, not of lines; make one with 'linelet synth RECIPE'"
        )
    dataset = _opened(path)
    if dataset.manifest and not dataset.manifest.complete:
        raise DatasetError(UNFINISHED.format(path=path))
    return dataset


def _opened(path: Path) -> LineDataset:
    # Imported here: stored needs this module's Manifest.
    from linelet_common.stored import LmdbDataset, TarDataset

    if (path / "data.mdb").exists():
        return LmdbDataset(path)
    if not (path / LABELS).exists() and next(path.glob("*.tar"), None):
        return TarDataset(path)
    return FolderDataset(path)


def label_problem(label: str, place: str, spec: ReaderSpec) -> str | None:
    """Why a reader cannot learn a label: characters that its charset lacks. None if it can."""
    missing = spec.codec.charset.missing(label)
    if not missing:
        return None
    return (
        f"{place}: {label!r} contains {describe_characters(missing)}, not in the charset "
        f"({len(spec.charset)} characters); add it to the recipe's charset or drop the line"
    )


def sample_problem(image: Pixels, label: str, place: str, spec: ReaderSpec) -> str | None:
    """Why a reader cannot learn a sample: an unknown character, or a label longer than the picture has frames for."""
    problem = label_problem(label, place, spec)
    if problem:
        return problem
    try:
        width = line_width(image.shape[0], image.shape[1], spec)
    except ImageError as failure:
        return f"{place}: {failure}"
    frames = spec.frames(spec.padded_width(width))
    needed = frames_needed(label)
    if needed > frames:
        return f"{place}: {label!r} needs {needed} frames, its picture gives {frames}; widen the picture or drop it"
    return None


def problems(dataset: LineDataset, spec: ReaderSpec) -> Iterable[tuple[int, str]]:
    """Every sample (number, reason) that a reader of this spec cannot learn from, unreadable pictures included."""
    for i in range(len(dataset)):
        try:
            problem = sample_problem(dataset.image(i), dataset.label(i), dataset.place(i), spec)
        except ImageError as failure:
            problem = f"{dataset.place(i)}: {failure}"
        if problem:
            yield i, problem
