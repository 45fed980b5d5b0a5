"""Operators that move or rename axes. Most make no node at all: see the storage orders in values.py."""

import numpy as np

from linelet_convert.onnxfile import type_name
from linelet_convert.operators.elementwise import clipped
from linelet_convert.registry import converter
from linelet_convert.tfgraph import INT32, Dtype, Shape, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value


def reshaped(g: Emitter, x: Value, shape: Shape, where: str) -> Value:
    """A value in another shape (int64 (probes, rank)).

    Axes are grouped where both shapes agree, and groups keep the order in which they are stored, the one with the
    channels last: (N, C, H, W) -> (N, C * H, W) stored (N, H, W, C) needs one transpose and is stored (N, W, C * H).
    """
    assert x.tensor is not None
    groups = _groups(x.shape, shape)
    place = {axis: i for i, axis in enumerate(x.order)}
    ranked = sorted(
        groups, key=lambda group: max((place[a] for a in group[0] if (x.shape[:, a] != 1).any()), default=-1)
    )
    before = [a for group in ranked for a in group[0]]
    after = [a for group in ranked for a in group[1]]
    tensor = g.reshape(g.stored(x, before), shape[:, after], where)
    return g.view(g.value(tensor, after, x.dtype), x)


def _groups(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """Runs of axes of equal product: [(axes of old, axes of new), ...]."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < old.shape[1] or j < new.shape[1]:
        left, right = [], []
        a = b = np.ones(old.shape[0], dtype=np.int64)
        while True:
            if i < old.shape[1] and ((a <= b).all() or j == new.shape[1]):
                a = a * old[:, i]
                left.append(i)
                i += 1
            elif j < new.shape[1]:
                b = b * new[:, j]
                right.append(j)
                j += 1
            else:
                break
            if np.array_equal(a, b) and left and right:
                break
        # Axes of length 1 that follow belong to neither side's numbers; they stay with this group.
        while i < old.shape[1] and (old[:, i] == 1).all() and (j == new.shape[1] or (new[:, j] != 1).any()):
            left.append(i)
            i += 1
        while j < new.shape[1] and (new[:, j] == 1).all() and (i == old.shape[1] or (old[:, i] != 1).any()):
            right.append(j)
            j += 1
        groups.append((left, right))
    return groups


@converter("Reshape", since=5, restrictions="a shape computed from the network's numbers")
def _reshape(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    wanted = node.ints("shape", 1)
    if wanted is None:
        node.refuse("has no shape; export again")
    shape = wanted.copy()
    if not node.attribute("allowzero", 0):
        for axis in range(shape.shape[1]):
            if (shape[:, axis] == 0).all() and axis < x.rank:
                shape[:, axis] = x.shape[:, axis]
    total = x.shape.prod(axis=1)
    holes = [a for a in range(shape.shape[1]) if (shape[:, a] == -1).any()]
    if holes:
        rest = np.delete(shape, holes[0], axis=1).prod(axis=1)
        if len(holes) > 1 or (rest <= 0).any():
            node.refuse(f"shape {shape[0].tolist()} has two lengths to infer; export again")
        shape[:, holes[0]] = total // rest
    if (shape < 1).any() or not np.array_equal(shape.prod(axis=1), total):
        node.refuse(f"{x.shape[0].tolist()} cannot become {shape[0].tolist()} for every input; export again")
    return reshaped(g, x, shape, f"node {node.proto.name!r}")


@converter("Flatten", since=1)
def _flatten(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    axis = node.attribute("axis", 1)
    axis = axis + x.rank if axis < 0 else axis
    shape = np.stack([x.shape[:, :axis].prod(axis=1), x.shape[:, axis:].prod(axis=1)], axis=1)
    return reshaped(g, x, shape, f"node {node.proto.name!r}")


@converter("Squeeze", since=1)
def _squeeze(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    axes = node.axes("axes", 1, x.rank)
    if axes is None:
        axes = [a for a in range(x.rank) if (x.shape[:, a] == 1).all()]
    if not (x.shape[:, axes] == 1).all():
        node.refuse(f"axes {axes} of {x.shape[0].tolist()} are not all 1; fix the height or width of the input")
    assert x.tensor is not None
    gone = [x.order.index(a) for a in axes]
    left = [a for a in x.order if a not in axes]
    order = [sorted(left).index(a) for a in left]
    tensor = g.reshape(x.tensor, np.delete(x.tensor.shape, gone, axis=1))
    value = g.value(tensor, order, x.dtype)
    # The channels must stay last for what follows to go into the convolution.
    return g.view(value, x) if x.order and x.order[-1] in left else value


@converter("Unsqueeze", since=1)
def _unsqueeze(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    given = node.ints("axes", 1)
    if given is None:
        node.refuse("has no axes; export again")
    rank = x.rank + given.shape[1]
    new = sorted(node.axis(int(a), rank) for a in given[0])
    if len(set(new)) != len(new):
        node.refuse(f"axes {new} are named twice; export again")
    assert x.tensor is not None
    old = [a for a in range(rank) if a not in new]
    order = [*new, *(old[a] for a in x.order)]
    shape = np.pad(x.tensor.shape, ((0, 0), (len(new), 0)), constant_values=1)
    return g.view(g.value(g.reshape(x.tensor, shape), order, x.dtype), x)


@converter("Transpose", since=1)
def _transpose(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    order = node.attribute("perm") or list(range(x.rank))[::-1]
    if sorted(order) != list(range(x.rank)):
        node.refuse(f"perm {order} is not an order of {x.rank} axes; export again")
    assert x.tensor is not None
    return g.view(g.value(x.tensor, [order.index(a) for a in x.order], x.dtype), x)


@converter("Expand", since=8)
def _expand(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    wanted = node.ints("shape", 1)
    if wanted is None:
        node.refuse("has no shape; export again")
    rank = max(x.rank, wanted.shape[1])
    x = g.expand(x, rank)
    other = np.pad(wanted, ((0, 0), (rank - wanted.shape[1], 0)), constant_values=1)
    shape = np.maximum(x.shape, other)
    if not ((x.shape == shape) | (x.shape == 1)).all() or not ((other == shape) | (other == 1)).all():
        node.refuse(f"{x.shape[0].tolist()} cannot become {other[0].tolist()}; export again")
    return g.like(broadcast_to(g, g.stored(x, x.order), shape[:, list(x.order)]), x, x.dtype)


def broadcast_to(g: Emitter, x: Tensor, shape: Shape) -> Tensor:
    """Repeat axes of length 1 up to a shape (int64 (probes, rank))."""
    if np.array_equal(x.shape, shape):
        return x
    return g.node("Tile", [x, g.runtime_ints(shape // x.shape, "a repetition")], shape, x.dtype)


@converter("Shape", since=1)
def _shape_of(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    part = slice(node.attribute("start", 0), node.attribute("end"))
    return g.known([row[part] for row in x.shape])


@converter("Size", since=1)
def _size_of(node: OnnxNode, g: Emitter) -> Value:
    return g.known([np.array(row.prod()) for row in node.input(0).shape])


_CASTS = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float32", 11: "float32", 16: "float32"}


@converter("Cast", since=6, restrictions="to strings, 8- and 16-bit integers; beyond 32 bits the nearest is taken")
def _convert_cast(node: OnnxNode, g: Emitter) -> Value:
    x, to = node.input(0), node.attribute("to")
    if to not in _CASTS:
        node.refuse(f"casts to {type_name(to)}, which TensorFlow.js lacks; use float32 or int32")
    return _cast(g, x, _CASTS[to])


@converter("CastLike", since=15)
def _cast_like(node: OnnxNode, g: Emitter) -> Value:
    return _cast(g, node.input(0), node.input(1).dtype)


def _cast(g: Emitter, x: Value, dtype: str) -> Value:
    if x.dtype == dtype:
        return g.view(Value(x.shape, x.dtype, x.known, x.tensor, x.order, made_late=x.made_late), x)
    if x.known is not None:  # cast like something that is not known
        cast = g.known([np.asarray(array).astype(dtype) for array in x.known])
        if cast.constant is None:
            cast.made_late = lambda: _cast(g, g.value(g.stored(x), dtype=x.dtype), dtype)
        return cast
    tensor = g.stored(x, x.order)
    kind = "int32" if dtype == "int64" else dtype
    if tensor.dtype == kind:
        return g.like(tensor, x, dtype)
    if kind == "bool":  # the wasm backend's cast would truncate 0.8 to false
        return g.like(g.binary("NotEqual", tensor, g.scalar(0, tensor.dtype), "bool"), x, dtype)
    if kind == "int32" and tensor.dtype == "float32":
        # Backends wrap, or give anything, beyond 32 bits.
        low, high = np.float32(INT32.min), np.nextafter(np.float32(INT32.max), np.float32(0))
        tensor = clipped(g, tensor, float(low), float(high))
    name = {"float32": "DT_FLOAT", "int32": "DT_INT32"}[kind]
    return g.like(g.node("Cast", [tensor], tensor.shape, kind, DstT=Dtype(name)), x, dtype)


@converter("Range", since=11, restrictions="bounds computed from the network's numbers")
def _range(node: OnnxNode, g: Emitter) -> Value:
    # Known before the network runs but for its length, or it would not get here.
    bounds = [node.input(i) for i in range(3)]
    if any(b.known is None for b in bounds):
        node.refuse("its bounds are computed while the network runs; export them as constants")
    start, limit, delta = (np.array([float(k) for k in b.known or ()]) for b in bounds)
    if not (start == start[0]).all() or not (delta == delta[0]).all():
        node.refuse("begins at a place that depends on the input's size; fix the width with --width")
    shape = np.maximum(np.ceil((limit - start) / delta), 0).astype(np.int64)
    count = counted(g, shape, f"node {node.proto.name!r}")
    numbers = g.binary("AddV2", g.binary("Mul", count, g.scalar(delta[0], "float32")), g.scalar(start[0], "float32"))
    return _cast(g, g.value(numbers), bounds[0].dtype)


def counted(g: Emitter, lengths: Shape, where: str) -> Tensor:
    """0, 1, 2 ... as float32 (n,), n by probes: int64 (probes,)."""
    if (lengths == lengths[0]).all():
        return g.constant(np.arange(lengths[0], dtype=np.float32))
    shape = lengths[:, None]
    ones = g.node("Fill", [g.runtime_ints(shape, where), g.scalar(1.0, "float32")], shape)
    return g.node("Cumsum", [ones, g.scalar(0)], shape, exclusive=True, reverse=False)


def as_type(g: Emitter, x: Tensor, dtype: str) -> Tensor:
    """A tensor as float32 or int32; only what lies within 32 bits keeps its number."""
    if x.dtype == dtype:
        return x
    return g.node("Cast", [x], x.shape, dtype, DstT=Dtype({"float32": "DT_FLOAT", "int32": "DT_INT32"}[dtype]))
