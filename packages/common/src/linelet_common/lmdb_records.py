"""Records in LMDB, as lines and screens are stored in it."""

import os
import struct
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from linelet_common.errors import DatasetError
from linelet_common.files import open_regular
from linelet_common.manifest import MANIFEST, UNFINISHED, Manifest

# The head of a data file (lmdb.h, mdb.c: MDB_meta behind a page header of 16 bytes, on each of the first two pages):
# magic and version, address and size of the map, two databases of 48 bytes, the first one's pad being the page size,
# then the last page in use and the transaction.
_META = struct.Struct("<16xII16xI92xQQ")
_MAGIC = 0xBEEFC0DE


class LmdbRecords:
    """The records of a folder with data.mdb that has num-samples. DatasetError for another layout. Can be pickled."""

    def __init__(self, folder: Path, manifest: Manifest | None) -> None:
        self.folder = folder
        self._held: Any = None
        count = self.get(b"num-samples")
        if count is None:
            if manifest and not manifest.complete:
                raise DatasetError(UNFINISHED.format(path=folder))
            raise DatasetError(
                f"{folder}/data.mdb has no num-samples; it is not a dataset, or is unfinished", place=folder
            )
        if not count.isdigit() or not 0 < int(count[:10]) < 10**9:
            raise DatasetError(
                f"{folder}/data.mdb says num-samples {count[:20]!r}, not a number above 0; make it again",
                value=count[:20],
                place=folder,
            )
        self.count = int(count)
        if manifest and manifest.complete and manifest.count != self.count:
            raise DatasetError(
                f"{folder}/data.mdb has {self.count} samples, its {MANIFEST} says {manifest.count}; make it again",
                place=folder,
            )

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


# LMDB opens a file once a process; datasets of the same file share it, and the last one to go closes it.
_open: WeakValueDictionary[tuple[str, int], Any] = WeakValueDictionary()


def _environment(folder: str) -> Any:
    try:
        import lmdb
    except ImportError:
        raise DatasetError(f"{folder} is LMDB, which needs lmdb; pip install lmdb", place=folder) from None
    key = os.path.realpath(folder), os.getpid()
    environment = _open.get(key)
    if environment is None:
        _check_length(Path(folder) / "data.mdb")
        try:
            environment = _open[key] = lmdb.open(folder, readonly=True, lock=False, readahead=False)
        except lmdb.Error as failure:
            raise DatasetError(f"{folder}/data.mdb cannot be read ({failure}); make it again", place=folder) from None
    return environment


def _check_length(path: Path) -> None:
    """DatasetError for a file shorter than its own pages: reading past its end would kill the process (SIGBUS)."""
    try:
        size = path.stat().st_size
        with open_regular(path) as file:
            first = file.read(_META.size)
            magic, _, page, _, _ = _META.unpack(first)
            file.seek(page)
            metas = [_META.unpack(first), _META.unpack(file.read(_META.size))]
    except (OSError, struct.error):
        raise DatasetError(f"{path} is cut off or not LMDB; make the dataset again", place=path) from None
    pages = {(transaction, last + 1) for found, _, _, last, transaction in metas if found == _MAGIC}
    if magic != _MAGIC or not pages:
        raise DatasetError(f"{path} is not LMDB; make the dataset again", place=path)
    if size < max(pages)[1] * page:
        raise DatasetError(
            f"{path} has {size} bytes, its pages take {max(pages)[1] * page}; copy or make it again", place=path
        )
