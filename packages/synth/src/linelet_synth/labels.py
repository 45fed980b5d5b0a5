"""What a reader of a charset is to write for a text that is drawn.

A character that the charset has an equivalent of, as a minus sign of a hyphen, is written as that. Each other run of
characters outside the charset is one U+FFFD, so that no reader learns to name the nearest character that it
knows. A space outside the charset is a gap: it is not written, and runs on both sides of it are one.
"""

from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from linelet_common.bidi import MIRRORED, reading_order, to_visual
from linelet_common.codec import UNKNOWN, frames_needed

# Frames that readers have for a square of a picture: 32 rows, and a frame every 4 pixels.
_FRAMES = 8


class Span(NamedTuple):
    """A character of a label, and the drawn characters [start, end) that it stands for."""

    character: str
    start: int
    end: int


def spans(drawn: str, charset: Container[str], folding: Mapping[int, str] = MappingProxyType({})) -> tuple[Span, ...]:
    """The label of a drawn text, character by character. folding: a recipe's equivalents."""
    found: list[Span] = []
    for k, own in enumerate(drawn):
        character = folding.get(ord(own), own) if folding else own
        if character in charset:
            found.append(Span(character, k, k + 1))
        elif character.isspace():
            continue
        elif found and found[-1].character == UNKNOWN:
            found[-1] = Span(UNKNOWN, found[-1].start, k + 1)
        else:
            found.append(Span(UNKNOWN, k, k + 1))
    return tuple(found)


def spans_read(seen: Sequence[Span]) -> tuple[Span, ...] | None:
    """The label of characters seen from left to right in a line from right to left, in the order of reading.

    None where that label would be seen otherwise: where what stands for characters outside the charset joins other runs
    than they do.
    """
    label = "".join(span.character for span in seen)
    order = reading_order(label)
    read = tuple(
        seen[k]._replace(character=MIRRORED.get(seen[k].character, seen[k].character)) if mirrored else seen[k]
        for k, mirrored in order
    )
    return read if to_visual("".join(span.character for span in read)) == label else None


def label(drawn: str, charset: Container[str]) -> str:
    """The label of a drawn text."""
    return "".join([span.character for span in spans(drawn, charset)])


def least_width(text: str, height: int) -> int:
    """The width in pixels from which on a reader has frames for a label, of a picture so high."""
    return -(-frames_needed(text) * height // _FRAMES)
