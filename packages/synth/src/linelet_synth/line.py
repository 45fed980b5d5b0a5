"""A drawn line: its picture and label, and what was drawn, for reports and tests."""

from dataclasses import dataclass, field
from typing import NamedTuple

from linelet_common.preprocess import Pixels
from linelet_synth.colours import Colour


class Box(NamedTuple):
    """A character's ink in the picture, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(slots=True)
class Line:
    """Picture uint8, grey (H, W) or RGB (H, W, 3), with its label."""

    picture: Pixels
    text: str
    look: str
    background: Colour
    colour: Colour
    boxes: list[Box]  # one a character, in the label's order
    styles: list[str] = field(default_factory=list)  # what was done to it
