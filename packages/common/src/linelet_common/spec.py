"""The reader spec: the one contract between dataset, network, ONNX file, bundle and page.

It is written once, when a training starts, and travels as JSON in every artefact after that: ``spec.json`` in a run
folder and in a bundle, the metadata entry ``linelet_spec`` in an ONNX file. No stage has constants of its own.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic

from linelet_common.bidi import Direction
from linelet_common.charset import Charset
from linelet_common.codec import Codec
from linelet_common.errors import CharsetError, SpecError
from linelet_common.fields import Field
from linelet_common.files import read_bytes
from linelet_common.grammar import Automaton, Grammar
from linelet_common.schema import Checked, parse, read_json

VERSION = 1
# All of Unicode's Han characters and more; and the widest line that is read, 128 times as wide as 512 pixels high.
MAX_CLASSES, MAX_WIDTH = 200_000, 65_536
Characters = Annotated[str, pydantic.Field(max_length=MAX_CLASSES)]
Width = Annotated[int, pydantic.Field(le=MAX_WIDTH)]
ONNX_KEY = "linelet_spec"
FILE_NAME = "spec.json"


class ReaderSpec(Checked):
    """What a network wants to see and what its classes mean.

    A line of H x W pixels becomes ``height`` x round(W * height / H) pixels, is padded on the right with ``pad`` to a
    width the network takes, and is scaled to (value / 255 - mean) / std.
    """

    version: Literal[1] = 1  # of this format
    name: str = "reader"  # shown to people, e.g. the recipe's name
    network: str = ""  # the network's name where it is one of Linelet's
    charset: Characters  # ordered characters; class = index + 1, or index where the blank stands last
    blank: int = 0  # 0 or len(charset)
    unknown: bool = False  # whether the last class, behind the charset, is U+FFFD: every other character
    direction: Direction | None = None  # of lines from right to left, whose classes stand as their characters are seen
    height: int = pydantic.Field(default=32, ge=1, le=512)  # of the network's input, in pixels
    color: Literal["grey", "rgb", "bgr"] = "grey"  # the channels of the network's input
    mean: tuple[float, ...] = (0.5,)  # one for all channels or one each, of values in 0-1
    std: tuple[float, ...] = (0.5,)  # the same, to divide by
    pad: float = 0.0  # what padding is filled with, after normalisation
    widths: tuple[
        Annotated[int, pydantic.Field(le=MAX_WIDTH)], ...
    ] = ()  # the only widths the network takes, ascending; none: any multiple of width_step
    width_step: int = pydantic.Field(default=32, ge=1, le=1024)  # pixels; lines are padded to a multiple
    stride: int = pydantic.Field(default=4, ge=1, le=1024)  # pixels a frame
    frames_lost: int = pydantic.Field(default=0, ge=0, le=1024)  # T = width // stride - frames_lost
    layout: Literal["NTC", "TNC"] = "NTC"  # axes of the network's output: N batch, T frames, C classes
    scores: Literal["logits", "log_probs", "probs"] = "logits"  # what its numbers are
    temperature: float = pydantic.Field(default=1.0, gt=0.0)  # divides the logits before confidences are taken
    grammar: Grammar | None = None  # what its lines can say, for those who want no other text
    fields: dict[str, Field] = pydantic.Field(default={})  # the named values of its screens

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            Codec(Charset(self.charset), self.blank, self.unknown, self.direction)
        except CharsetError as failure:
            raise ValueError(str(failure)) from None
        if self.direction and (self.grammar or self.fields):
            raise ValueError("grammar and fields are for lines from left to right; leave them out, or the direction")
        for key in ("mean", "std"):
            if len(getattr(self, key)) not in (1, self.channels):
                raise ValueError(f"{key} needs one number or {self.channels}, not {len(getattr(self, key))}")
        if not all(self.std):
            raise ValueError("std holds a zero; give the scale of the values")
        if list(self.widths) != sorted(set(self.widths)) or any(w < self.stride for w in self.widths):
            raise ValueError(f"widths must ascend and be at least the stride ({self.stride}); got {self.widths}")
        return self

    @property
    def channels(self) -> int:
        """Channels of the network's input: 1 or 3."""
        return 1 if self.color == "grey" else 3

    @cached_property
    def codec(self) -> Codec:
        """Text <-> classes of this reader."""
        return Codec(Charset(self.charset), self.blank, self.unknown, self.direction)

    @cached_property
    def automaton(self) -> Automaton:
        """The automaton of the reader's grammar. SpecError if it has none."""
        if self.direction:
            raise SpecError(
                f"the reader {self.name!r} reads from right to left, which grammars cannot; decode greedily",
                value=self.name,
            )
        if self.grammar is None:
            raise SpecError(
                f"the reader {self.name!r} has no grammar; decode greedily, or train on a recipe with forms or phrases",
                value=self.name,
            )
        return self.grammar.automaton()

    @property
    def classes(self) -> int:
        """C: characters, the blank, and U+FFFD where it has a class."""
        return len(self.charset) + 1 + self.unknown

    def padded_width(self, width: int) -> int:
        """The input width for a line that is ``width`` pixels wide at the reader's height."""
        if self.widths:
            return next((w for w in self.widths if w >= width), self.widths[-1])
        return max(1, -(-width // self.width_step)) * self.width_step

    def frames(self, width: int) -> int:
        """T for an input of ``width`` pixels."""
        return width // self.stride - self.frames_lost

    def to_json(self) -> str:
        """Pretty JSON, UTF-8 characters kept, keys in the order above; none for an absent grammar or direction."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> "ReaderSpec":
        """Read a spec; ``where`` names its place in errors. SpecError if it is broken or of another version."""
        data = read_json(text, where, SpecError, "export or convert again")
        if not isinstance(data, dict):
            raise SpecError(
                f"{where} holds {type(data).__name__}, not a reader spec; export or convert again", place=where
            )
        if data.get("version", VERSION) != VERSION:
            raise SpecError(
                f"{where} is a reader spec of version {data['version']!r}, this Linelet reads version {VERSION}; "
                "use the Linelet that wrote it or train again",
                value=data["version"],
                place=where,
            )
        return parse(cls, data, where, SpecError)

    @classmethod
    def load(cls, path: Path) -> "ReaderSpec":
        """Read a spec file."""
        try:
            text = read_bytes(path)
        except OSError as failure:
            raise SpecError(f"{path}: {failure.strerror}; a reader needs its {FILE_NAME}", place=path) from None
        return cls.from_json(text, str(path))
