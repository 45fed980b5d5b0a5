"""Operators of two or more inputs that broadcast."""

from collections.abc import Callable

import numpy as np

from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Dtype, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value


def aligned(g: Emitter, values: list[Value]) -> tuple[list[Tensor], tuple[int, ...]]:
    """The tensors of broadcasting values, with as many axes each, stored in the order of the largest."""
    rank = max(v.rank for v in values)
    values = [g.expand(v, rank) for v in values]
    stored = [v for v in values if v.tensor is not None]
    order = max(stored, key=lambda v: v.shape.prod(axis=1).min()).order if stored else tuple(range(rank))
    return [g.stored(v, order) for v in values], order


def broadcast(node: OnnxNode, g: Emitter, op: str, boolean: bool = False) -> Value:
    """One TensorFlow.js node of two inputs."""
    a, b = node.input(0), node.input(1)
    (left, right), order = aligned(g, [a, b])
    return g.value(g.binary(op, left, right, "bool" if boolean else None), order, "bool" if boolean else a.dtype)


def _constant_first(a: Value, b: Value) -> tuple[Value, Array] | None:
    """The variable and the constant of two inputs, where one is constant and does not enlarge the other."""
    for x, other in ((a, b), (b, a)):
        if other.constant is not None and x.known is None and other.rank <= x.rank:
            return x, np.asarray(other.constant)
    return None


@converter("Add", since=7)
def _add(node: OnnxNode, g: Emitter) -> Value:
    a, b = node.input(0), node.input(1)
    pair = _constant_first(a, b)
    return (pair and g.affine(pair[0], None, pair[1])) or broadcast(node, g, "AddV2")


@converter("Sub", since=7)
def _sub(node: OnnxNode, g: Emitter) -> Value:
    a, b = node.input(0), node.input(1)
    folded = None
    if b.constant is not None and b.rank <= a.rank and a.dtype == "float32":
        folded = g.affine(a, None, -b.constant)
    elif a.constant is not None and a.rank <= b.rank and a.dtype == "float32":
        folded = g.affine(b, np.array(-1.0, np.float32), a.constant)
    return folded or broadcast(node, g, "Sub")


@converter("Mul", since=7)
def _mul(node: OnnxNode, g: Emitter) -> Value:
    a, b = node.input(0), node.input(1)
    pair = _constant_first(a, b)
    folded = pair and g.affine(pair[0], pair[1], None)
    if folded:
        return folded
    if a is b and a.dtype == "float32":
        tensor = g.stored(a, a.order)
        return g.like(g.unary("Square", tensor), a)
    return broadcast(node, g, "Mul")


@converter("Div", since=7)
def _div(node: OnnxNode, g: Emitter) -> Value:
    a, b = node.input(0), node.input(1)
    if a.dtype != "float32":
        # ONNX divides integers towards zero.
        (left, right), order = aligned(g, [a, b])
        size = g.binary("FloorDiv", g.unary("Abs", left), g.unary("Abs", right))
        sign = g.binary("Mul", g.unary("Sign", left), g.unary("Sign", right))
        return g.value(g.binary("Mul", size, sign), order, a.dtype)
    if b.constant is not None and b.constant.all():
        inverse = (1 / b.constant.astype(np.float64)).astype(np.float32)
        folded = g.affine(a, inverse, None) if b.rank <= a.rank else None
        if folded:
            return folded
    return broadcast(node, g, "RealDiv")


@converter("Pow", since=7, restrictions="integers")
def _power(node: OnnxNode, g: Emitter) -> Value:
    a, b = node.input(0), node.input(1)
    if a.dtype != "float32":
        node.refuse(f"raises {a.dtype} to a power; cast to float32 before")
    exponent = b.constant
    if exponent is not None and exponent.size == 1 and b.rank <= a.rank and a.tensor is not None:
        simple = {2.0: "Square", 0.5: "Sqrt", -0.5: "Rsqrt", -1.0: "Reciprocal"}.get(float(exponent.reshape(-1)[0]))
        if simple:
            return g.like(g.unary(simple, g.stored(a, a.order)), a)
    (left, right), order = aligned(g, [a, b])
    if right.dtype != "float32":
        right = g.node("Cast", [right], right.shape, DstT=Dtype("DT_FLOAT"))
    return g.value(g.binary("Pow", left, right), order)


@converter("Mod", since=10, restrictions="fmod; integers")
def _mod(node: OnnxNode, g: Emitter) -> Value:
    a, b = node.input(0), node.input(1)
    if node.attribute("fmod", 0) or a.dtype == "float32":
        node.refuse("takes C's remainder (fmod), which TensorFlow.js lacks; export without it")
    # a - b * floor(a / b): not every backend has a remainder of integers.
    (left, right), order = aligned(g, [a, b])
    whole = g.binary("Mul", g.binary("FloorDiv", left, right), right)
    return g.value(g.binary("Sub", left, whole), order, a.dtype)


def _folded(op: str) -> Callable[[OnnxNode, Emitter], Value]:
    def convert(node: OnnxNode, g: Emitter) -> Value:
        values = [node.input(i) for i in range(len(node.inputs))]
        if len(values) == 1:
            return values[0]
        tensors, order = aligned(g, values)
        total = tensors[0]
        for tensor in tensors[1:]:
            total = g.binary(op, total, tensor)
        if node.proto.op_type == "Mean":
            total = g.binary("Mul", total, g.scalar(1 / len(tensors), "float32"))
        return g.value(total, order, values[0].dtype)

    return convert


for _operator, _op in (("Max", "Maximum"), ("Min", "Minimum"), ("Sum", "AddV2"), ("Mean", "AddV2")):
    converter(_operator, since=8)(_folded(_op))


def _register(operator: str, op: str, since: int) -> None:
    @converter(operator, since=since)
    def convert(node: OnnxNode, g: Emitter) -> Value:
        return broadcast(node, g, op, boolean=True)


for _operator, _op, _since in (
    ("Equal", "Equal", 7),
    ("Greater", "Greater", 7),
    ("GreaterOrEqual", "GreaterEqual", 12),
    ("Less", "Less", 7),
    ("LessOrEqual", "LessEqual", 12),
    ("And", "LogicalAnd", 7),
    ("Or", "LogicalOr", 7),
):
    _register(_operator, _op, _since)


@converter("Xor", since=7)
def _xor(node: OnnxNode, g: Emitter) -> Value:
    # TensorFlow.js's converter does not know LogicalXor: two truths differ where their numbers do.
    (a, b), order = aligned(g, [node.input(0), node.input(1)])
    return g.value(g.binary("NotEqual", _as(g, a, "float32"), _as(g, b, "float32"), "bool"), order, "bool")


@converter("Where", since=9)
def _where(node: OnnxNode, g: Emitter) -> Value:
    condition, a, b = (node.input(i) for i in range(3))
    tensors, order = aligned(g, [condition, a, b])
    return g.value(select(g, *tensors), order, a.dtype)


def select(g: Emitter, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """a where the condition (bool) holds, b elsewhere, all three broadcast."""
    rank = max(t.rank for t in (condition, a, b))
    condition, a, b = tensors = [
        g.reshape(t, np.pad(t.shape, ((0, 0), (rank - t.rank, 0)), constant_values=1)) for t in (condition, a, b)
    ]
    shape = np.stack([t.shape for t in tensors]).max(axis=0)
    # Not every backend broadcasts here: the three are brought to one shape by arithmetic that they all have.
    if any(not np.array_equal(t.shape, shape) for t in tensors):
        mask = g.node("Cast", [condition], condition.shape, DstT=Dtype("DT_FLOAT"))
        both = g.binary("AddV2", _zeros(g, mask), g.binary("AddV2", _zeros(g, a), _zeros(g, b)))
        full = g.binary("AddV2", mask, both)
        tensors = [
            g.binary("Greater", full, g.scalar(0.5, "float32"), "bool"),
            *(g.binary("AddV2", t, _as(g, both, t.dtype)) for t in (a, b)),
        ]
    return g.node("SelectV2", tensors, shape, a.dtype)


def _zeros(g: Emitter, x: Tensor) -> Tensor:
    zeros = g.unary("ZerosLike", x)
    return _as(g, zeros, "float32")


def _as(g: Emitter, x: Tensor, dtype: str) -> Tensor:
    name = {"float32": "DT_FLOAT", "int32": "DT_INT32"}[dtype]
    return x if x.dtype == dtype else g.node("Cast", [x], x.shape, dtype, DstT=Dtype(name))
