"""Samples in tar shards, as WebDataset names them.

A file's key is its path up to the first dot of its last part, the rest is what it is: ``v1.0/0002.png`` is the ``png``
of ``v1.0/0002``. ``./`` in front does not count.
"""

import re
import tarfile
from pathlib import Path
from typing import NamedTuple

from linelet_common.errors import DatasetError
from linelet_common.manifest import MANIFEST, Manifest

PICTURES = ("png", "jpg", "jpeg", "webp", "bmp")

_NAME = re.compile(r"(?:\./)*((?:.*/)?[^./][^./]*)\.([^/]*)")


class Member(NamedTuple):
    """A file in a shard, and where its content lies there."""

    name: str
    shard: Path
    offset: int
    size: int

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.name} of {self.shard}"

    def read(self) -> bytes:
        """Its content. DatasetError if the shard ends before it does."""
        with self.shard.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) < self.size:
            raise DatasetError(f"{self.shard} is cut off within {self.name}; make it again", place=self.shard)
        return data


def index_shards(folder: Path, kinds: tuple[str, ...]) -> dict[str, dict[str, Member]]:
    """Every sample of a folder's *.tar files by its key: its files of these kinds, by kind. Other kinds are left out.

    DatasetError for a shard that is broken, a member that is a link or device, a picture whose name has a dot too many,
    and a file that is there twice.
    """
    samples: dict[str, dict[str, Member]] = {}
    for shard in sorted(folder.glob("*.tar")):
        try:
            with tarfile.open(shard, "r:") as archive:
                for info in archive:
                    if not info.isdir():
                        _add(samples, info, shard, kinds)
        except (OSError, tarfile.TarError) as failure:
            raise DatasetError(f"{shard} cannot be read ({failure}); make it again", place=shard) from None
        _check_end(shard)
    return samples


def _add(samples: dict[str, dict[str, Member]], info: tarfile.TarInfo, shard: Path, kinds: tuple[str, ...]) -> None:
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
    files[kind] = Member(info.name, shard, info.offset_data, info.size)


def _check_end(shard: Path) -> None:
    """DatasetError for a shard without the empty block that ends one: it was cut at a member, and may lack more."""
    size = shard.stat().st_size
    with shard.open("rb") as file:
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
