"""How a dataset lies on disk: a folder of pictures, LMDB, or tar shards. Each is what other libraries read.

A storage keeps chunks of samples. ``make`` runs in any process and may write files of its own; ``take`` runs in the
first one, chunk after chunk in order. A chunk is either done or not there: a killed run leaves nothing in between.
"""

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol

import lmdb

from linelet_common.datasets import DETAILS, LABELS
from linelet_common.errors import DatasetError
from linelet_common.files import write_atomically
from linelet_synth.line import Line
from linelet_synth.png import encode_png
from linelet_synth.source import GROUP, Source

PARTS = ".parts"

# What make hands to take: of LMDB the records, of the others nothing.
Payload = list[tuple[bytes, bytes]]


def details_json(line: Line, **more: str) -> str:
    """What is known of a line: its characters' boxes, look, font, size, contrast and styles."""
    return json.dumps({**more, **line.details()}, ensure_ascii=False)


def encoded(source: Source, samples: range) -> Iterator[tuple[int, Line, bytes]]:
    """Number, line and PNG of samples.

    Several are drawn before they are encoded: drawing and encoding one by one, each finds the processor's caches full
    of the other's code and data, and both take a tenth longer.
    """
    for start in range(0, len(samples), GROUP):
        group = samples[start : start + GROUP]
        lines = list(source.lines(group))
        yield from zip(group, lines, [encode_png(line.picture) for line in lines], strict=True)


class Storage(Protocol):
    """One way to keep a dataset."""

    chunk: ClassVar[int]  # samples that are done together
    shared: ClassVar[bool]  # whether several machines may write it at once

    def prepare(self) -> None:
        """Make an empty storage."""

    def done(self, k: int) -> bool:
        """Whether chunk k is there."""

    def make(self, source: Source, k: int, samples: range) -> Payload:
        """Draw the samples of chunk k and write what any process may write."""

    def take(self, k: int, samples: range, payload: Payload) -> None:
        """Write the rest of chunk k."""

    def join(self, chunks: int, count: int) -> None:
        """All chunks are done: make the dataset whole."""

    def close(self) -> None:
        """Let go of open files."""


class Folder:
    """images/*.png and labels.txt, PaddleOCR's list form; details.jsonl, one JSON object per line, beside it."""

    # Small enough that little is lost when a machine goes, large enough that a part's file costs nothing.
    chunk: ClassVar[int] = 250
    shared: ClassVar[bool] = True

    def __init__(self, out: Path, details: bool) -> None:
        self._out, self._details = out, details

    def prepare(self) -> None:
        """Make the folders."""
        (self._out / "images").mkdir(parents=True, exist_ok=True)
        (self._out / PARTS).mkdir(exist_ok=True)

    def _part(self, k: int, name: str) -> Path:
        return self._out / PARTS / f"{k:06d}.{name}"

    def done(self, k: int) -> bool:
        """Whether the chunk's part of the labels is there: it is written last."""
        return self._part(k, LABELS).exists()

    def make(self, source: Source, k: int, samples: range) -> Payload:
        """Write the pictures, then the parts of the lists."""
        labels, details = [], []
        folder = str(self._out) + "/"
        for i, line, png in encoded(source, samples):
            name = f"images/{i:07d}.png"
            with open(folder + name, "wb", buffering=0) as file:
                file.write(png)
            labels.append(f"{name}\t{line.text}\n")
            if self._details:
                details.append(f"{details_json(line, image=name)}\n")
        if self._details:
            write_atomically(self._part(k, DETAILS), "".join(details))
        write_atomically(self._part(k, LABELS), "".join(labels))
        return []

    def take(self, k: int, samples: range, payload: Payload) -> None:
        """Nothing is left to write."""

    def join(self, chunks: int, count: int) -> None:
        """Join the parts of the lists."""
        for name in (DETAILS, LABELS) if self._details else (LABELS,):
            write_atomically(self._out / name, b"".join(self._part(k, name).read_bytes() for k in range(chunks)))

    def close(self) -> None:
        """Nothing is open."""


class Lmdb:
    """LMDB as deep-text-recognition-benchmark, PARSeq and docTR know it: image-%09d, label-%09d from 1, num-samples."""

    chunk: ClassVar[int] = 250
    shared: ClassVar[bool] = False

    def __init__(self, out: Path, details: bool) -> None:
        self._out, self._details = out, details
        self._open: Any = None

    @contextmanager
    def _environment(self) -> Iterator[Any]:
        try:
            if self._open is None:
                self._open = lmdb.open(str(self._out), map_size=1 << 26, max_dbs=0)
            yield self._open
        except lmdb.Error as failure:  # a full disk among them: not an OSError, and often called an I/O error
            remedy = "check the free space and continue with --resume, or name a new folder with --out"
            raise DatasetError(f"{self._out / 'data.mdb'}: {failure}; {remedy}") from None

    def prepare(self) -> None:
        """Make the environment."""
        self._out.mkdir(parents=True, exist_ok=True)
        with self._environment():
            pass

    def done(self, k: int) -> bool:
        """Whether the chunk's first label is there: a chunk is one transaction."""
        with self._environment() as environment, environment.begin() as transaction:
            return transaction.get(b"label-%09d" % (k * self.chunk + 1)) is not None

    def make(self, source: Source, k: int, samples: range) -> Payload:
        """Keys and values of each sample, in the order of the keys."""
        records: Payload = []
        for i, line, png in encoded(source, samples):
            if self._details:
                records.append((b"details-%09d" % (i + 1), details_json(line).encode()))
            records.append((b"image-%09d" % (i + 1), png))
            records.append((b"label-%09d" % (i + 1), line.text.encode()))
        return records

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

    def close(self) -> None:
        """Close the environment."""
        if self._open is not None:
            self._open.close()
            self._open = None


class Tars:
    """WebDataset's shards: 000000.tar and so on, holding 000000000.png and .txt (and .details.json) of each sample."""

    chunk: ClassVar[int] = 1000
    shared: ClassVar[bool] = True

    def __init__(self, out: Path, details: bool) -> None:
        self._out, self._details = out, details

    def prepare(self) -> None:
        """Make the folder."""
        self._out.mkdir(parents=True, exist_ok=True)

    def _shard(self, k: int) -> Path:
        return self._out / f"{k:06d}.tar"

    def done(self, k: int) -> bool:
        """Whether the shard is there: it appears whole."""
        return self._shard(k).exists()

    def make(self, source: Source, k: int, samples: range) -> Payload:
        """Write the shard."""
        write_atomically(self._shard(k), self._pieces(source, samples))
        return []

    def _pieces(self, source: Source, samples: range) -> Iterator[bytes]:
        """The shard a few samples at a time: joined as a whole it would have to fetch 10 MB of memory for every one."""
        pieces: list[bytes] = []
        for count, (i, line, png) in enumerate(encoded(source, samples), 1):
            if self._details:
                pieces += tar_member(b"%09d.details.json" % i, details_json(line).encode())
            pieces += tar_member(b"%09d.png" % i, png)
            pieces += tar_member(b"%09d.txt" % i, line.text.encode())
            if count % GROUP == 0:
                yield b"".join(pieces)
                pieces.clear()
        yield b"".join((*pieces, bytes(2 * tarfile.BLOCKSIZE)))  # a tar's end

    def take(self, k: int, samples: range, payload: Payload) -> None:
        """Nothing is left to write."""

    def join(self, chunks: int, count: int) -> None:
        """Nothing is left to join."""

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
