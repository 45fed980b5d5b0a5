"""How large a web font becomes, found out without unpacking more than is allowed: 3 KB of WOFF2 can hold gigabytes."""

import struct
import zlib
from io import BufferedReader

from fontTools.ttLib import TTLibError
from fontTools.ttLib.woff2 import WOFF2DirectoryEntry, brotli

# The largest faces, of all Chinese, Japanese and Korean, take 30 MB.
MAX_UNPACKED = 128 << 20

# W3C's WOFF 1 and 2: signature and flavour, length, number of tables; then WOFF 2's size of its one compressed block.
_HEAD = struct.Struct(">4s8xH10x")
_HEAD_2 = struct.Struct(">4s8xH6xI24x")
_HEAD_1 = 44
_TABLE_1 = struct.Struct(">4sIII4x")
# A byte of brotli is hardly ever more than 2 MB.
_PIECE = 16


def check_unpacked(file: BufferedReader) -> None:
    """TTLibError for a WOFF or WOFF2 of more than MAX_UNPACKED bytes, or whose tables are longer than they say."""
    signature, tables = _HEAD.unpack(_read(file, _HEAD.size))
    file.seek(0)
    if signature == b"wOF2":
        _check_brotli(file)
    elif signature == b"wOFF":
        _check_zlib(file, tables)


def _read(file: BufferedReader, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise TTLibError("it is cut off")
    return data


def _check_zlib(file: BufferedReader, tables: int) -> None:
    file.seek(_HEAD_1)
    entries = [_TABLE_1.unpack(_read(file, _TABLE_1.size)) for _ in range(tables)]
    if sum(whole for *_, whole in entries) > MAX_UNPACKED:
        raise TTLibError(_too_large())
    for tag, start, packed, whole in entries:
        if packed < whole:
            file.seek(start)
            if len(zlib.decompressobj().decompress(_read(file, packed), whole + 1)) > whole:
                raise TTLibError(f"its table {tag.decode('latin-1')!r} is longer than it says")


def _check_brotli(file: BufferedReader) -> None:
    _, tables, packed = _HEAD_2.unpack(_read(file, _HEAD_2.size))
    for _ in range(tables):
        WOFF2DirectoryEntry().fromFile(file)
    unpacker, whole = brotli.Decompressor(), 0
    data = _read(file, packed)
    for start in range(0, len(data), _PIECE):
        whole += len(unpacker.process(data[start : start + _PIECE]))
        if whole > MAX_UNPACKED:
            raise TTLibError(_too_large())


def _too_large() -> str:
    return f"it unpacks to more than {MAX_UNPACKED >> 20} MB"
