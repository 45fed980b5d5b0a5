"""A spec for third-party recognisers: what the file itself tells, and the little that must be said.

The file tells channels, mostly the height, the axes of the output, how many pixels a frame is and whether scores are
probabilities. It cannot tell which class is which character: that is a charset, a dictionary file (one entry a line, as
PaddleOCR writes them), or the metadata ``character`` that RapidOCR's files hold.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np

from linelet_common.charset import Charset
from linelet_common.errors import CharsetError, ConversionError, SpecError
from linelet_common.files import read_bytes
from linelet_common.schema import parse
from linelet_common.spec import ReaderSpec
from linelet_convert.emit import emit
from linelet_convert.onnxfile import OnnxFile, dimensions
from linelet_convert.tfgraph import Shape, static

# RapidOCR's key: entries joined by newlines, without the blank in front and the space behind.
METADATA = "character"

# Where a dictionary's entry cannot be a character of a charset (two characters, invisible, twice), one of Unicode's
# private ones stands for it, so that every class keeps its number.
_PRIVATE = 0xE000

_SCORES: dict[str, Literal["probs", "log_probs"]] = {"Softmax": "probs", "LogSoftmax": "log_probs"}


@dataclass(frozen=True)
class Hints:
    """What is said about a third-party recogniser; None or empty: take what the file tells."""

    charset: str | None = None
    dictionary: Path | None = None
    height: int | None = None
    color: Literal["grey", "rgb", "bgr"] | None = None
    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    blank: Literal["first", "last"] = "first"
    space: bool = False  # a space behind the characters named, as PaddleOCR trains with use_space_char

    def __post_init__(self) -> None:
        """ConversionError for a standard deviation of zero."""
        if 0 in self.std:
            raise ConversionError("--std 0: values are divided by it; give what the network was trained with", value=0)

    def given(self) -> list[str]:
        """The options that say something."""
        return [f"--{f.name}" for f in fields(self) if getattr(self, f.name) != f.default]

    def entries(self, file: OnnxFile) -> list[str] | None:
        """The dictionary's entries, in the order of their classes; None if nothing names them."""
        text = file.metadata.get(METADATA)
        if self.charset is not None:
            listed = list(self.charset)
        elif self.dictionary is not None:
            listed = _read_dictionary(self.dictionary)
        elif text is not None:
            listed = _lines(text)
        else:
            return None
        # RapidOCR's metadata leaves the space out by its own rule.
        by_rule = self.charset is None and self.dictionary is None and " " not in listed
        return [*listed, " "] if self.space or by_rule else listed


def third_party_spec(
    file: OnnxFile, hints: Hints, entries: Sequence[str], widths: Sequence[int]
) -> tuple[ReaderSpec, list[str]]:
    """The spec of a recogniser with one input (N, C, H, W) and one output of scores, and notes on what was replaced.

    Raises ConversionError or SpecError, naming the option, where the file does not tell enough or contradicts a hint.
    """
    if len(file.inputs) != 1 or len(file.proto.graph.output) != 1:
        raise ConversionError(f"{file.path} has {len(file.inputs)} inputs and {len(file.proto.graph.output)} outputs; "
                              "a reader has one of each, convert it with --bare", place=file.path)  # fmt: skip
    lengths = dimensions(file.inputs[0], file.path)
    if len(lengths) != 4 or lengths[1] not in (1, 3):
        raise ConversionError(
            f"{file.path} takes {lengths}; a reader takes (N, 1 or 3, H, W), convert it with --bare", place=file.path
        )
    height = hints.height or (lengths[2] if isinstance(lengths[2], int) else 0)
    if not height:
        raise SpecError(f"{file.path} takes any height; say which it was trained with: --height 48", place=file.path)
    color = hints.color or ("grey" if lengths[1] == 1 else "rgb")
    if (color == "grey") != (lengths[1] == 1):
        raise SpecError(
            f"{file.path} takes {lengths[1]} channels, not {color!r}; correct --color", value=color, place=file.path
        )
    probed, shape = _probe(file, height, widths, lengths[3])
    batch = (2, 3, 5)
    if shape.shape[1] != 3 or not static(shape[:, 2:]):
        raise ConversionError(
            f"{file.path} gives {shape[0].tolist()} instead of scores (N, T, C); convert it with --bare",
            place=file.path,
        )
    layout: Literal["NTC", "TNC"] = "NTC" if tuple(shape[:, 0]) == batch else "TNC"
    frames = shape[:, 1 if layout == "NTC" else 0]
    stride = max(1, round(probed[-1] / frames[-1]))
    lost = int((probed // stride - frames).max())
    charset, notes = make_charset(entries, int(shape[0, 2]), file)
    last = file.nodes[-1].op_type if file.nodes else ""
    told = {
        "name": file.path.stem, "charset": charset, "blank": 0 if hints.blank == "first" else len(charset),
        "height": height, "color": color, "mean": hints.mean, "std": hints.std, "stride": stride,
        "frames_lost": max(0, lost), "layout": layout, "scores": _SCORES.get(last, "logits"),
    }  # fmt: skip
    spec = parse(ReaderSpec, told, f"{file.path} with the options given", SpecError)
    return spec, notes


def make_charset(entries: Sequence[str], classes: int, file: OnnxFile) -> tuple[str, list[str]]:
    """A charset for a network of ``classes``, blank included, and a note on each entry that another stands for.

    Spaces and tabs behind a character are dropped, and said. CharsetError if the numbers do not fit.
    """
    listed = [entry.rstrip(" \t") or entry for entry in entries]
    if classes == len(listed) and listed[-1] == " ":
        listed.pop()  # RapidOCR's rule, for a network trained without the space
    if classes != len(listed) + 1:
        remedy = "name its own characters"
        if classes == len(listed) + 2 and " " not in listed:
            remedy += ", or add the space that PaddleOCR trains with: --space"
        blanks = [entry for entry in (listed[0], listed[-1]) if len(entry) > 1 and "bl" in entry.lower()]
        if classes == len(listed) and blanks:
            remedy = f"{blanks[0]!r} is the blank itself: leave it out"
            remedy += ", and say --blank last" if blanks[0] == listed[-1] else ""
        raise CharsetError(f"{file.path} has {classes} classes, but {len(listed)} characters and the blank make "
                           f"{len(listed) + 1}; {remedy}", place=file.path)  # fmt: skip
    trimmed = sum(a != b for a, b in zip(entries, listed, strict=False))
    taken = {e for e in listed if _usable(e)}
    free = (chr(c) for c in range(_PRIVATE, 0xF8FF) if chr(c) not in taken)
    seen: set[str] = set()
    notes = [f"{trimmed} entries of the dictionary had spaces or tabs behind them, now dropped"] if trimmed else []
    for i, entry in enumerate(listed):
        if _usable(entry) and entry not in seen:
            seen.add(entry)
            continue
        listed[i] = next(free)
        notes.append(f"entry {i + 1} {entry!r} is read as U+{ord(listed[i]):04X}")
    return "".join(listed), notes


def _usable(entry: str) -> bool:
    try:
        Charset(entry)
    except CharsetError:
        return False
    return len(entry) == 1 and unicodedata.is_normalized("NFC", entry)


def _probe(file: OnnxFile, height: int, widths: Sequence[int], width: int | str) -> tuple[Shape, Shape]:
    """Input widths tried, int64 (probes,), and the output's shape for them, int64 (probes, rank)."""
    fixed = width if isinstance(width, int) else (max(widths) if widths else None)
    columns = [fixed] * 3 if fixed else [96, 160, 288]
    channels = dimensions(file.inputs[0], file.path)[1]
    shapes = np.array([[n, channels, height, w] for n, w in zip((2, 3, 5), columns, strict=True)], dtype=np.int64)
    graph = emit(file, {file.inputs[0].name: shapes})
    (output,) = graph.outputs.values()
    return shapes[:, 3], output.shape


def _read_dictionary(path: Path) -> list[str]:
    try:
        text = read_bytes(path, 1 << 24).decode("utf-8-sig")
    except OSError as failure:
        raise CharsetError(f"{path}: {failure.strerror}; name the recogniser's dictionary file", place=path) from None
    except UnicodeDecodeError:
        raise CharsetError(f"{path} is not UTF-8; save the dictionary as UTF-8", place=path) from None
    entries = _lines(text)
    if not entries:
        raise CharsetError(f"{path} is empty; a dictionary has one character a line", place=path)
    return entries


def _lines(text: str) -> list[str]:
    """Lines, split at newlines only: other separators are entries of some dictionaries."""
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
