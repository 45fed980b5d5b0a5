"""Line datasets in one file or few: LMDB and tar shards, as ``linelet synth --format`` writes them and others do.

LMDB: ``num-samples``, ``image-%09d`` and ``label-%09d`` from 1, the layout of deep-text-recognition-benchmark, PARSeq
and docTR. Tar: WebDataset's shards; files with the same name up to the first dot are one sample, ``.txt`` its label.
``details-%09d`` and ``.details.json`` may say more of a line.
"""

import io
import os
import tarfile
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from PIL import Image, UnidentifiedImageError

from linelet_common.errors import DatasetError, ImageError
from linelet_common.lines import Details, read_details
from linelet_common.manifest import UNFINISHED, Manifest
from linelet_common.preprocess import Pixels, to_rgb

_PICTURES = ("png", "jpg", "jpeg", "webp", "bmp")


def decode_image(data: bytes, where: str) -> Pixels:
    """A picture's bytes as RGB uint8 (H, W, 3). ImageError if they are none or damaged."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return to_rgb(image, where)
    except UnidentifiedImageError:
        raise ImageError(f"{where} is not a picture that can be read; make the dataset again") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as failure:
        raise ImageError(f"{where} is damaged or cut off ({failure}); make the dataset again") from None


class LmdbRecords:
    """The records of a folder with data.mdb that has num-samples. DatasetError for another layout. Can be pickled."""

    def __init__(self, folder: Path, manifest: Manifest | None) -> None:
        self.folder = folder
        self._held: Any = None
        count = self.get(b"num-samples")
        if count is None:
            if manifest and not manifest.complete:
                raise DatasetError(UNFINISHED.format(path=folder))
            raise DatasetError(f"{folder}/data.mdb has no num-samples; it is no dataset, or unfinished")
        self.count = int(count)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": None}  # an open environment must not be carried into another process

    def get(self, key: bytes) -> bytes | None:
        """A record's value; None if there is none."""
        environment = self._held
        if environment is None:
            environment = self._held = _environment(str(self.folder))
        with environment.begin() as transaction:
            value: bytes | None = transaction.get(key)
            return value


class LmdbDataset:
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

    def label(self, i: int) -> str:
        """Text of sample i. DatasetError if it is missing or not UTF-8."""
        value = self._records.get(b"label-%09d" % (i + 1))
        if value is None:
            raise DatasetError(f"label-{i + 1:09d} is missing from {self.folder}/data.mdb; make it again")
        return _text(value, self.place(i))

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3); ImageError if it is missing or cannot be read."""
        value = self._records.get(b"image-%09d" % (i + 1))
        if value is None:
            raise ImageError(f"{self.place(i)} is missing; make the dataset again")
        return decode_image(value, self.place(i))

    def place(self, i: int) -> str:
        """Key and file of sample i."""
        return f"{self.name(i)} of {self.folder}/data.mdb"

    def details(self, i: int) -> Details | None:
        """What details-%09d says, if it is there."""
        value = self._records.get(b"details-%09d" % (i + 1))
        return read_details(value, f"details-{i + 1:09d} of {self.folder}/data.mdb") if value is not None else None


# LMDB opens a file once a process; datasets of the same file share it, and the last one to go closes it.
_open: WeakValueDictionary[tuple[str, int], Any] = WeakValueDictionary()


def _environment(folder: str) -> Any:
    try:
        import lmdb
    except ImportError:
        raise DatasetError(f"{folder} is LMDB, which needs lmdb; pip install lmdb") from None
    key = os.path.realpath(folder), os.getpid()
    environment = _open.get(key)
    if environment is None:
        try:
            environment = _open[key] = lmdb.open(folder, readonly=True, lock=False, readahead=False)
        except lmdb.Error as failure:
            raise DatasetError(f"{folder}/data.mdb cannot be read ({failure}); make it again") from None
    return environment


class TarDataset:
    """A folder with *.tar shards. DatasetError for a broken shard or a sample without its label."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.load(folder)
        self._samples: list[tuple[str, Path, int, int]] = []  # name, shard, and where its picture lies
        self._labels: list[str] = []
        self._details: list[tuple[str, Path, int, int] | None] = []
        for shard in sorted(folder.glob("*.tar")):
            self._index(shard)

    def _index(self, shard: Path) -> None:
        pictures: dict[str, tuple[str, Path, int, int]] = {}
        labels: dict[str, str] = {}
        details: dict[str, tuple[str, Path, int, int]] = {}
        try:
            with tarfile.open(shard, "r:") as archive:
                for member in archive:
                    key, _, kind = member.name.partition(".")
                    if kind == "txt":
                        content = archive.extractfile(member)
                        assert content is not None
                        labels[key] = _text(content.read(), f"{member.name} of {shard}")
                    elif kind == "details.json":
                        details[key] = (member.name, shard, member.offset_data, member.size)
                    elif kind in _PICTURES:
                        pictures[key] = (member.name, shard, member.offset_data, member.size)
        except (OSError, tarfile.TarError) as failure:
            raise DatasetError(f"{shard} cannot be read ({failure}); make it again") from None
        if alone := sorted(pictures.keys() ^ labels.keys()):
            raise DatasetError(f"{alone[0]} of {shard} lacks its picture or its .txt; a sample needs both")
        self._samples += pictures.values()
        self._labels += (labels[key] for key in pictures)
        self._details += (details.get(key) for key in pictures)

    def __len__(self) -> int:
        return len(self._samples)

    def name(self, i: int) -> str:
        """File name of picture i in its shard."""
        return self._samples[i][0]

    def label(self, i: int) -> str:
        """Text of sample i."""
        return self._labels[i]

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3); ImageError if it cannot be read."""
        return decode_image(read_member(self._samples[i]), self.place(i))

    def place(self, i: int) -> str:
        """File and shard of sample i."""
        return f"{self._samples[i][0]} of {self._samples[i][1]}"

    def details(self, i: int) -> Details | None:
        """What the sample's .details.json says, if there is one."""
        found = self._details[i]
        return read_details(read_member(found), f"{found[0]} of {found[1]}") if found else None


def read_member(member: tuple[str, Path, int, int]) -> bytes:
    """The content of a shard's file: name, shard, and where it lies."""
    _, shard, offset, size = member
    with shard.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise DatasetError(f"the label of {where} is not UTF-8; make the dataset again") from None
