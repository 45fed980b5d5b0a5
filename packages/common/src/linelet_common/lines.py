"""Labelled lines: what every dataset of lines offers, and what may be known of a line beside its label."""

from typing import Annotated, Protocol

import pydantic

from linelet_common.errors import DatasetError
from linelet_common.manifest import Manifest
from linelet_common.preprocess import Pixels
from linelet_common.schema import Checked, parse, read_json


class Details(Checked):
    """What a line's maker may write down beside its label: how it was drawn, and where its characters are."""

    model_config = pydantic.ConfigDict(extra="ignore")

    image: str | None = None  # the picture, where a file tells of several
    look: str | None = None  # plain or screen
    font: str | None = None  # the face's name
    size: float | None = None  # pixels per em
    contrast: Annotated[float, pydantic.Field(ge=1.0, le=21.0)] | None = None  # WCAG ratio of text and background
    styles: tuple[str, ...] = ()  # what else was done, in words
    boxes: tuple[tuple[float, float, float, float], ...] = ()  # x, y, width, height in pixels, a character each


def read_details(data: bytes, place: str) -> Details:
    """A line's details from JSON. DatasetError for anything else, or a value that makes no sense."""
    found = read_json(data, place, DatasetError, "make the dataset again or remove the file")
    if not isinstance(found, dict):
        raise DatasetError(f"{place} is not a JSON object; make the dataset again or remove the file", place=place)
    return parse(Details, found, place, DatasetError)


class LineDataset(Protocol):
    """Numbered samples. ``place(i)`` says where sample i stands, for messages: ``line 3 of data/labels.txt``."""

    manifest: Manifest | None

    def __len__(self) -> int: ...

    def name(self, i: int) -> str:
        """The picture's name within the dataset."""
        ...

    def label(self, i: int) -> str:
        """The text that the picture shows."""
        ...

    def image(self, i: int) -> Pixels:
        """RGB uint8 (H, W, 3). ImageError if the picture cannot be read."""
        ...

    def place(self, i: int) -> str:
        """Where the sample stands, for messages."""
        ...

    def details(self, i: int) -> "Details | None":
        """What else its maker wrote down of sample i; None if nothing."""
        ...
