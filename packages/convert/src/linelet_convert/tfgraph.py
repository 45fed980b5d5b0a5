"""The TensorFlow.js graph under construction: nodes, tensors, constants.

Shapes are known *by probes*: the converter runs with a handful of concrete input sizes at once (a few batch sizes and
widths), and a shape is int64 (probes, rank), one row a probe. An axis is static if its column is constant, two axes are
equally long if their columns are equal, and arithmetic on shapes is arithmetic on columns. No symbolic algebra is
needed, and nothing about a network's shapes is guessed.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linelet_common.errors import ConversionError

Shape = NDArray[np.int64]
Array = NDArray[Any]

# TensorFlow.js has these types only; every ONNX type becomes one of them.
DTYPES = {"float32": "DT_FLOAT", "int32": "DT_INT32", "bool": "DT_BOOL"}

# Nodes that only rename axes: they move no numbers and keep the last axis where channels are.
_VIEWS = ("Reshape", "Squeeze", "ExpandDims")

# By how much a length may be another's multiple: what a network enlarges in one go.
_MOST_TIMES = 8

# Which inputs TensorFlow.js reads as settings, by operator (its converter's op_list; from the end where negative).
SETTINGS: dict[str, tuple[int, ...]] = {
    "ArgMax": (1,), "ArgMin": (1,), "ClipByValue": (1, 2), "ConcatV2": (-1,), "Cumsum": (1,), "ExpandDims": (1,),
    "Fill": (0, 1), "GatherV2": (2,), "Max": (1,), "Mean": (1,), "Min": (1,), "MirrorPad": (1,), "PadV2": (1, 2),
    "Prod": (1,), "Reshape": (1,), "ResizeBilinear": (1,), "ResizeNearestNeighbor": (1,), "ReverseV2": (1,),
    "Slice": (1, 2), "Split": (0,), "SplitV": (1, 2), "StridedSlice": (1, 2, 3), "Sum": (1,), "Tile": (1,),
    "Transpose": (1,),
}  # fmt: skip

INT32 = np.iinfo(np.int32)

# A tensor that is larger than this is a mistake or an attack, not a network's.
MAX_ELEMENTS = 2**26


@dataclass(frozen=True)
class Dtype:
    """A node attribute that is a type rather than a string."""

    name: str


@dataclass(eq=False)
class Node:
    """A node of the written graph; a Const holds its array."""

    name: str
    op: str
    inputs: list["Tensor"]
    attributes: dict[str, Any] = field(default_factory=dict)
    array: Array | None = None


@dataclass(eq=False)
class Tensor:
    """Output ``index`` of a node; shape int64 (probes, rank), dtype one of DTYPES."""

    node: Node
    index: int
    shape: Shape
    dtype: str

    @property
    def rank(self) -> int:
        """Number of axes."""
        return int(self.shape.shape[1])

    @property
    def reference(self) -> str:
        """How another node names this tensor as its input."""
        return self.node.name if self.index == 0 else f"{self.node.name}:{self.index}"


@dataclass(frozen=True)
class Graph:
    """A finished graph: its nodes in an order in which they can run, inputs and outputs by name."""

    nodes: list[Node]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    @property
    def constants(self) -> list[Node]:
        """The nodes that hold weights."""
        return [n for n in self.nodes if n.array is not None]

    @property
    def operators(self) -> list[str]:
        """The TensorFlow.js operators in use, sorted."""
        return sorted({n.op for n in self.nodes})


def prune(nodes: Sequence[Node], inputs: dict[str, Tensor], outputs: dict[str, Tensor]) -> Graph:
    """The nodes that the outputs need, in order; inputs stay even if nothing reads them."""
    order: list[Node] = []
    seen: set[int] = set()
    for root in [*(t.node for t in inputs.values()), *(t.node for t in outputs.values())]:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if ready:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack += [(t.node, False) for t in reversed(node.inputs)]
    return Graph(_settings_apart(order), inputs, outputs)


def _settings_apart(order: Sequence[Node]) -> list[Node]:
    """The nodes, no constant of which is both a setting and a number to compute with.

    TensorFlow.js reads settings (axes, shapes, bounds) on the processor, each time a node runs. On WebGPU, a constant
    that is computed with lies on the GPU: reading it back takes time, and brings Chromium's software device down.
    """
    settings: set[int] = set()  # nodes that settings are made of, up to the lengths that Shape reads off a tensor

    def is_setting(node: Node, i: int) -> bool:
        places = SETTINGS.get(node.op, ())
        return (id(node) in settings and node.op != "Shape") or i in places or i - len(node.inputs) in places

    for node in reversed(order):
        settings.update(id(tensor.node) for i, tensor in enumerate(node.inputs) if is_setting(node, i))
    numbers = {id(t.node) for node in order for i, t in enumerate(node.inputs) if not is_setting(node, i)}
    apart = {
        id(node): Node(f"{node.name}_setting", node.op, [], dict(node.attributes), node.array)
        for node in order
        if node.array is not None and id(node) in settings & numbers
    }
    for node in order:
        for i, tensor in enumerate(node.inputs):
            if id(tensor.node) in apart and is_setting(node, i):
                node.inputs[i] = Tensor(apart[id(tensor.node)], tensor.index, tensor.shape, tensor.dtype)
    return [*apart.values(), *order]


def static(shape: Shape) -> bool:
    """Whether all axes are equally long in all probes."""
    return bool((shape == shape[:1]).all())


def dynamic_axes(shape: Shape) -> list[int]:
    """Axes whose length differs between probes."""
    return [int(a) for a in np.flatnonzero((shape != shape[:1]).any(axis=0))]


def _ones(shape: Shape) -> list[int]:
    return [a for a in range(shape.shape[1]) if (shape[:, a] == 1).all()]


def _without_ones(shape: Shape) -> Shape:
    return np.delete(shape, _ones(shape), axis=1)


def tfjs_array(array: Array, where: str) -> Array:
    """An array of a type that TensorFlow.js has. ConversionError for strings, complex numbers and large integers."""
    if array.dtype == np.bool_:
        return array
    if array.dtype.kind in "iu":
        if array.size and (array.max() > INT32.max or array.min() < INT32.min):
            raise ConversionError(
                f"{where} holds integers beyond 32 bits, which TensorFlow.js lacks; use smaller ones", place=where
            )
        return array.astype(np.int32)
    if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
        return array.astype(np.float32)
    raise ConversionError(f"{where} is of type {array.dtype}, which TensorFlow.js lacks; use float32", place=where)


class Builder:
    """Collects nodes. Constants of equal content are stored once; reshapes of reshapes are one."""

    def __init__(self, probes: int) -> None:
        self.probes = probes
        self.nodes: list[Node] = []
        self._constants: dict[bytes, Tensor] = {}
        self._dimensions: dict[bytes, tuple[Tensor, int]] = {}
        self._names: set[str] = set()

    # --- nodes ---------------------------------------------------------------------------------------------------

    def name(self, wanted: str) -> str:
        """A free node name like ``wanted``."""
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted}_{number}"
        self._names.add(name)
        return name

    def nodes_of(
        self, op: str, inputs: Sequence[Tensor], shapes: Sequence[Shape], dtype: str, **attributes: Any
    ) -> list[Tensor]:
        """Add a node with one output a shape. ConversionError for a negative or an absurdly large one."""
        for shape in shapes:
            if (shape < 0).any():
                raise ConversionError(
                    f"makes a tensor of shape {shape.min(axis=0).tolist()}; the input is too small, widen it"
                )
            if shape.astype(np.float64).prod(axis=1).max(initial=0) > MAX_ELEMENTS:
                raise ConversionError(
                    f"makes a tensor of shape {shape.max(axis=0).tolist()}; export a network of sensible size"
                )
        node = Node(self.name(f"{op.strip('_')}_{len(self.nodes)}"), op, list(inputs), attributes)
        self.nodes.append(node)
        outputs = [Tensor(node, i, np.asarray(shape, dtype=np.int64), dtype) for i, shape in enumerate(shapes)]
        for tensor in outputs:
            for axis in dynamic_axes(tensor.shape):
                self._dimensions.setdefault(tensor.shape[:, axis].tobytes(), (tensor, axis))
        return outputs

    def node(
        self, op: str, inputs: Sequence[Tensor], shape: Shape, dtype: str = "float32", **attributes: Any
    ) -> Tensor:
        """Add a node with one output."""
        return self.nodes_of(op, inputs, [shape], dtype, **attributes)[0]

    def placeholder(self, name: str, shape: Shape, dtype: str) -> Tensor:
        """An input of the graph."""
        sizes = [-1 if a in dynamic_axes(shape) else int(shape[0, a]) for a in range(shape.shape[1])]
        node = Node(self.name(name), "Placeholder", [], {"dtype": Dtype(DTYPES[dtype]), "shape": tuple(sizes)})
        self.nodes.append(node)
        tensor = Tensor(node, 0, shape, dtype)
        for axis in dynamic_axes(shape):
            self._dimensions.setdefault(shape[:, axis].tobytes(), (tensor, axis))
        return tensor

    def constant(self, array: Array, where: str = "a constant") -> Tensor:
        """A constant; its name comes from its content, so that graphs for several widths share their weights."""
        array = np.ascontiguousarray(tfjs_array(np.asarray(array), where)).reshape(np.shape(array))
        digest = hashlib.blake2b(array.tobytes(), digest_size=16)
        digest.update(repr((array.dtype.name, array.shape)).encode())
        key = digest.digest()
        if key not in self._constants:
            node = Node(f"c{key.hex()[:16]}", "Const", [], {"dtype": Dtype(DTYPES[array.dtype.name])}, array)
            shape = np.tile(np.array(array.shape, dtype=np.int64), (self.probes, 1))
            self._constants[key] = Tensor(node, 0, shape, array.dtype.name)
        return self._constants[key]

    def ints(self, values: Iterable[int]) -> Tensor:
        """A constant int32 vector."""
        return self.constant(np.array([*values], dtype=np.int32))

    # --- shapes --------------------------------------------------------------------------------------------------

    def runtime_ints(self, known: Shape, where: str) -> Tensor:
        """A vector whose elements are known only by probes: int32 (n,), each a constant or some tensor's length.

        known: int64 (probes, n). ConversionError if an element is neither.
        """
        if static(known):
            return self.ints(known[0])
        parts: list[Tensor] = []
        fixed: list[int] = []

        def flush() -> None:
            if fixed:
                parts.append(self.ints(fixed))
                fixed.clear()

        for i in range(known.shape[1]):
            column = np.ascontiguousarray(known[:, i])
            if (column == column[0]).all():
                fixed.append(int(column[0]))
                continue
            length = self._runtime_length(column)
            if length is None:
                raise ConversionError(
                    f"{where} needs a size that depends on the input ({', '.join(map(str, column))} for inputs of "
                    "several sizes) and is no tensor's length, nor a multiple of one; fix the width with --width",
                    place=where,
                )
            flush()
            parts.append(length)
        flush()
        if len(parts) == 1:
            return parts[0]
        return self.node("ConcatV2", [*parts, self.scalar(0)], self.rows([known.shape[1]]), "int32", N=len(parts))

    def _runtime_length(self, column: Shape) -> Tensor | None:
        """A length that differs between probes, int64 (probes,), as int32 (1,): some tensor's, or a multiple of one."""
        for times in range(1, _MOST_TIMES + 1):
            if (column % times).any() or (column // times).tobytes() not in self._dimensions:
                continue
            tensor, axis = self._dimensions[(column // times).tobytes()]
            size = self.node("Shape", [tensor], self.rows([tensor.rank]), "int32")
            length = self.slice_vector(size, axis)
            return length if times == 1 else self.binary("Mul", length, self.ints([times]))
        return None

    def slice_vector(self, vector: Tensor, position: int) -> Tensor:
        """One element of a vector, as a vector of length 1."""
        return self.node("Slice", [vector, self.ints([position]), self.ints([1])], self.rows([1]), vector.dtype)

    def scalar(self, value: float | int | bool, dtype: str = "int32") -> Tensor:
        """A constant of rank 0."""
        return self.constant(np.array(value, dtype=dtype))

    def rows(self, sizes: Sequence[int]) -> Shape:
        """A static shape."""
        return np.tile(np.array(sizes, dtype=np.int64).reshape(1, -1), (self.probes, 1))

    def reshape(self, tensor: Tensor, shape: Shape, where: str = "a reshape") -> Tensor:
        """The same numbers, in the same order, in another shape (int64, (probes, rank))."""
        shape = np.asarray(shape, dtype=np.int64)
        if np.array_equal(tensor.shape, shape):
            return tensor
        if tensor.node.op in _VIEWS and tensor.node.inputs:
            return self.reshape(tensor.node.inputs[0], shape, where)
        if tensor.node.array is not None and static(shape):
            return self.constant(tensor.node.array.reshape(shape[0]))
        if len(dynamic_axes(shape)) <= 1:
            sizes = [-1 if a in dynamic_axes(shape) else int(shape[0, a]) for a in range(shape.shape[1])]
            return self.node("Reshape", [tensor, self.ints(sizes)], shape, tensor.dtype)
        if np.array_equal(_without_ones(tensor.shape), _without_ones(shape)):
            drop = _ones(tensor.shape)
            if drop:
                tensor = self.node("Squeeze", [tensor], _without_ones(tensor.shape), tensor.dtype, squeeze_dims=drop)
            for axis in _ones(shape):
                grown = np.insert(tensor.shape, axis, 1, axis=1)
                tensor = self.node("ExpandDims", [tensor, self.scalar(axis)], grown, tensor.dtype)
            return tensor
        # Two or more lengths are known at run time only; one of them may be left for TensorFlow.js to infer.
        wanted = shape.copy()
        for axis in dynamic_axes(shape):
            if shape[:, axis].tobytes() not in self._dimensions:
                wanted[:, axis] = -1
                break
        else:
            wanted[:, dynamic_axes(shape)[-1]] = -1
        return self.node("Reshape", [tensor, self.runtime_ints(wanted, where)], shape, tensor.dtype)

    def transpose(self, tensor: Tensor, order: Sequence[int]) -> Tensor:
        """Axis i of the result is axis order[i] of the tensor. Moving axes of length 1 is only a reshape."""
        if list(order) == list(range(tensor.rank)):
            return tensor
        shape = tensor.shape[:, list(order)]
        moved = [a for a in order if not (tensor.shape[:, a] == 1).all()]
        if moved == sorted(moved):
            return self.reshape(tensor, shape)
        if tensor.node.array is not None:
            return self.constant(tensor.node.array.transpose(order))
        source = tensor.node
        if source.op == "Transpose":  # two in a row are one
            first = source.inputs[1].node.array
            assert first is not None
            return self.transpose(source.inputs[0], [int(first[a]) for a in order])
        return self.node("Transpose", [tensor, self.ints(order)], shape, tensor.dtype)

    def reverse(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        """Axes in the opposite order."""
        if x.dtype != "bool":  # of which the wasm backend would take 4 bytes each
            return self.node("ReverseV2", [x, self.ints(axes)], x.shape, x.dtype)
        return self.as_floats(x, lambda n: self.node("ReverseV2", [n, self.ints(axes)], n.shape))

    def as_floats(self, x: Tensor, move: Callable[[Tensor], Tensor]) -> Tensor:
        """What ``move`` makes of a tensor, moved as float32: for what the wasm backend can move in no other type.

        Integers beyond 2^24 lose their last digits.
        """
        if x.dtype == "float32":
            return move(x)
        moved = move(self.node("Cast", [x], x.shape, DstT=Dtype("DT_FLOAT")))
        if x.dtype == "bool":
            return self.binary("NotEqual", moved, self.scalar(0.0, "float32"), "bool")
        return self.node("Cast", [moved], moved.shape, x.dtype, DstT=Dtype(DTYPES[x.dtype]))

    # --- arithmetic --------------------------------------------------------------------------------------------------

    def unary(self, op: str, x: Tensor, **attributes: Any) -> Tensor:
        """An elementwise node of one input."""
        return self.node(op, [x], x.shape, x.dtype, **attributes)

    def binary(self, op: str, a: Tensor, b: Tensor, dtype: str | None = None) -> Tensor:
        """An elementwise node of two inputs, with broadcasting."""
        rank = max(a.rank, b.rank)
        left, right = (
            t.shape if t.rank == rank else np.pad(t.shape, ((0, 0), (rank - t.rank, 0)), constant_values=1)
            for t in (a, b)
        )
        if not ((left == right) | (left == 1) | (right == 1)).all():
            raise ConversionError(
                f"shapes {left[0].tolist()} and {right[0].tolist()} cannot be broadcast; fix the model"
            )
        shape = np.where(left == 1, right, left)
        return self.node(op, [a, b], shape, dtype or a.dtype)

    def concat(self, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """Join along an axis."""
        if len(tensors) == 1:
            return tensors[0]
        shape = tensors[0].shape.copy()
        shape[:, axis] = sum(t.shape[:, axis] for t in tensors)
        return self.node("ConcatV2", [*tensors, self.scalar(axis)], shape, tensors[0].dtype, N=len(tensors))

    def split(self, tensor: Tensor, sizes: Sequence[int], axis: int) -> list[Tensor]:
        """Cut along an axis into parts of static lengths."""
        if len(sizes) == 1:
            return [tensor]
        shapes = []
        for size in sizes:
            shape = tensor.shape.copy()
            shape[:, axis] = size
            shapes.append(shape)
        inputs = [tensor, self.ints(sizes), self.scalar(axis)]
        return self.nodes_of("SplitV", inputs, shapes, tensor.dtype, num_split=len(sizes))

    def matmul(self, a: Tensor, b: Tensor, transpose_b: bool = False) -> Tensor:
        """Product of the last two axes: (..., M, K) by (..., K, N), or (..., N, K) transposed."""
        columns = b.shape[:, -2 if transpose_b else -1]
        if a.rank == b.rank == 2:
            shape = np.stack([a.shape[:, 0], columns], axis=1)
            return self.node("MatMul", [a, b], shape, transpose_a=False, transpose_b=transpose_b)
        lead = np.maximum(a.shape[:, :-2], b.shape[:, :-2])
        shape = np.concatenate([lead, a.shape[:, -2:-1], columns[:, None]], axis=1)
        return self.node("BatchMatMulV2", [a, b], shape, adj_x=False, adj_y=transpose_b)
