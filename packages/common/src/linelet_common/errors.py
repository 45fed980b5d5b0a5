"""Every error that bad input can cause. The command line prints one as a single line and exits with 2.

LineletError
├── CharsetError      a charset that cannot be one, a character that is not in it
├── SpecError         a reader spec that is broken, of another version, or missing
├── ImageError        a picture that cannot be read or has an impossible shape
├── DatasetError      a line dataset that is missing, broken or does not fit the reader
├── RecipeError       a recipe that is wrong, or asks for what its fonts or colours cannot give
├── TrainingError     a training that cannot start or go on
├── ReaderError       a run folder or ONNX file that cannot be used as a reader
├── ConversionError   a network that cannot be converted exactly
└── UsageError        a command that cannot be carried out as it was given

A message says the value, the place and the remedy, in one line; the error carries them besides as attributes.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class LineletError(Exception):
    """Base of all errors caused by input rather than by a defect of Linelet.

    value: what was wrong, as it was given; place: the file, key or option where it stands; remedy: what to do, by
    default what the message says behind its last semicolon. Each is None where there is none to be told.
    """

    def __init__(self, message: str, *, value: object = None, place: object = None, remedy: str | None = None) -> None:
        super().__init__(message)
        self.value = value
        self.place = None if place is None else str(place)
        self.remedy = remedy if remedy is not None or "; " not in message else message.rpartition("; ")[2]


class CharsetError(LineletError):
    """A charset that cannot be one, or a character that is not in it."""


class SpecError(LineletError):
    """A reader spec that is broken, of another version, or missing."""


class ImageError(LineletError):
    """A picture that cannot be read or has an impossible shape."""


@contextmanager
def placed(place: object) -> Iterator[None]:
    """Name the picture or line in what goes wrong with it within the block, where the error does not yet."""
    try:
        yield
    except ImageError as failure:
        if failure.place is not None:
            raise
        raise ImageError(f"{place}: {failure}", value=failure.value, place=place, remedy=failure.remedy) from None


class DatasetError(LineletError):
    """A line dataset that is missing, broken or does not fit the reader."""


class RecipeError(LineletError):
    """A recipe that is wrong, or asks for what its fonts or colours cannot give."""


class TrainingError(LineletError):
    """A training that cannot start or go on."""


class ReaderError(LineletError):
    """A run folder or ONNX file that cannot be used as a reader."""


class ConversionError(LineletError):
    """A network that cannot be converted exactly."""


class UsageError(LineletError):
    """A command that cannot be carried out as it was given."""


def describe_characters(characters: str) -> str:
    """Name characters unmistakably for a message: ``'斤' (U+65A4), '\\t' (U+0009)``."""
    return ", ".join(f"{c!r} (U+{ord(c):04X})" for c in characters)
