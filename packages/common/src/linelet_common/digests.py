"""Digests by which a file proves that it is still what we wrote: sealed into ONNX files, listed for all others.

A sealed ONNX file ends in one more metadata entry, ``linelet_sha256``: the SHA-256 of every byte before that entry. It
is checked without protobuf, and any ONNX reader shows it. Files written before there were digests have none, and load.
"""

import errno
import hashlib
from collections.abc import Collection
from pathlib import Path

from linelet_common.errors import LineletError, ReaderError
from linelet_common.files import digest_of, read_bytes

SEAL_KEY = "linelet_sha256"
_KEY = SEAL_KEY.encode()
# ModelProto.metadata_props is field 14; an entry's key is its field 1, its value field 2; all length-delimited.
_HEAD = bytes([14 << 3 | 2, 4 + len(_KEY) + 64, 1 << 3 | 2, len(_KEY)]) + _KEY + bytes([2 << 3 | 2, 64])
_SEAL = len(_HEAD) + 64
# protobuf itself ends here.
MAX_MODEL = 2**31 - 1


def seal(model: bytes) -> bytes:
    """An ONNX model with its digest at the end, in the place of the one it had."""
    bare = model[:-_SEAL] if model[-_SEAL:].startswith(_HEAD) else model
    return bare + _HEAD + hashlib.sha256(bare).hexdigest().encode()


def check_seal(model: bytes, place: str | Path, error: type[LineletError] = ReaderError) -> None:
    """``error`` where an ONNX model carries a digest that is not its own."""
    end = model[-_SEAL:]
    if end.startswith(_HEAD):
        if hashlib.sha256(model[:-_SEAL]).hexdigest().encode() == end[len(_HEAD) :]:
            return
    elif _KEY not in model:
        return
    raise error(
        f"{place} was changed since it was exported: its SHA-256 is not the one in its metadata; export or copy it "
        f"again, or remove the entry {SEAL_KEY!r} if the change was meant",
        value=SEAL_KEY,
        place=place,
    )


def check_sealed_file(path: Path, error: type[LineletError] = ReaderError) -> None:
    """``check_seal`` of a file; one that cannot be read is left to whoever opens it."""
    try:
        model = read_bytes(path, MAX_MODEL)
    except OSError as failure:
        if failure.errno == errno.EFBIG:
            raise error(f"{path} {failure.strerror}; weights beyond that lie beside the model", place=path) from None
        return
    check_seal(model, path, error)


def check_digest(path: Path, known: Collection[str], listing: str, error: type[LineletError], remedy: str) -> None:
    """``error`` unless a file's SHA-256 is one of those that ``listing`` knows; one that is missing passes."""
    if not path.exists():
        return
    found = digest_of(path)
    if found not in known:
        said = " or ".join(digest[:16] for digest in known)
        raise error(
            f"{path} was changed since it was written: its SHA-256 begins with {found[:16]}, {listing} says {said}; "
            f"{remedy}",
            value=found,
            place=path,
        )
