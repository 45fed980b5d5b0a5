"""Writing .tflite: a flatbuffer of tensors, operators and the bytes of constants.

Format: schema.fbs of https://github.com/google-ai-edge/LiteRT (version 3). A table is written slot by slot, as numbers
of that schema; tests compare them with the schema that ai-edge-litert carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import flatbuffers
import numpy as np

from linelet_convert.tfgraph import Array

VERSION = 3
IDENTIFIER = b"TFL3"
TYPES = {"float32": 0, "float16": 1, "int32": 2, "int8": 9}

# Whoever maps the file into memory reads vectors of numbers from it as they lie there.
_ALIGNMENT = 16

# Slots of an options table: (slot, kind, value), kind one of int8, int32, bool, float32.
Slots = Sequence[tuple[int, str, Any]]


@dataclass(frozen=True)
class Levels:
    """What the int8 levels of a tensor stand for: (level - zero) * scale."""

    scale: float
    zero: int


@dataclass
class FlatTensor:
    """A tensor: float32, float16, int32 or int8; array: a constant's numbers, None where the network computes them."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    array: Array | None = None
    levels: Levels | None = None


@dataclass(frozen=True)
class FlatOperator:
    """A node: its builtin operator, numbers of its tensors, and its options: the number of their kind, and slots."""

    code: int
    inputs: list[int]
    outputs: list[int]
    options: tuple[int, Slots] = (0, ())


@dataclass
class FlatGraph:
    """A network: tensors, operators in the order in which they run, numbers of the tensors that go in and come out."""

    tensors: list[FlatTensor] = field(default_factory=list)
    operators: list[FlatOperator] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        """The file."""
        builder = flatbuffers.Builder(1 << 16)
        # Buffer 0 is empty by convention: it is that of all tensors without numbers of their own.
        buffers = [_table(builder, 3, [])]
        tensors = []
        for tensor in self.tensors:
            number = 0 if tensor.array is None else len(buffers)
            if tensor.array is not None:
                data = _aligned(builder, np.ascontiguousarray(tensor.array).tobytes())
                buffers.append(_table(builder, 3, [(0, "offset", data)]))
            tensors.append(_tensor(builder, tensor, number))
        codes = sorted({operator.code for operator in self.operators})
        operators = [_operator(builder, operator, codes.index(operator.code)) for operator in self.operators]
        name = builder.CreateString("main")
        subgraph = [_offsets(builder, tensors), _ints(builder, self.inputs), _ints(builder, self.outputs),
                    _offsets(builder, operators), name]  # fmt: skip
        graphs = _offsets(builder, [_table(builder, 6, [(i, "offset", o) for i, o in enumerate(subgraph)])])
        written = builder.CreateString(f"linelet-convert {version('linelet-convert')}")
        # Old readers look at the byte, new ones at the integer; no operator here has a number that a byte cannot hold.
        opcodes = _offsets(
            builder,
            [_table(builder, 4, [(0, "int8", code), (2, "int32", 1), (3, "int32", code)]) for code in codes],
        )
        stored = _offsets(builder, buffers)
        root = _table(builder, 8, [(0, "uint32", VERSION), (1, "offset", opcodes), (2, "offset", graphs),
                                   (3, "offset", written), (4, "offset", stored)])  # fmt: skip
        builder.Finish(root, file_identifier=IDENTIFIER)
        return bytes(builder.Output())


def _table(builder: Any, slots: int, values: Slots) -> int:
    """A table of at most so many slots, zeros left out as flatbuffers does; its place."""
    add = {
        "int8": builder.PrependInt8Slot,
        "uint8": builder.PrependUint8Slot,
        "int32": builder.PrependInt32Slot,
        "uint32": builder.PrependUint32Slot,
        "bool": builder.PrependBoolSlot,
        "float32": builder.PrependFloat32Slot,
        "offset": builder.PrependUOffsetTRelativeSlot,
    }
    builder.StartObject(slots)
    for slot, kind, value in values:
        # No value is taken for the schema's default, which is not zero everywhere.
        add[kind](slot, value, None if kind != "offset" else 0)
    return int(builder.EndObject())


def _tensor(builder: Any, tensor: FlatTensor, buffer: int) -> int:
    name, shape = builder.CreateString(tensor.name), _ints(builder, tensor.shape)
    slots: list[tuple[int, str, Any]] = [(0, "offset", shape), (1, "int8", TYPES[tensor.dtype]), (2, "uint32", buffer)]
    slots.append((3, "offset", name))
    if tensor.levels is not None:
        scales = builder.CreateNumpyVector(np.array([tensor.levels.scale], np.float32))
        zeros = builder.CreateNumpyVector(np.array([tensor.levels.zero], np.int64))
        slots.append((4, "offset", _table(builder, 7, [(2, "offset", scales), (3, "offset", zeros)])))
    return _table(builder, 8, slots)


def _operator(builder: Any, operator: FlatOperator, code: int) -> int:
    inputs, outputs = _ints(builder, operator.inputs), _ints(builder, operator.outputs)
    slots: list[tuple[int, str, Any]] = [(0, "uint32", code), (1, "offset", inputs), (2, "offset", outputs)]
    kind, options = operator.options
    if kind:
        slots += [(3, "uint8", kind), (4, "offset", _table(builder, 8, options))]
    return _table(builder, 6, slots)


def _ints(builder: Any, numbers: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(numbers, np.int32)))


def _offsets(builder: Any, places: Sequence[int]) -> int:
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):
        builder.PrependUOffsetTRelative(place)
    return int(builder.EndVector())


def _aligned(builder: Any, data: bytes) -> int:
    builder.StartVector(1, len(data), _ALIGNMENT)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data
    return int(builder.EndVector())
