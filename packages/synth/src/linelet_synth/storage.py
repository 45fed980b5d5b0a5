"""How a dataset lies on disk: a folder of pictures, LMDB, or tar shards. Each is what other libraries read.

A storage keeps chunks of samples. ``make`` runs in any process and may write files of its own; ``take`` runs in the
first one, chunk after chunk in order. A chunk is either done or not there: a killed run leaves nothing in between.
"""

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

import lmdb

from linelet_common.errors import DatasetError
from linelet_common.files import read_bytes, write_atomically
from linelet_common.folder import LABELS
from linelet_synth.contents import PICTURE, Content
from linelet_synth.source import GROUP

PARTS = ".parts"

# What make hands to take: of LMDB the records, of the others nothing.
Payload = list[tuple[bytes, bytes]]


def _refuse_link(path: Path) -> None:
    """DatasetError for what would be written through a link, into somebody else's file or folder."""
    if path.is_symlink():
        raise DatasetError(f"{path} is a link; remove it, or name a new folder with --out", place=path)


def _open_own(path: str, flags: int) -> int:
    """Open a file for writing: at the end of no link, and without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)


class Storage(Protocol):
    """One way to keep a dataset."""

    chunk: ClassVar[int]  # lines that are done together
    shared: ClassVar[bool]  # whether several machines may write it at once

    def prepare(self) -> None:
        """Make an empty storage."""

    def done(self, k: int) -> bool:
        """Whether chunk k is there."""

    def make(self, k: int, samples: range) -> Payload:
        """Draw the samples of chunk k and write what any process may write."""

    def take(self, k: int, samples: range, payload: Payload) -> None:
        """Write the rest of chunk k."""

    def join(self, chunks: int, count: int) -> None:
        """All chunks are done: make the dataset whole."""

    def files(self, chunks: int) -> list[str]:
        """The names of the files whose digests stand in the manifest: those that hold labels."""

    def close(self) -> None:
        """Let go of open files."""


class Folder:
    """images/*.png and what lists them: labels.txt, PaddleOCR's form, of lines; screens.json, COCO's, of screens."""

    # Small enough that little is lost when a machine goes, large enough that a part's file costs nothing.
    chunk: ClassVar[int] = 250
    shared: ClassVar[bool] = True

    def __init__(self, out: Path, content: Content) -> None:
        self._out, self._content = out, content

    def prepare(self) -> None:
        """Make the folders."""
        for name in ("images", PARTS):
            _refuse_link(self._out / name)
            (self._out / name).mkdir(parents=True, exist_ok=True)

    def _part(self, k: int, name: str) -> Path:
        return self._out / PARTS / f"{k:06d}.{name}"

    def done(self, k: int) -> bool:
        """Whether the chunk's part of the last list is there: it is written last."""
        return self._part(k, self._content.lists[-1]).exists()

    def make(self, k: int, samples: range) -> Payload:
        """Write the pictures, then the parts of the lists."""
        rows: list[list[str]] = [[] for _ in self._content.lists]
        folder = str(self._out) + "/"
        for sample in self._content.samples(samples):
            picture = f"images/{sample.number:07d}.png"
            with open(folder + picture, "wb", buffering=0, opener=_open_own) as file:
                file.write(next(data for name, data in sample.records if name == PICTURE))
            for of_list, row in zip(rows, self._content.rows(sample, picture), strict=True):
                of_list.append(row)
        for name, of_list in zip(self._content.lists, rows, strict=True):
            write_atomically(self._part(k, name), "".join(of_list))
        return []

    def take(self, k: int, samples: range, payload: Payload) -> None:
        """Nothing is left to write."""

    def join(self, chunks: int, count: int) -> None:
        """Join the parts of the lists."""
        for name in self._content.lists:
            parts = (read_bytes(self._part(k, name)) for k in range(chunks))
            write_atomically(self._out / name, self._content.join(name, parts))
        if LABELS in self._content.lists:
            with (self._out / LABELS).open("rb") as file:
                found = sum(1 for _ in file)
            if found != count:
                raise DatasetError(
                    f"{self._out / PARTS} holds {found} of {count} labels, so a file there was cut off; remove that "
                    "folder and continue with --resume",
                    value=found,
                    place=self._out / PARTS,
                )

    def files(self, chunks: int) -> list[str]:
        """The lists. Pictures have checksums of their own, PNG's."""
        return list(self._content.lists)

    def close(self) -> None:
        """Nothing is open."""


class Lmdb:
    """LMDB as deep-text-recognition-benchmark, PARSeq and docTR know it: image-%09d, label-%09d from 1, num-samples.

    Screens have screen-%09d, JSON, for a label.
    """

    chunk: ClassVar[int] = 250
    shared: ClassVar[bool] = False

    def __init__(self, out: Path, content: Content) -> None:
        self._out, self._content = out, content
        self._open: Any = None

    @contextmanager
    def _environment(self) -> Iterator[Any]:
        try:
            if self._open is None:
                self._open = lmdb.open(str(self._out), map_size=1 << 26, max_dbs=0)
            yield self._open
        except lmdb.Error as failure:  # a full disk among them: not an OSError, and often called an I/O error
            remedy = "check the free space and continue with --resume, or name a new folder with --out"
            raise DatasetError(f"{self._out / 'data.mdb'}: {failure}; {remedy}", place=self._out / "data.mdb") from None

    def prepare(self) -> None:
        """Make the environment."""
        self._out.mkdir(parents=True, exist_ok=True)
        for name in ("data.mdb", "lock.mdb"):
            _refuse_link(self._out / name)
        with self._environment():
            pass

    def done(self, k: int) -> bool:
        """Whether the chunk's first picture is there: a chunk is one transaction."""
        first = k * chunk_size(type(self), self._content.weight) + 1
        with self._environment() as environment, environment.begin() as transaction:
            return transaction.get(f"{PICTURE}-{first:09d}".encode()) is not None

    def make(self, k: int, samples: range) -> Payload:
        """Keys and values of each sample, in the order of the keys."""
        return [
            (f"{name}-{sample.number + 1:09d}".encode(), data)
            for sample in self._content.samples(samples)
            for name, data in sample.records
        ]

    def take(self, k: int, samples: range, payload: Payload) -> None:
        """Put the records in one transaction; the map grows as they need."""
        self._put(payload)

    def _put(self, records: Payload) -> None:
        with self._environment() as environment:
            while True:
                try:
                    with environment.begin(write=True) as transaction:
                        transaction.cursor().putmulti(records)
                    return
                except lmdb.MapFullError:
                    environment.set_mapsize(environment.info()["map_size"] * 2)

    def join(self, chunks: int, count: int) -> None:
        """Write the number of samples, without which readers take it for no dataset."""
        self._put([(b"num-samples", b"%d" % count)])
        with self._environment() as environment:
            environment.sync(True)

    def files(self, chunks: int) -> list[str]:
        """The one data file."""
        return ["data.mdb"]

    def close(self) -> None:
        """Close the environment."""
        if self._open is not None:
            self._open.close()
            self._open = None


class Tars:
    """WebDataset's shards: 000000.tar and so on, holding 000000000.png and .txt or .json of each sample."""

    chunk: ClassVar[int] = 1000
    shared: ClassVar[bool] = True

    def __init__(self, out: Path, content: Content) -> None:
        self._out, self._content = out, content

    def prepare(self) -> None:
        """Make the folder."""
        self._out.mkdir(parents=True, exist_ok=True)

    def _shard(self, k: int) -> Path:
        return self._out / f"{k:06d}.tar"

    def done(self, k: int) -> bool:
        """Whether the shard is there: it appears whole."""
        return self._shard(k).exists()

    def make(self, k: int, samples: range) -> Payload:
        """Write the shard."""
        write_atomically(self._shard(k), self._pieces(samples))
        return []

    def _pieces(self, samples: range) -> Iterator[bytes]:
        """The shard a few samples at a time: joined as a whole it would have to fetch 10 MB of memory for every one."""
        pieces: list[bytes] = []
        suffixes = self._content.suffixes
        for count, sample in enumerate(self._content.samples(samples), 1):
            for name, data in sample.records:
                pieces += tar_member(f"{sample.number:09d}.{suffixes[name]}".encode(), data)
            if count % GROUP == 0:
                yield b"".join(pieces)
                pieces.clear()
        yield b"".join((*pieces, bytes(2 * tarfile.BLOCKSIZE)))  # a tar's end

    def take(self, k: int, samples: range, payload: Payload) -> None:
        """Nothing is left to write."""

    def join(self, chunks: int, count: int) -> None:
        """Nothing is left to join."""

    def files(self, chunks: int) -> list[str]:
        """The shards."""
        return [self._shard(k).name for k in range(chunks)]

    def close(self) -> None:
        """Nothing is open."""


_HEADER = tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT)
_MODE, _TIME, _REST = _HEADER[100:124], _HEADER[136:148], _HEADER[156:]  # what lies between name, size and checksum
_SUM = sum(_MODE + _TIME + _REST) + 8 * ord(" ")  # the checksum counts itself as spaces
_ZEROS = bytes(tarfile.BLOCKSIZE)


def tar_member(name: bytes, data: bytes) -> tuple[bytes, bytes, bytes]:
    """A plain file in a tar: header, content, padding. tarfile takes fifteen times as long for the header alone."""
    size = b"%011o\0" % len(data)
    checksum = _SUM + sum(name + size)
    header = b"%b%b%b%b%b%06o\0 %b" % (name, _ZEROS[len(name) : 100], _MODE, size, _TIME, checksum, _REST)
    return header, data, _ZEROS[: -len(data) % tarfile.BLOCKSIZE]


STORAGES: dict[str, type[Folder] | type[Lmdb] | type[Tars]] = {"folder": Folder, "lmdb": Lmdb, "webdataset": Tars}


def chunk_size(storage: type[Folder] | type[Lmdb] | type[Tars], weight: int) -> int:
    """Samples that are done together, each of them as large as ``weight`` lines."""
    return max(1, storage.chunk // weight)
