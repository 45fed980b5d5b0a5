"""Files and folders that appear whole or not at all, and never in the place of somebody else's."""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows: nothing is swept there
    fcntl = None  # type: ignore[assignment]

from linelet_common.errors import LineletError, UsageError

# The list of its own files that a folder of ours carries, with their digests: the proof that it may be replaced.
LISTING = "files.json"
_FORMAT = "linelet-files"
_LEFTOVER = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.(?:tmp|old)", re.DOTALL)
# More than any text file of ours holds (a million labels take 30 MB), and little enough to be read at once.
MAX_TEXT = 1 << 30
# What each kind of output holds within so many bytes of an end: pages, sheets of samples, packed datasets, ONNX files.
SIGNS = (b'<meta name="generator" content="Linelet">', b"Software\0Linelet", b"Linelet dataset", b"linelet_sha256")
_ENDS = 4096


def read_bytes(path: Path, most: int = MAX_TEXT) -> bytes:
    """A file's content. OSError if it cannot be read, is no regular file (a pipe would never end) or too large."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"has {size} bytes, more than {most}", str(path))
        return file.read()


def open_regular(path: Path) -> BufferedReader:
    """A file to be read piece by piece. OSError if it cannot be read or is no regular file."""
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115  # whoever asks for it closes it
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        reason = "is a folder" if stat.S_ISDIR(mode) else "is a pipe or device, not a file"
        raise OSError(errno.EINVAL, reason, str(path))
    return file


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _beside(path: Path, kind: str) -> Path:
    """A name for a temporary beside ``path`` that nobody else takes."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{kind}")


@contextmanager
def _temporary(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """A file or folder beside ``path``, made by ``make``; it is gone after the block, unless it was moved away.

    Within the block ``sweep`` leaves it alone, for it is locked; the lock ends with the process.
    """
    descriptor: int | None = None
    temporary = _beside(path, "tmp")
    try:
        make(temporary)
        while fcntl is not None and (descriptor := _locked(temporary)) is None:
            temporary = _beside(path, "tmp")
            make(temporary)
        yield temporary
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    """The descriptor that holds a new temporary's lock; None if another process swept it away before it had one."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with suppress(OSError):  # a file system without locks, where sweep gets none either
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits while a sweep holds it, which then removes the file
    if path.exists():
        return descriptor
    os.close(descriptor)
    return None


def is_temporary(path: Path, name: str) -> bool:
    """Whether a file beside ``name`` is called like one that is to take its place."""
    found = _LEFTOVER.fullmatch(path.name)
    return found is not None and found["name"] == name


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left of unfinished files and folders in ``folder``, all or those of one name."""
    if fcntl is None or not folder.is_dir():
        return
    for path in folder.iterdir():
        found = _LEFTOVER.fullmatch(path.name)
        if not found or path.is_symlink() or name not in (None, found["name"]):
            continue
        with suppress(OSError):  # gone meanwhile, held by its living writer, or not ours
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            finally:
                os.close(descriptor)


@contextmanager
def alone(folder: Path, error: type[LineletError] = UsageError) -> Iterator[None]:
    """Within the block no other process may be in one of the same folder: it gets ``error``.

    The lock ends with the process; file systems without locks let everybody in. A folder that is not there is made,
    and removed if nothing came into it.
    """
    if fcntl is None or (folder.exists() and not folder.is_dir()):
        yield
        return
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise error(
                f"{folder} is being written by another process; let it finish, or name another folder with --out",
                place=folder,
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(descriptor)
        if made:
            with suppress(OSError):
                folder.rmdir()


def write_atomically(path: Path, data: bytes | str | Iterable[bytes]) -> None:
    """Write a file so that a reader, or a process killed midway, sees the old content or the new, never a part.

    data is its content, text in UTF-8, or the pieces of it.
    """
    with _replacing(path) as file:
        file.writelines(
            [data.encode("utf-8")] if isinstance(data, str) else [data] if isinstance(data, bytes) else data
        )


@contextmanager
def output_file(path: Path) -> Iterator[BinaryIO]:
    """A command's output, to be written within the block: it takes the place of ``path`` when that ends well.

    What killed runs left unfinished of the same file is removed. UsageError for a file that Linelet did not write: each
    kind of output holds one of SIGNS.
    """
    path = path.resolve() if path.is_symlink() else path
    refuse_foreign(path)
    sweep(path.parent, path.name)
    with _replacing(path) as file:
        yield file


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A temporary file beside ``path`` that takes its place when the block ends well, and vanishes otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path, Path.touch) as temporary:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def refuse_foreign(path: Path) -> None:
    """UsageError for a file that holds something and that Linelet did not write, a folder, a device."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file", place=path)
    if not path.exists():
        return
    if not path.is_file():
        raise UsageError(f"{path} is a pipe or device; name a file", place=path)
    with path.open("rb") as file:
        head = file.read(_ENDS)
        file.seek(max(0, path.stat().st_size - _ENDS))
        tail = file.read(_ENDS)
    if head and not any(sign in head or sign in tail for sign in SIGNS):
        raise UsageError(f"{path} was not written by linelet; name another place, or remove it first", place=path)


def check_output(out: Path, inputs: Iterable[Path], option: str = "--out") -> None:
    """UsageError if writing ``out`` would overwrite one of the command's inputs, or a folder that holds one."""
    place = real(out)
    for given in inputs:
        path = real(given)
        if place == path or place in path.parents or _same_file(place, path):
            raise UsageError(
                f"{option} {out} would overwrite the input {given}; name another place with {option}", place=out
            )


def real(path: Path) -> Path:
    """The place that a path leads to. Links that go round in a circle lead nowhere, and are left as they are."""
    return Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for those until Python 3.13


def _same_file(a: Path, b: Path) -> bool:
    """Whether two paths are one file: by a hard link, or where upper and lower case are the same."""
    try:
        return a.samefile(b)
    except OSError:  # one of them is not there
        return False


def check_suffix(out: Path, suffixes: tuple[str, ...], option: str = "--out") -> None:
    """UsageError unless an output is called what it is: a slip must not cost a file of another kind."""
    if out.suffix.lower() not in suffixes:
        named = " or ".join(suffixes)
        raise UsageError(f"{option} {out} does not end in {named}; name such a file", value=out, place=option)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal. OSError as open_regular raises it."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def whole_folder(path: Path, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """A temporary folder beside ``path`` that takes its place when the block ends well, and vanishes otherwise.

    It gets a LISTING of its files with their digests. An existing ``path`` is replaced only if it is empty, or if such
    a listing proves that every file there is one that we wrote, unchanged since. UsageError otherwise, for a symbolic
    link, for the current folder, and where ``path`` is or holds one of the command's ``inputs``.
    """
    check_output(path, inputs)
    _refuse_strangers(path)
    path = real(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path, Path.mkdir) as temporary:
        yield temporary
        write_listing(temporary, {name: digest_of(temporary / name) for name in _files_in(temporary)})
        if path.exists():
            retired = _beside(path, "old")
            path.replace(retired)
            temporary.replace(path)
            shutil.rmtree(retired)
        else:
            temporary.replace(path)
    sweep(path.parent, path.name)  # only now: a killed run's .old is the last whole one until there is another


def read_listing(folder: Path) -> dict[str, str] | None:
    """The files that a folder of ours lists, name -> digest; None if it has no listing that can be read."""
    try:
        data = json.loads(read_bytes(folder / LISTING))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("format") != _FORMAT or not isinstance(data.get("files"), dict):
        return None
    return {str(name): str(digest) for name, digest in data["files"].items()}


def write_listing(folder: Path, files: dict[str, str]) -> None:
    """Write the LISTING of a folder's files, name -> digest."""
    listing = {"format": _FORMAT, "version": 1, "files": files}
    write_atomically(folder / LISTING, json.dumps(listing, ensure_ascii=False, indent=1) + "\n")


def _files_in(folder: Path) -> list[str]:
    """Everything in a folder but folders, by its path relative to it, in order."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_symlink() or not p.is_dir())


def _refuse_strangers(path: Path) -> None:
    """UsageError unless ``path`` is free, empty, or a folder whose every file is ours."""
    if path.is_symlink():
        raise UsageError(f"{path} is a symbolic link; name the folder itself, or a new one, with --out", place=path)
    if real(path) in (Path.cwd(), *Path.cwd().parents):
        raise UsageError(f"{path} is the current folder or holds it; name a new folder with --out", place=path)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    listed = read_listing(path) if path.is_dir() else None
    if listed is None:
        raise UsageError(
            f"{path} exists and nothing proves that Linelet wrote it; name a new folder with --out", place=path
        )
    for name in _files_in(path):
        if name == LISTING:
            continue
        if name not in listed:
            raise UsageError(
                f"{path} holds {name}, which Linelet did not write there; name a new folder with --out", place=path
            )
        if (path / name).is_symlink() or not (path / name).is_file() or digest_of(path / name) != listed[name]:
            raise UsageError(
                f"{path / name} was changed since Linelet wrote it; name a new folder with --out", place=path / name
            )
