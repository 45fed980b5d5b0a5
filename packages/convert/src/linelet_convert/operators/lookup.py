"""Operators that look numbers up, or put them, at places given by indices; and what sorts or samples."""

import math
from collections.abc import Callable

import numpy as np

from linelet_convert.operators.arithmetic import select
from linelet_convert.operators.indexing import counted_up, strided_slice
from linelet_convert.operators.reduction import reduce
from linelet_convert.operators.shaping import as_type, counted
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value


def along_last(g: Emitter, x: Tensor, places: Tensor) -> Tensor:
    """x[i, places[i, j]] of x (R, n) and places float32 (R, m), whole numbers within 0..n - 1: as (R, m)."""
    rows = counted(g, x.shape[:, 0], "rows")
    start = g.binary("Mul", rows, as_type(g, g.runtime_ints(x.shape[:, 1:], "an axis"), "float32"))
    flat = g.reshape(x, x.shape.prod(axis=1, keepdims=True))
    where = g.binary("AddV2", places, g.reshape(start, np.insert(start.shape, 1, 1, axis=1)))
    inputs = [flat, as_type(g, where, "int32"), g.scalar(0)]
    return g.node("GatherV2", inputs, places.shape, x.dtype, batch_dims=0)


def as_rows(g: Emitter, x: Tensor) -> Tensor:
    """All axes but the last as one."""
    return g.reshape(x, np.stack([x.shape[:, :-1].prod(axis=1), x.shape[:, -1]], axis=1))


@converter("GatherElements", since=11)
def _gather_elements(node: OnnxNode, g: Emitter) -> Value:
    x, places = node.input(0), node.input(1)
    axis = node.axis(node.attribute("axis", 0), x.rank)
    order = [*(a for a in range(x.rank) if a != axis), axis]
    wanted = g.stored(places, order)
    end = np.concatenate([wanted.shape[:, :-1], x.shape[:, axis : axis + 1]], axis=1)
    if places.rank != x.rank or (end > x.shape[:, order]).any():
        node.refuse(f"indices {places.shape[0].tolist()} do not fit {x.shape[0].tolist()}; export again")
    part = strided_slice(
        g, g.stored(x, order), np.zeros_like(end), end, np.ones(x.rank, dtype=np.int64), f"node {node.proto.name!r}"
    )
    rows = counted_up(g, as_rows(g, wanted), x.shape[:, axis])
    return g.value(g.reshape(along_last(g, as_rows(g, part), rows), wanted.shape), order, x.dtype)


_FOLD = {"add": "AddV2", "mul": "Mul", "max": "Maximum", "min": "Minimum"}
_SCATTER_REFUSES = "indices computed from the network's numbers, or that differ from line to line; booleans"


@converter("ScatterElements", since=11, restrictions=_SCATTER_REFUSES)
def _scatter_elements(node: OnnxNode, g: Emitter) -> Value:
    axis = node.axis(node.attribute("axis", 0), node.input(0).rank)

    def targets(shape: tuple[int, ...], places: Array) -> Array:
        full = np.indices(places.shape)
        full[axis] = np.where(places < 0, places + shape[axis], places)
        return np.asarray(np.ravel_multi_index(tuple(full), shape)).reshape(-1)

    return _scatter(node, g, targets)


@converter("ScatterND", since=11, restrictions=_SCATTER_REFUSES)
def _scatter_nd(node: OnnxNode, g: Emitter) -> Value:
    def targets(shape: tuple[int, ...], places: Array) -> Array:
        depth = places.shape[-1]
        rows = places.reshape(-1, depth)
        rows = np.where(rows < 0, rows + np.array(shape[:depth]), rows)
        inner = math.prod(shape[depth:])
        first = np.asarray(np.ravel_multi_index(tuple(rows.T), shape[:depth])) * inner
        return np.asarray(first[:, None] + np.arange(inner)).reshape(-1)

    return _scatter(node, g, targets)


def _scatter(node: OnnxNode, g: Emitter, targets: Callable[[tuple[int, ...], Array], Array]) -> Value:
    """Scattering to places known beforehand is gathering: each number of the result comes from x or from an update.

    targets(shape of x, indices): the flat place in x of each update.
    """
    x, places, updates = (node.input(i) for i in range(3))
    reduction = node.attribute("reduction", "none")
    if places.known is None or x.dtype == "bool":
        node.refuse("scatters booleans, or to places computed from the network's numbers; export constant indices")
    lines = x.shape[:, 0] if (x.shape[:, 0] != x.shape[0, 0]).any() else np.ones(g.probes, dtype=np.int64)
    found = []
    for probe, indices in enumerate(places.known):
        shape, count = tuple(x.shape[probe].tolist()), int(lines[probe])
        where = targets(shape, np.asarray(indices, dtype=np.int64))
        size, given = math.prod(shape) // count, where.size // count
        if given * count == where.size:
            by_line = where.reshape(count, given) - np.arange(count)[:, None] * size
        if given * count != where.size or (by_line != by_line[0]).any() or by_line.min() < 0 or by_line.max() >= size:
            node.refuse("scatters to places that differ from line to line of the batch; export with a batch of 1")
        found.append((by_line[0], size))
    if any(not np.array_equal(w, found[0][0]) or s != found[0][1] for w, s in found):
        node.refuse("scatters to places that depend on the input's size; fix the width with --width")
    where, size = found[0]
    old = g.reshape(g.stored(x), np.stack([lines, np.full_like(lines, size)], axis=1))
    new = g.reshape(g.stored(updates), np.stack([lines, np.full_like(lines, where.size)], axis=1))
    if reduction == "none":
        source = np.arange(size)
        source[where] = size + np.arange(where.size)  # the last of several wins
        return g.value(g.reshape(_columns(g, g.concat([old, new], 1), source), x.shape), dtype=x.dtype)
    result = old
    for numbers, touched in _rounds(where, size):
        folded = g.binary(_FOLD[reduction], result, _columns(g, new, numbers))
        source = np.where(touched, np.arange(size) + size, np.arange(size))
        result = folded if touched.all() else _columns(g, g.concat([result, folded], 1), source)
    return g.value(g.reshape(result, x.shape), dtype=x.dtype)


def _rounds(where: Array, size: int) -> list[tuple[Array, Array]]:
    """Updates in rounds that meet no place twice: the number of each place's update, and which places have one."""
    rounds: list[tuple[Array, Array]] = []
    met = np.zeros(size, dtype=np.int64)
    for number, place in enumerate(where):
        if met[place] == len(rounds):
            rounds.append((np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.bool_)))
        numbers, touched = rounds[met[place]]
        numbers[place], touched[place] = number, True
        met[place] += 1
    return rounds


def _columns(g: Emitter, x: Tensor, source: Array) -> Tensor:
    """x[:, source] of x (R, n)."""
    shape = np.stack([x.shape[:, 0], np.full_like(x.shape[:, 0], source.size)], axis=1)
    return g.node("GatherV2", [x, g.ints(source), g.scalar(1)], shape, x.dtype, batch_dims=0)


@converter("OneHot", since=9, restrictions="a depth or values computed from the network's numbers")
def _one_hot(node: OnnxNode, g: Emitter) -> Value:
    places = node.input(0)
    depth = int(node.constant(1, "the depth").reshape(-1)[0])
    off, on = node.constant(2, "the values").reshape(-1)
    axis = node.axis(node.attribute("axis", -1), places.rank + 1)
    dtype = node.input(2).dtype
    kind = "float32" if dtype == "float32" else "int32"
    if dtype == "bool":
        node.refuse("makes booleans; use numbers and cast")
    # Floats hold every index that anything can have, and all backends compare them.
    index = as_type(g, g.stored(places), "float32")
    index = g.binary("AddV2", index, g.binary("Mul", as_type(g, g.binary(
        "Less", index, g.scalar(0, "float32"), "bool"), "float32"), g.scalar(depth, "float32")))  # fmt: skip
    ladder = np.arange(depth, dtype=np.float32).reshape([-1 if a == axis else 1 for a in range(places.rank + 1)])
    hit = g.binary("Equal", g.reshape(index, np.insert(index.shape, axis, 1, axis=1)), g.constant(ladder), "bool")
    scaled = g.binary("Mul", as_type(g, hit, kind), g.scalar(on - off, kind))
    return g.value(g.binary("AddV2", scaled, g.scalar(off, kind)), dtype=dtype)


@converter("Trilu", since=14, restrictions="booleans; a diagonal computed from the network's numbers")
def _trilu(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    diagonal = int(node.constant(1, "the diagonal").reshape(-1)[0]) if node.optional(1) else 0
    if x.rank < 2 or x.dtype == "bool":
        node.refuse(f"cuts a triangle from {x.rank} axes of {x.dtype}; use numbers of two axes or more")
    tensor = g.stored(x)
    rows, columns = (counted(g, x.shape[:, axis], f"node {node.proto.name!r}") for axis in (-2, -1))
    rows = g.reshape(rows, np.insert(rows.shape, 1, 1, axis=1))
    upper = node.attribute("upper", 1)
    places = g.binary("Sub", columns, rows)
    kept = g.binary("GreaterEqual" if upper else "LessEqual", places, g.scalar(diagonal, "float32"), "bool")
    return g.value(select(g, kept, tensor, g.scalar(0, tensor.dtype)), dtype=x.dtype)


@converter("TopK", since=1, restrictions="a count computed from the network's numbers; integers; thousands of numbers")
def _top_k(node: OnnxNode, g: Emitter) -> list[Value]:
    x = node.input(0)
    axis = node.axis(node.attribute("axis", -1), x.rank)
    count = int(node.constant(1, "the count").reshape(-1)[0]) if node.optional(1) else node.attribute("k")
    if x.dtype != "float32" or (x.shape[:, axis] < count).any() or count < 1:
        node.refuse(f"takes {count} of {x.shape[:, axis].min()} {x.dtype}; cast to float32, and take fewer")
    order = [*(a for a in range(x.rank) if a != axis), axis]
    moved = g.stored(x, order)
    rows = as_rows(g, moved)
    # Graphics cards sort equals in any order; a number's rank, those before it first, is the same everywhere.
    r, n = rows.shape.T
    one = np.ones_like(n)
    mine, others = g.reshape(rows, np.stack([r, n, one], axis=1)), g.reshape(rows, np.stack([r, one, n], axis=1))
    where = counted(g, n, f"node {node.proto.name!r}")
    column = g.reshape(where, np.stack([n, one], axis=1))
    larger = g.binary("Greater" if node.attribute("largest", 1) else "Less", others, mine, "bool")
    same, earlier = g.binary("Equal", others, mine, "bool"), g.binary("Less", where, column, "bool")
    equal = g.binary("Mul", as_type(g, same, "float32"), as_type(g, earlier, "float32"))
    rank = reduce(g, "Sum", g.binary("AddV2", as_type(g, larger, "float32"), equal), [2])  # (R, n, 1)
    wanted = g.constant(np.arange(count, dtype=np.float32))
    hit = as_type(g, g.binary("Equal", rank, wanted, "bool"), "float32")  # (R, n, count)
    found = reduce(g, "Sum", g.binary("Mul", hit, column), [1])
    places = g.reshape(found, np.stack([r, np.full_like(r, count)], axis=1))
    shape = moved.shape.copy()
    shape[:, -1] = count
    values = g.reshape(along_last(g, rows, places), shape)
    # Integers are made last: on WebGPU, integers computed on the GPU do not survive being moved as floats were before.
    numbers = g.stored(g.value(g.reshape(places, shape), order))
    return [g.value(values, order), g.value(as_type(g, numbers, "int32"), dtype="int64")][: node.outputs]


@converter("GridSample", since=16, restrictions="cubic; 3-D; a picture of variable size")
def _grid_sample(node: OnnxNode, g: Emitter) -> Value:
    x, grid = node.input(0), node.input(1)
    mode = node.attribute("mode", "linear" if node.opset >= 20 else "bilinear")
    padding, corners = node.attribute("padding_mode", "zeros"), node.attribute("align_corners", 0)
    if x.rank != 4 or mode not in ("linear", "bilinear", "nearest"):
        node.refuse(f"samples {x.rank - 2}-D by {mode!r}; only 2-D, linear or nearest, is supported")
    picture, places = g.channels_last(x), g.stored(grid)
    if (picture.shape[:, 1:3] != picture.shape[:1, 1:3]).any():
        node.refuse("samples a picture of variable size; fix the width with --width")
    size = [int(n) for n in picture.shape[0, 1:3]]
    lead = places.shape[:, :3]
    at = []
    for axis, part in zip((1, 0), g.split(places, [1, 1], 3), strict=True):
        length = size[axis]
        # -1..1 from the first pixel's centre to the last's, or from edge to edge (torch's grid_sample).
        scale, shift = ((length - 1) / 2, (length - 1) / 2) if corners else (length / 2, (length - 1) / 2)
        place = g.reshape(part, lead)
        place = g.binary("AddV2", g.binary("Mul", place, g.scalar(scale, "float32")), g.scalar(shift, "float32"))
        at.append(_bordered(g, g.unary("Round", place) if mode == "nearest" and padding == "zeros" else place,
                            padding, length, bool(corners)))  # fmt: skip
    column, row = at
    if mode == "nearest":
        out = _pixels(g, picture, g.unary("Round", row), g.unary("Round", column), padding)
        return g.from_channels_last(out, 4)
    top, left = g.unary("Floor", row), g.unary("Floor", column)
    down, right = g.binary("Sub", row, top), g.binary("Sub", column, left)
    one = g.scalar(1.0, "float32")
    total: Tensor | None = None
    for r, row_share in ((top, g.binary("Sub", one, down)), (g.binary("AddV2", top, one), down)):
        for c, column_share in ((left, g.binary("Sub", one, right)), (g.binary("AddV2", left, one), right)):
            share = g.binary("Mul", row_share, column_share)
            share = g.reshape(share, np.insert(share.shape, 3, 1, axis=1))
            part = g.binary("Mul", _pixels(g, picture, r, c, padding), share)
            total = part if total is None else g.binary("AddV2", total, part)
    assert total is not None
    return g.from_channels_last(total, 4)


def _bordered(g: Emitter, place: Tensor, padding: str, length: int, corners: bool) -> Tensor:
    """Places beyond the picture brought back to its border, or mirrored at it; as they are where zeros surround it."""

    def within(x: Tensor, low: float, high: float) -> Tensor:
        return g.node("ClipByValue", [x, g.scalar(low, "float32"), g.scalar(high, "float32")], x.shape)

    if padding == "zeros":
        return within(place, -2.0, length + 1.0)  # whatever lies farther is as empty
    if padding == "reflection":
        low, span = (0.0, length - 1.0) if corners else (-0.5, float(length))
        if span == 0:
            return g.unary("ZerosLike", place)
        # |x - low| folded into 0..span: a wave of triangles.
        away = g.unary("Abs", g.binary("Sub", place, g.scalar(low, "float32")))
        period = g.scalar(2 * span, "float32")
        rest = g.binary("Sub", away, g.binary("Mul", g.unary("Floor", g.binary("RealDiv", away, period)), period))
        folded = g.binary("Sub", g.scalar(span, "float32"), g.unary("Abs", g.binary(
            "Sub", rest, g.scalar(span, "float32"))))  # fmt: skip
        place = g.binary("AddV2", folded, g.scalar(low, "float32"))
    return within(place, 0.0, length - 1.0)


def _pixels(g: Emitter, picture: Tensor, row: Tensor, column: Tensor, padding: str) -> Tensor:
    """picture (N, H, W, C) at whole rows and columns float32 (N, h, w), zeros beyond it: as (N, h, w, C)."""
    n, height, width, channels = picture.shape.T
    inside: Tensor | None = None
    index: Tensor | None = None
    for place, size in ((row, int(height[0])), (column, int(width[0]))):
        near = g.node("ClipByValue", [place, g.scalar(0.0, "float32"), g.scalar(size - 1.0, "float32")], place.shape)
        same = as_type(g, g.binary("Equal", near, place, "bool"), "float32")
        inside = same if inside is None else g.binary("Mul", inside, same)
        index = near if index is None else g.binary(
            "AddV2", g.binary("Mul", index, g.scalar(size, "float32")), near)  # fmt: skip
    assert inside is not None
    assert index is not None
    first = g.binary("Mul", counted(g, n, "the batch"), g.scalar(int(height[0] * width[0]), "float32"))
    one = np.ones_like(n)
    index = g.binary("AddV2", index, g.reshape(first, np.stack([n, one, one], axis=1)))
    flat = g.reshape(picture, np.stack([n * height * width, channels], axis=1))
    shape = np.concatenate([index.shape, channels[:, None]], axis=1)
    found = g.node("GatherV2", [flat, as_type(g, index, "int32"), g.scalar(0)], shape, batch_dims=0)
    return (
        g.binary("Mul", found, g.reshape(inside, np.insert(inside.shape, 3, 1, axis=1)))
        if padding == "zeros"
        else found
    )
