"""Line datasets in one file or few: LMDB and tar shards, as ``linelet synth --format`` writes them and others do.

LMDB: ``num-samples``, ``image-%09d`` and ``label-%09d`` from 1, the layout of deep-text-recognition-benchmark, PARSeq
and docTR. Tar: WebDataset's shards (see tar_members), ``.txt`` is a sample's label. ``details-%09d`` and
``.details.json`` may say more of a line. A label may end in one line feed, which is not part of it.
"""

import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from linelet_common.errors import DatasetError, ImageError
from linelet_common.lines import Details, read_details
from linelet_common.lmdb_records import LmdbRecords
from linelet_common.manifest import Manifest
from linelet_common.preprocess import FORMATS, Pixels, to_rgb
from linelet_common.tar_members import PICTURES, Files, Member, ShardIndex, check_count


def decode_image(data: bytes, where: str) -> Pixels:
    """A picture's bytes as RGB uint8 (H, W, 3). ImageError if they are none or damaged."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return to_rgb(image, where)
    except UnidentifiedImageError:
        raise ImageError(f"{where} is not a picture that can be read; make the dataset again", place=where) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as failure:
        raise ImageError(f"{where} is damaged or cut off ({failure}); make the dataset again", place=where) from None


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
            raise DatasetError(
                f"label-{i + 1:09d} is missing from {self.folder}/data.mdb; make it again", place=self.folder
            )
        return _text(value, self.place(i))

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3); ImageError if it is missing or cannot be read."""
        value = self._records.get(b"image-%09d" % (i + 1))
        if value is None:
            raise ImageError(f"{self.place(i)} is missing; make the dataset again", place=self.place(i))
        return decode_image(value, self.place(i))

    def place(self, i: int) -> str:
        """Key and file of sample i."""
        return f"{self.name(i)} of {self.folder}/data.mdb"

    def details(self, i: int) -> Details | None:
        """What details-%09d says, if it is there."""
        value = self._records.get(b"details-%09d" % (i + 1))
        return read_details(value, f"details-{i + 1:09d} of {self.folder}/data.mdb") if value is not None else None


class TarDataset:
    """A folder with *.tar shards. DatasetError for a broken shard or a sample without its label. Can be pickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.load(folder)
        self._index = ShardIndex(folder, (*PICTURES, "txt", "details.json"), _lacks)
        check_count(folder, self.manifest, len(self))

    def __len__(self) -> int:
        return len(self._index)

    def name(self, i: int) -> str:
        """File name of picture i in its shard."""
        return self._member(i, *PICTURES).name

    def label(self, i: int) -> str:
        """Text of sample i. DatasetError if it is not UTF-8."""
        return _text(*self._member(i, "txt").read())

    def image(self, i: int) -> Pixels:
        """Picture i, RGB uint8 (H, W, 3); ImageError if it cannot be read."""
        return decode_image(*self._member(i, *PICTURES).read())

    def place(self, i: int) -> str:
        """File and shard of sample i."""
        return self._member(i, *PICTURES).place

    def details(self, i: int) -> Details | None:
        """What the sample's .details.json says, if there is one."""
        found = self._index.member(i, "details.json")
        return read_details(*found.read()) if found else None

    def _member(self, i: int, *kinds: str) -> Member:
        found = self._index.member(i, *kinds)
        assert found, "every sample has its picture and its label"
        return found


def _lacks(files: Files) -> str | None:
    pictures = sum(kind in files for kind in PICTURES)
    return None if pictures == 1 and "txt" in files else "its picture or its .txt"


def _text(data: bytes, where: str) -> str:
    """A label's text; one line feed at its end is the file's, not the label's."""
    try:
        return data.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise DatasetError(f"the label of {where} is not UTF-8; make the dataset again", place=where) from None
