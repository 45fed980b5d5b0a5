"""A whole screen to its lines and named values."""

from dataclasses import dataclass

from linelet_common.boxes import Box
from linelet_common.codec import UNKNOWN, Character
from linelet_common.preprocess import Pixels
from linelet_common.reader import Reader
from linelet_read.decoding import Decoding
from linelet_read.fields import FieldValue, ScreenText, read_fields
from linelet_read.finder import OnnxFinder
from linelet_read.reading import read_lines

# A screen's short side at least, in pixels, and the height from which even a wide picture is one: lines are lower.
_LEAST_SIDE, _WIDE_HEIGHT = 240, 400


@dataclass(frozen=True)
class ScreenLine(ScreenText):
    """A line of a screen as read, with its characters. box: pixels of the picture."""

    characters: tuple[Character, ...] = ()


@dataclass(frozen=True)
class ScreenReading:
    """What a screen says: its lines in reading order, and the values that the reader's recipe gives names to."""

    lines: list[ScreenLine]
    fields: dict[str, FieldValue]


def is_screen(picture: Pixels) -> bool:
    """Whether a picture has a screen's shape rather than a line's."""
    height, width = picture.shape[:2]
    return bool(min(height, width) >= _LEAST_SIDE and (height >= _WIDE_HEIGHT or 2 * width < 3 * height))


def read_screen(
    reader: Reader, finder: OnnxFinder, picture: Pixels, decoding: Decoding = "greedy", unknown: bool = False
) -> ScreenReading:
    """Find and read the lines of a screen, uint8 (H, W) or RGB (H, W, 3).

    unknown: whether to keep lines in which the reader knows no character. Boxes that turn out to hold no text are left
    out. A picture without text has no lines.
    """
    boxes = finder.find(picture)
    crops = [picture[y : y + height, x : x + width] for x, y, width, height in boxes]
    readings = read_lines(reader, crops, decoding=decoding)
    read = [ScreenLine(r.text, r.confidence, box, r.characters) for r, box in zip(readings, boxes, strict=True)]
    texts = [line for line in read if line.text]
    shown = texts if unknown else [line for line in texts if line.text != UNKNOWN]
    # Unknown lines bear on fields all the same: one may be the name that a value belongs to.
    return ScreenReading(shown, read_fields(texts, reader.spec.fields))


def whole_line(picture: Pixels) -> Box:
    """The box of a picture that is one line."""
    return Box(0, 0, picture.shape[1], picture.shape[0])
