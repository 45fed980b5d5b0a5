"""Samples in tar shards, as WebDataset names them.

A file's key is its path up to the first dot of its last part, the rest is what it is: ``v1.0/0002.png`` is the ``png``
of ``v1.0/0002``. ``./`` in front does not count.
"""

import re
import tarfile
from array import array
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from linelet_common.errors import DatasetError
from linelet_common.files import open_regular
from linelet_common.manifest import MANIFEST, Manifest

PICTURES = ("png", "jpg", "jpeg", "webp", "bmp")

Files = dict[str, int]  # a sample's files: kind -> block of its header in the shard

_NONE = 0xFFFFFFFF
_NAME = re.compile(r"(?:\./)*((?:.*/)?[^./][^./]*)\.([^/]*)")


class Member(NamedTuple):
    """A file in a shard; ``block``: where its header begins there, in blocks of 512 bytes."""

    shard: Path
    block: int

    @property
    def name(self) -> str:
        """Its name in the shard."""
        with open_regular(self.shard) as file:
            return self._header(file).name

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.name} of {self.shard}"

    def read(self) -> tuple[bytes, str]:
        """Its content and its place. DatasetError if the shard ends before it does, or is not what it was."""
        with open_regular(self.shard) as file:
            info = self._header(file)
            file.seek(info.offset_data)
            data = file.read(info.size)
        if len(data) < info.size:
            raise DatasetError(f"{self.shard} is cut off within {info.name}; make it again", place=self.shard)
        return data, f"{info.name} of {self.shard}"

    def _header(self, file: BinaryIO) -> tarfile.TarInfo:
        file.seek(self.block * tarfile.BLOCKSIZE)
        try:
            info = tarfile.TarFile(fileobj=file).firstmember  # type: ignore[attr-defined]  # the stubs lack it
        except tarfile.TarError:
            info = None
        if info is None:
            raise DatasetError(f"{self.shard} was changed while it was read; start again", place=self.shard)
        found: tarfile.TarInfo = info
        return found


class ShardIndex:
    """Every sample of a folder's *.tar files: its files of some kinds. A sample and kind take 4 bytes.

    A sample's files lie in one shard; other kinds are left out. DatasetError for a shard that is broken, a member that
    is a link or device, a picture whose name has a dot too many, and a file that is twice in a shard.
    """

    def __init__(self, folder: Path, kinds: tuple[str, ...], check: Callable[[Files], str | None]) -> None:
        """check: what a sample lacks, for messages, given its files by kind; None if nothing."""
        self._shards: list[Path] = []
        self._first: list[int] = []  # number of each shard's first sample
        self._blocks = {
            kind: array("I") for kind in kinds
        }  # its header's, of each sample; _NONE if it has no such file
        self._count = 0
        for shard in sorted(folder.glob("*.tar")):
            self._shards.append(shard)
            self._first.append(self._count)
            for key, files in _samples(shard, kinds).items():
                if lacks := check(files):
                    raise DatasetError(f"{key} of {shard} lacks {lacks}; a sample needs one of each")
                for kind, column in self._blocks.items():
                    column.append(files.get(kind, _NONE))
                self._count += 1

    def __len__(self) -> int:
        return self._count

    def member(self, i: int, *kinds: str) -> Member | None:
        """The first of sample i's files that is of one of these kinds; None if it has none."""
        i = range(self._count)[i]
        for kind in kinds:
            block = self._blocks[kind][i]
            if block != _NONE:
                return Member(self._shards[bisect_right(self._first, i) - 1], block)
        return None


def _samples(shard: Path, kinds: tuple[str, ...]) -> dict[str, Files]:
    """The samples of a shard by their keys, in its order."""
    samples: dict[str, Files] = {}
    try:
        with open_regular(shard) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for info in archive:
                if not info.isdir():
                    _add(samples, info, shard, kinds)
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep all of them
    except (OSError, tarfile.TarError) as failure:
        raise DatasetError(f"{shard} cannot be read ({failure}); make it again", place=shard) from None
    _check_end(shard)
    return samples


def _add(samples: dict[str, Files], info: tarfile.TarInfo, shard: Path, kinds: tuple[str, ...]) -> None:
    if not info.isfile():
        raise DatasetError(f"{info.name} of {shard} is a link or a device, not a file; pack the file itself")
    found = _NAME.fullmatch(info.name)
    key, kind = (found[1], found[2].lower()) if found else (info.name, "")
    if kind not in kinds:
        last = info.name.rpartition(".")[2].lower()
        if last in kinds and last in PICTURES:
            raise DatasetError(
                f"{info.name} of {shard}: names are read up to their first dot, which makes it a {kind!r}; "
                "rename it so that its only dot stands before the ending",
                value=kind,
            )
        return
    files = samples.setdefault(key, {})
    if kind in files:
        raise DatasetError(f"{info.name} of {shard} is there twice; keep one of them")
    files[kind] = info.offset // tarfile.BLOCKSIZE


def _check_end(shard: Path) -> None:
    """DatasetError for a shard without the empty block that ends one: it was cut at a member, and may lack more."""
    size = shard.stat().st_size
    with open_regular(shard) as file:
        file.seek(max(0, size - 1024))
        if size < 1024 or any(file.read()):
            raise DatasetError(f"{shard} does not end as a tar file does; copy or make it again", place=shard)


def check_count(folder: Path, manifest: Manifest | None, count: int) -> None:
    """DatasetError where shards hold no samples, or not as many as the manifest says."""
    if not count:
        raise DatasetError(f"{folder} holds no samples in its *.tar files; make it again", place=folder)
    if manifest and manifest.complete and manifest.count != count:
        raise DatasetError(
            f"{folder} holds {count} samples, its {MANIFEST} says {manifest.count}; find the missing shards",
            place=folder,
        )
