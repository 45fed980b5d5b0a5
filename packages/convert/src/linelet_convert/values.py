"""ONNX values on their way to TensorFlow.js: where they are stored, and the emitter that stores them.

Storage orders instead of transposes: a value keeps ONNX's logical axes, but its tensor may store them in another order
(convolutions want channels last). ``Value.order[i]`` is the logical axis that axis i of the tensor holds. Transpose
only relabels; elementwise operators work in whatever order their input has; only an operator that needs a certain order
asks for it through ``Emitter.stored``.

Affine operators (batch normalisation, Mul, Add ... with constants) and activations that follow a convolution are put
into it: see ``Emitter.affine`` and ``Emitter.activate``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx

from linelet_common.errors import ConversionError
from linelet_convert.onnxfile import describe
from linelet_convert.tfgraph import Array, Builder, Node, Shape, Tensor, dynamic_axes, static

# What may be switched off to measure what it is worth; all are on otherwise.
SIMPLIFICATIONS = frozenset({"batch-norm", "activations", "pads", "transposes"})

_FLOATS = ("float32", "float64", "float16", "bfloat16")


@dataclass(eq=False)
class Value:
    """A value of the ONNX graph.

    shape: int64 (probes, rank), logical. dtype: float32, int64, int32 or bool. known: its content, one array a probe,
    where it does not depend on the network's input but for its size. tensor, order: where it is stored otherwise.
    made_late: computes a known value while the network runs, for what differs with the input's size.
    """

    shape: Shape
    dtype: str
    known: tuple[Array, ...] | None = None
    tensor: Tensor | None = None
    order: tuple[int, ...] = ()
    uses: int = 0  # how many nodes (or outputs of the graph) read it
    source: Node | None = None  # the convolution that nothing but this value has read so far
    padded: "tuple[Value, list[tuple[int, int]]] | None" = None  # zeros around another value
    made_late: "Callable[[], Value] | None" = None

    @property
    def rank(self) -> int:
        """Number of axes."""
        return int(self.shape.shape[1])

    @property
    def constant(self) -> Array | None:
        """The content, where it is the same for all sizes of input."""
        if self.known is None or any(k is not self.known[0] for k in self.known[1:]):
            return None
        return self.known[0]


@dataclass(eq=False)
class OnnxNode:
    """A node on its way through its converter."""

    proto: onnx.NodeProto
    inputs: list[Value | None]
    opset: int
    path: Path
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        """Number of outputs, trailing unnamed ones left out."""
        names = list(self.proto.output)
        while names and not names[-1]:
            names.pop()
        return len(names)

    def refuse(self, reason: str) -> NoReturn:
        """Raise ConversionError: this node cannot be converted."""
        raise ConversionError(f"{describe(self.proto)}: {reason}")

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as a Python value (strings decoded), or the default."""
        return self.attributes.get(name, default)

    def input(self, index: int) -> Value:
        """A required input."""
        value = self.optional(index)
        if value is None:
            self.refuse(f"input {index} is missing; export again")
        return value

    def optional(self, index: int) -> Value | None:
        """An input that may be left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int, what: str) -> Array:
        """An input that must be a constant."""
        constant = self.input(index).constant
        if constant is None:
            self.refuse(f"{what} is computed while the network runs; export it as a constant")
        return constant

    def ints(self, name: str, index: int) -> Shape | None:
        """Integers that older opsets give as an attribute and newer ones as an input; (probes, n), None if absent."""
        value = self.optional(index)
        if value is not None:
            if value.known is None:
                self.refuse(f"{name} is computed while the network runs; export it as a constant")
            return np.stack([np.asarray(k, dtype=np.int64).reshape(-1) for k in value.known])
        given = self.attribute(name)
        return None if given is None else np.array([given], dtype=np.int64).reshape(1, -1)

    def axes(self, name: str, index: int, rank: int) -> list[int] | None:
        """Axes from an attribute or an input, counted from the front; None if absent."""
        given = self.ints(name, index)
        return None if given is None else [self.axis(int(a), rank) for a in given[0]]

    def axis(self, axis: int, rank: int) -> int:
        """An axis, counted from the front."""
        if not -rank <= axis < rank:
            self.refuse(f"axis {axis} does not exist, the input has {rank}; export again")
        return axis % rank


class Emitter(Builder):
    """A Builder that knows ONNX values."""

    def __init__(self, probes: int, simplifications: frozenset[str] = SIMPLIFICATIONS) -> None:
        super().__init__(probes)
        self.simplifications = simplifications

    # --- values ----------------------------------------------------------------------------------------------------

    def value(self, tensor: Tensor, order: Sequence[int] | None = None, dtype: str | None = None) -> Value:
        """A value stored in a tensor."""
        order = tuple(range(tensor.rank)) if order is None else tuple(order)
        shape = tensor.shape[:, list(np.argsort(order))] if order else tensor.shape
        return Value(shape, dtype or tensor.dtype, tensor=tensor, order=order)

    def known(self, arrays: Sequence[Array]) -> Value:
        """A value computed at conversion, one array a probe (or the same array for all)."""
        first = arrays[0]
        if all(a is first or (a.dtype == first.dtype and np.array_equal(a, first)) for a in arrays[1:]):
            arrays = [first] * self.probes
        shape = np.array([a.shape for a in arrays], dtype=np.int64).reshape(self.probes, -1)
        dtype = "float32" if first.dtype.name in _FLOATS else first.dtype.name
        if dtype not in ("float32", "bool", "int64"):
            dtype = "int32"
        return Value(shape, dtype, known=tuple(arrays))

    def stored(self, value: Value, order: Sequence[int] | None = None) -> Tensor:
        """The value's tensor with its axes in an order (default: the logical one)."""
        order = tuple(range(value.rank)) if order is None else tuple(order)
        if value.tensor is None:
            assert value.known is not None
            array = value.constant
            if array is not None:
                return self.constant(array.transpose(order) if order else array)
            return self._sized(value, order)
        if value.order == order:
            return value.tensor
        return self.transpose(value.tensor, [value.order.index(axis) for axis in order])

    def _sized(self, value: Value, order: tuple[int, ...]) -> Tensor:
        """A known value that differs with the input's size: lengths, repetitions, or what is computed at run time."""
        assert value.known is not None
        if value.rank <= 1 and value.dtype.startswith("int") and static(value.shape):
            column = np.stack([k.reshape(-1) for k in value.known]).astype(np.int64)
            try:
                vector = self.runtime_ints(column, "a value")
            except ConversionError:
                if value.made_late is None:
                    raise
                return self.stored(value.made_late(), order)
            return vector if value.rank == 1 else self.reshape(vector, value.shape)
        # What is the same all along the axes of variable length is stored once, and repeated.
        loose = dynamic_axes(value.shape)
        parts = [k[tuple(slice(0, 1) if a in loose else slice(None) for a in range(value.rank))] for k in value.known]
        if all(
            np.array_equal(part, parts[0]) and (k == part).all() for k, part in zip(value.known, parts, strict=True)
        ):
            shape = value.shape[:, list(order)]
            if (parts[0] == parts[0].reshape(-1)[:1]).all():
                kind = value.dtype if value.dtype in ("float32", "bool") else "int32"
                fill = self.scalar(parts[0].reshape(-1)[0], kind)
                return self.node("Fill", [self.runtime_ints(shape, "a value"), fill], shape, fill.dtype)
            part = self.constant(parts[0].transpose(order))
            return self.node("Tile", [part, self.runtime_ints(shape // part.shape, "a value")], shape, part.dtype)
        if value.made_late is None:
            raise ConversionError("a constant depends on the input's size; fix the width with --width")
        return self.stored(value.made_late(), order)

    def expand(self, value: Value, rank: int) -> Value:
        """The value with axes of length 1 put in front, as broadcasting does."""
        missing = rank - value.rank
        if missing <= 0:
            return value
        if value.known is not None:
            wider = self.known([k.reshape((1,) * missing + k.shape) for k in value.known])
            if wider.constant is None and value.made_late is not None:
                late = value.made_late
                wider.made_late = lambda: self.expand(late(), rank)
            return wider
        assert value.tensor is not None
        shape = np.pad(value.tensor.shape, ((0, 0), (missing, 0)), constant_values=1)
        order = [*range(missing), *(o + missing for o in value.order)]
        return self.value(self.reshape(value.tensor, shape), order, value.dtype)

    def view(self, value: Value, old: Value) -> Value:
        """Mark a value as another way to look at ``old``: what may be put into its convolution still may."""
        if old.uses == 1:
            value.source = old.source
        return value

    def like(self, tensor: Tensor, old: Value, dtype: str | None = None) -> Value:
        """A value of ``old``'s axes and storage order."""
        return self.value(tensor, old.order, dtype)

    def channels_last(self, value: Value) -> Tensor:
        """(N, C, H, W) or (N, C, W) as a tensor (N, H, W, C); H is 1 where there is none."""
        if value.rank == 3:
            tensor = self.stored(value, (0, 2, 1))
            shape = np.insert(tensor.shape, 1, 1, axis=1)
            return self.reshape(tensor, shape)
        return self.stored(value, (0, 2, 3, 1))

    def from_channels_last(self, tensor: Tensor, rank: int) -> Value:
        """The opposite of channels_last."""
        if rank == 3:
            return self.value(self.reshape(tensor, np.delete(tensor.shape, 1, axis=1)), (0, 2, 1))
        return self.value(tensor, (0, 2, 3, 1))

    # --- what goes into a convolution --------------------------------------------------------------------------------

    def affine(self, value: Value, scale: Array | None, shift: Array | None) -> Value | None:
        """value * scale + shift inside the convolution that made the value, or None where that cannot be.

        scale, shift: constants that broadcast against the value's logical axes and vary along its channels only.
        """
        source = value.source
        if "batch-norm" not in self.simplifications or source is None or value.uses != 1:
            return None
        if source.attributes.get("fused_ops", ("", "Identity"))[-1] not in ("Identity", "BiasAdd"):
            return None
        channels = value.order[-1]
        vectors = []
        for array in (scale, shift):
            vector = None if array is None else channel_vector(array, value.rank, channels)
            if array is not None and vector is None:
                return None
            vectors.append(vector)
        filters = source.inputs[1].node.array
        assert filters is not None
        depthwise = source.op == "FusedDepthwiseConv2dNative"
        count = filters.shape[2] * filters.shape[3] if depthwise else filters.shape[3]
        if any(v is not None and v.size not in (1, count) for v in vectors):
            return None
        bias = source.inputs[2].node.array if len(source.inputs) > 2 else np.zeros(count, np.float32)
        assert bias is not None
        if vectors[0] is not None:
            factor = np.broadcast_to(vectors[0].astype(np.float64), (count,))
            filters = filters * factor.reshape(
                1, 1, *((filters.shape[2], filters.shape[3]) if depthwise else (1, count))
            )
            bias = bias * factor
        if vectors[1] is not None:
            bias = bias + vectors[1]
        if not (np.isfinite(filters).all() and np.isfinite(bias).all()):
            return None
        source.inputs = [
            source.inputs[0],
            self.constant(filters.astype(np.float32)),
            self.constant(bias.astype(np.float32)),
        ]
        source.attributes.update(num_args=1, fused_ops=("BiasAdd",))
        return Value(value.shape, value.dtype, tensor=value.tensor, order=value.order, source=source)

    def activate(self, value: Value, activation: str, alpha: float | None = None) -> Value | None:
        """An activation inside the convolution that made the value, or None where that cannot be."""
        source = value.source
        if "activations" not in self.simplifications or source is None or value.uses != 1:
            return None
        if source.attributes["fused_ops"] != ("BiasAdd",):
            if source.attributes["fused_ops"] != ("Identity",):
                return None
            filters = source.inputs[1].node.array
            assert filters is not None
            count = filters.shape[2] * filters.shape[3] if "Depthwise" in source.op else filters.shape[3]
            source.inputs.append(self.constant(np.zeros(count, np.float32)))
            source.attributes["num_args"] = 1
        source.attributes["fused_ops"] = ("BiasAdd", activation)
        if alpha is not None:
            source.attributes["leakyrelu_alpha"] = float(alpha)
        return Value(value.shape, value.dtype, tensor=value.tensor, order=value.order, source=source)


def channel_vector(array: Array, rank: int, channel_axis: int) -> Array | None:
    """The vector by which a broadcast constant varies along one axis; None if it varies along another."""
    if array.ndim > rank:
        return None
    full = array.reshape((1,) * (rank - array.ndim) + array.shape)
    if any(size != 1 for axis, size in enumerate(full.shape) if axis != channel_axis):
        return None
    return full.reshape(-1)
