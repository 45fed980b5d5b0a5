"""Screen datasets: pictures of whole screens with the box and text of every line.

The folder form is a ``screens.json`` in COCO's form beside ``images/``: images, annotations with ``bbox`` [x, y, width,
height] tight to the ink, ``text``, and for values of the recipe's fields ``field`` and ``"value": true``; one category,
``line``. LMDB has ``image-%09d`` and ``screen-%09d`` from 1, tar shards ``.png`` and ``.json``; there a screen's record
is {"width", "height", "lines": [{"bbox", "text", ...}]}. A ``dataset.json`` says what the whole is.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

import pydantic

from linelet_common.errors import DatasetError, ImageError
from linelet_common.files import read_bytes
from linelet_common.folder import Inside
from linelet_common.lmdb_records import LmdbRecords
from linelet_common.manifest import UNFINISHED, Manifest
from linelet_common.preprocess import Pixels, load_image
from linelet_common.schema import Checked, parse, read_json
from linelet_common.stored import decode_image
from linelet_common.tar_members import Files, Member, ShardIndex, check_count

SCREENS = "screens.json"
RECORD = "screen"
CATEGORY: dict[str, Any] = {"id": 1, "name": "line"}

Length = Annotated[float, pydantic.Field(gt=0.0)]


@dataclass(frozen=True, slots=True)
class ScreenLine:
    """A line of a screen: what is drawn, its box x, y, width, height in pixels, and the field that it is a value of."""

    text: str
    box: tuple[float, float, float, float]
    field: str | None = None


class _Line(Checked):
    model_config = pydantic.ConfigDict(extra="ignore")

    bbox: tuple[float, float, Length, Length]
    text: str
    field: str | None = None

    def line(self) -> ScreenLine:
        return ScreenLine(self.text, self.bbox, self.field)


class _Record(Checked):
    model_config = pydantic.ConfigDict(extra="ignore")

    lines: tuple[_Line, ...]


class _Image(Checked):
    model_config = pydantic.ConfigDict(extra="ignore")

    id: int
    file_name: str


class _Annotation(_Line):
    image_id: int


class _Coco(Checked):
    model_config = pydantic.ConfigDict(extra="ignore")

    images: tuple[_Image, ...]
    annotations: tuple[_Annotation, ...]


class ScreenDataset(Protocol):
    """Numbered screens. ``place(i)`` says where screen i stands, for messages."""

    manifest: Manifest | None

    def __len__(self) -> int: ...

    def name(self, i: int) -> str:
        """The picture's name within the dataset."""
        ...

    def image(self, i: int) -> Pixels:
        """RGB uint8 (H, W, 3). ImageError if the picture cannot be read."""
        ...

    def lines(self, i: int) -> list[ScreenLine]:
        """Every line of screen i."""
        ...

    def place(self, i: int) -> str:
        """Where the screen stands, for messages."""
        ...


class ScreenFolder:
    """A folder with screens.json. DatasetError where that is missing, broken or tells of no picture."""

    def __init__(self, folder: Path, follow_links: bool = False) -> None:
        self.folder = folder
        self.manifest = Manifest.load(folder)
        self._inside = Inside(folder, follow_links)
        path = folder / SCREENS
        coco = parse(_Coco, _json_object(_content(path), str(path)), str(path), DatasetError)
        self._names = [image.file_name for image in coco.images]
        numbers = {image.id: i for i, image in enumerate(coco.images)}
        self._lines: list[list[ScreenLine]] = [[] for _ in coco.images]
        for annotation in coco.annotations:
            if annotation.image_id not in numbers:
                raise DatasetError(
                    f"{path}: an annotation names image {annotation.image_id}, not listed; list it", place=path
                )
            self._lines[numbers[annotation.image_id]].append(annotation.line())
        if not self._names:
            raise DatasetError(f"{path} lists no images; list at least one", place=path)

    def __len__(self) -> int:
        return len(self._names)

    def name(self, i: int) -> str:
        """Path of picture i as screens.json gives it."""
        return self._names[i]

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3); ImageError if it cannot be read."""
        return load_image(self._inside.path(self._names[i], self.place(i)))

    def lines(self, i: int) -> list[ScreenLine]:
        """Every line of screen i."""
        return self._lines[i]

    def place(self, i: int) -> str:
        """Picture and file of screen i."""
        return f"{self._names[i]} of {self.folder / SCREENS}"


class ScreenLmdb:
    """A folder with data.mdb. DatasetError for another layout, or where lmdb is not installed. Can be pickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.load(folder)
        self._records = LmdbRecords(folder, self.manifest)

    def __len__(self) -> int:
        return self._records.count

    def name(self, i: int) -> str:
        """The key of picture i."""
        return f"image-{i + 1:09d}"

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3); ImageError if it is missing or cannot be read."""
        value = self._records.get(b"image-%09d" % (i + 1))
        if value is None:
            raise ImageError(f"{self.place(i)} is missing; make the dataset again", place=self.place(i))
        return decode_image(value, self.place(i))

    def lines(self, i: int) -> list[ScreenLine]:
        """Every line of screen i. DatasetError if its record is missing or broken."""
        key = f"{RECORD}-{i + 1:09d}"
        value = self._records.get(key.encode())
        if value is None:
            raise DatasetError(f"{key} is missing from {self.folder}/data.mdb; make it again", place=self.folder)
        return _record(value, f"{key} of {self.folder}/data.mdb")

    def place(self, i: int) -> str:
        """Key and file of screen i."""
        return f"{self.name(i)} of {self.folder}/data.mdb"


class ScreenTars:
    """A folder with *.tar shards. DatasetError for a broken shard or a picture without its .json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.load(folder)
        self._index = ShardIndex(folder, ("png", "json"), _lacks)
        check_count(folder, self.manifest, len(self))

    def __len__(self) -> int:
        return len(self._index)

    def name(self, i: int) -> str:
        """File name of picture i in its shard."""
        return self._member(i, "png").name

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3); ImageError if it cannot be read."""
        return decode_image(*self._member(i, "png").read())

    def lines(self, i: int) -> list[ScreenLine]:
        """Every line of screen i."""
        return _record(*self._member(i, "json").read())

    def place(self, i: int) -> str:
        """File and shard of screen i."""
        return self._member(i, "png").place

    def _member(self, i: int, kind: str) -> Member:
        found = self._index.member(i, kind)
        assert found, "every screen has its picture and its record"
        return found


def _lacks(files: Files) -> str | None:
    return None if len(files) == 2 else "its .png or its .json"


def is_screens(path: str | Path) -> bool:
    """Whether a folder is a dataset of screens rather than of lines."""
    manifest = Manifest.load(Path(path))
    return manifest.kind == "screens" if manifest else (Path(path) / SCREENS).exists()


def open_screens(path: str | Path, follow_links: bool = False) -> ScreenDataset:
    """Open a dataset of screens of any form. DatasetError if there is none, or one of lines, or half of one.

    follow_links: as for open_dataset.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(
            f"{path}: no such dataset; make one with 'linelet synth RECIPE --screens --out {path} --count 1000'",
            place=path,
        )
    manifest = Manifest.load(path)
    if manifest and manifest.kind != "screens":
        raise DatasetError(
            f"{path} is a dataset of {manifest.kind}; make one of screens with 'linelet synth RECIPE --screens "
            "--out DIR --count 1000'",
            place=path,
        )
    if manifest and not manifest.complete:
        raise DatasetError(UNFINISHED.format(path=path))
    if manifest:
        manifest.check(path)
    if (path / "data.mdb").exists():
        return ScreenLmdb(path)
    if not (path / SCREENS).exists() and next(path.glob("*.tar"), None):
        return ScreenTars(path)
    return ScreenFolder(path, follow_links)


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except OSError as failure:
        raise DatasetError(f"{path}: {failure.strerror}; a folder of screens needs a {SCREENS}", place=path) from None


def _json_object(data: bytes, place: str) -> dict[str, Any]:
    found = read_json(data, place, DatasetError, "make the dataset again")
    if not isinstance(found, dict):
        raise DatasetError(f"{place} is not a JSON object; make the dataset again", place=place)
    return found


def _record(data: bytes, place: str) -> list[ScreenLine]:
    return [line.line() for line in parse(_Record, _json_object(data, place), place, DatasetError).lines]
