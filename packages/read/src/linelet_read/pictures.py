"""Files of pictures to what they say, each told for a screen or a line by its shape."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from linelet_common.errors import UsageError, placed
from linelet_common.preprocess import Pixels, load_image
from linelet_common.reader import Reader
from linelet_read.decoding import Decoding
from linelet_read.finder import OnnxFinder, load_finder
from linelet_read.readers import load_reader
from linelet_read.reading import read_lines
from linelet_read.screens import ScreenLine, ScreenReading, is_screen, read_screen, whole_line

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")

Shape = Literal["screen", "line"]


@dataclass(frozen=True)
class PictureReading:
    """What a picture says. image: its path as it was named; screen: whether it was read as one."""

    image: str
    screen: bool
    reading: ScreenReading


def find_pictures(places: Sequence[str]) -> list[str]:
    """Pictures by their paths; a folder stands for the pictures in it, in the order of their names.

    What else a folder holds is counted on stderr.
    """
    found = []
    for place in places:
        if not Path(place).is_dir():
            found.append(place)
            continue
        held = sorted(Path(place).iterdir())
        inside = [str(p) for p in held if p.suffix.lower() in SUFFIXES and not p.is_dir()]
        if not inside:
            raise UsageError(f"{place} holds no pictures ({', '.join(SUFFIXES)}); name a folder with some", place=place)
        if others := len(held) - len(inside):
            kinds = ", ".join(SUFFIXES)
            count = "1 entry that is" if others == 1 else f"{others} entries that are"
            print(f"note: {place} holds {count} no picture by name ({kinds})", file=sys.stderr)
        found += inside
    return found


def read_pictures(
    reader: str | Path,
    paths: Sequence[str],
    shape: Shape | None = None,
    *,
    finder: str | Path | None = None,
    decoding: Decoding = "greedy",
    unknown: bool = False,
) -> list[PictureReading]:
    """Read pictures, in their order. shape: what each is; none: as its own shape says. finder: see load_finder.

    unknown: see read_screen. ImageError for a picture that cannot be read.
    """
    opened = load_reader(reader)
    boxes: OnnxFinder | None = None
    read = []
    for path in paths:
        picture = load_image(path)
        screen = is_screen(picture) if shape is None else shape == "screen"
        with placed(path):
            if screen:
                boxes = boxes or load_finder(finder)
                found = read_screen(opened, boxes, picture, decoding, unknown)
            else:
                found = _read_line(opened, picture, decoding)
        read.append(PictureReading(path, screen, found))
    return read


def _read_line(reader: Reader, picture: Pixels, decoding: Decoding) -> ScreenReading:
    (reading,) = read_lines(reader, [picture], decoding=decoding)
    line = ScreenLine(reading.text, reading.confidence, whole_line(picture), reading.characters)
    return ScreenReading([line], {})
