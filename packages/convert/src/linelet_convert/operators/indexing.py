"""Operators that take parts of values or put values together."""

import numpy as np

from linelet_convert.operators.convolution import strided
from linelet_convert.operators.shaping import as_type
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Shape, Tensor, static
from linelet_convert.values import Emitter, OnnxNode, Value


@converter("Concat", since=4)
def _concat(node: OnnxNode, g: Emitter) -> Value:
    values = [node.input(i) for i in range(len(node.inputs))]
    axis = node.axis(node.attribute("axis"), values[0].rank)
    values = [v for v in values if v.known is None or v.shape[:, axis].any()]  # parts of no length add nothing
    stored = next(v for v in values if v.tensor is not None)
    physical = stored.order.index(axis)
    rest = np.delete(values[0].shape, axis, axis=1)
    if any(v.rank != stored.rank or not np.array_equal(np.delete(v.shape, axis, axis=1), rest) for v in values):
        node.refuse("its inputs differ in more than the joined axis; export again")
    return g.value(g.concat([g.stored(v, stored.order) for v in values], physical), stored.order, stored.dtype)


@converter("Split", since=2)
def _split(node: OnnxNode, g: Emitter) -> list[Value]:
    x = node.input(0)
    axis = node.axis(node.attribute("axis", 0), x.rank)
    sizes = node.ints("split", 1)
    if sizes is None:
        count = node.attribute("num_outputs", len(node.proto.output))
        chunk = -(-x.shape[:, axis] // count)
        sizes = np.stack([np.minimum(chunk, x.shape[:, axis] - i * chunk) for i in range(count)], axis=1)
    sizes = np.broadcast_to(sizes, (g.probes, sizes.shape[1]))
    if not static(sizes) or (sizes < 0).any() or not np.array_equal(sizes.sum(axis=1), x.shape[:, axis]):
        node.refuse(f"cuts an axis of {x.shape[0, axis]} into {sizes[0].tolist()}; fix the width with --width")
    parts = iter(g.split(g.stored(x, x.order), [int(s) for s in sizes[0] if s], x.order.index(axis)))
    nothing = g.known([np.zeros(np.where(np.arange(x.rank) == axis, 0, row), x.dtype) for row in x.shape])
    return [g.like(next(parts), x, x.dtype) if s else nothing for s in sizes[0]]


@converter("Slice", since=1, restrictions="bounds computed from the network's numbers")
def _slice_axes(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    starts, ends = node.ints("starts", 1), node.ints("ends", 2)
    if starts is None or ends is None or starts.shape[1] != ends.shape[1]:
        node.refuse("lacks starts or ends; export again")
    axes = node.axes("axes", 3, x.rank)
    axes = list(range(starts.shape[1])) if axes is None else axes
    steps = node.ints("steps", 4)
    steps = np.ones_like(starts) if steps is None else np.broadcast_to(steps, (g.probes, steps.shape[1]))
    starts, ends = (np.broadcast_to(s, (g.probes, s.shape[1])) for s in (starts, ends))
    tensor = g.stored(x, x.order)
    turned = [i for i in range(len(axes)) if (steps[:, i] < 0).any()]
    length = tensor.shape
    begin, end = np.zeros_like(length), length.copy()
    stride = np.ones(x.rank, dtype=np.int64)
    if turned:
        # Backwards is forwards on the reversed axis.
        where = [x.order.index(axes[i]) for i in turned]
        tensor = g.reverse(tensor, where)
    for i, axis in enumerate(axes):
        p, size, step = x.order.index(axis), x.shape[:, axis], int(steps[0, i])
        if not static(steps[:, i : i + 1]) or step == 0:
            node.refuse("has a step that depends on the input or is 0; export again")
        first, last = (np.where(v < 0, np.maximum(v, -(2**40)) + size, v) for v in (starts[:, i], ends[:, i]))
        if step > 0:
            begin[:, p], end[:, p] = np.clip(first, 0, size), np.clip(last, 0, size)
        else:
            begin[:, p] = size - 1 - np.clip(first, -1, size - 1)
            end[:, p] = size - 1 - np.where(ends[:, i] < -size, -1, np.clip(last, -1, size - 1))
        stride[p] = abs(step)
    return g.like(strided_slice(g, tensor, begin, end, stride, f"node {node.proto.name!r}"), x, x.dtype)


def strided_slice(g: Emitter, x: Tensor, begin: Shape, end: Shape, stride: Shape, where: str) -> Tensor:
    """x[begin:end:stride] in every axis; begin and end (probes, rank) within 0..length."""
    shape = np.maximum(-(-(end - begin) // stride), 0)
    if np.array_equal(shape, x.shape) and (stride == 1).all():
        return x
    if static(begin) and static(shape) and (stride == 1).all():
        return g.node("Slice", [x, g.ints(begin[0]), g.ints(shape[0])], shape, x.dtype)
    end_mask = 0
    last = end.copy()
    for axis in range(x.rank):
        if np.array_equal(end[:, axis], x.shape[:, axis]):
            end_mask |= 1 << axis
            last[:, axis] = 0
        elif not static(end[:, axis : axis + 1]) and static(end[:, axis : axis + 1] - x.shape[:, axis : axis + 1]):
            last[:, axis] = end[:, axis] - x.shape[:, axis]  # counted from the end
    first = begin.copy()
    for axis in range(x.rank):
        if not static(begin[:, axis : axis + 1]) and static(begin[:, axis : axis + 1] - x.shape[:, axis : axis + 1]):
            first[:, axis] = begin[:, axis] - x.shape[:, axis]
    bounds = g.runtime_ints(first, where), g.runtime_ints(last, where)
    return strided(g, x, *bounds, [int(s) for s in stride], shape, (0, end_mask))


@converter("Gather", since=1)
def _gather(node: OnnxNode, g: Emitter) -> Value:
    x, indices = node.input(0), node.input(1)
    axis = node.axis(node.attribute("axis", 0), x.rank)
    fixed = indices.constant
    if fixed is not None and x.tensor is not None:
        size = x.shape[:, axis]
        if (fixed < 0).any() and not static(x.shape[:, axis : axis + 1]):
            node.refuse("counts from the end of an axis of variable length; fix the width with --width")
        fixed = np.where(fixed < 0, fixed + size[0], fixed)
        if (fixed < 0).any() or (fixed >= size.min()).any():
            node.refuse(
                f"index {fixed.reshape(-1).tolist()[:4]} lies outside an axis of length {size[0]}; export again"
            )
        p = x.order.index(axis)
        tensor = g.stored(x, x.order)
        if fixed.ndim == 0:
            begin, end = np.zeros_like(tensor.shape), tensor.shape.copy()
            begin[:, p], end[:, p] = fixed, fixed + 1
            part = strided_slice(g, tensor, begin, end, np.ones(x.rank, dtype=np.int64), "an index")
            left = [a for a in x.order if a != axis]
            order = [sorted(left).index(a) for a in left]
            return g.value(g.reshape(part, np.delete(part.shape, p, axis=1)), order, x.dtype)
        if fixed.ndim == 1:
            shape = tensor.shape.copy()
            shape[:, p] = fixed.size
            return g.like(
                g.node("GatherV2", [tensor, g.ints(fixed), g.scalar(p)], shape, tensor.dtype, batch_dims=0), x, x.dtype
            )
        where = g.constant(fixed)
    else:
        where = g.stored(indices)
        if indices.known is None or any((k < 0).any() for k in indices.known):
            where = from_the_front(g, where, x.shape[:, axis])
    plain = g.stored(x)
    shape = np.concatenate([plain.shape[:, :axis], where.shape, plain.shape[:, axis + 1 :]], axis=1)
    return g.value(g.node("GatherV2", [plain, where, g.scalar(axis)], shape, plain.dtype, batch_dims=0), dtype=x.dtype)


def from_the_front(g: Emitter, places: Tensor, size: Shape) -> Tensor:
    """int32 indices, negative ones counted from the front of an axis of ``size``, int64 (probes,)."""
    return as_type(g, counted_up(g, places, size), "int32")


def counted_up(g: Emitter, places: Tensor, size: Shape) -> Tensor:
    """``from_the_front`` as float32: integers computed on the GPU do not survive arithmetic on WebGPU."""
    length = g.runtime_ints(size[:, None], "an index")  # (1,), which broadcasts
    if places.rank == 0:
        length = g.reshape(length, g.rows([]))
    index = as_type(g, places, "float32")
    negative = as_type(g, g.binary("Less", index, g.scalar(0, "float32"), "bool"), "float32")
    return g.binary("AddV2", index, g.binary("Mul", negative, as_type(g, length, "float32")))


@converter("Pad", since=2, restrictions="reflect, edge and wrap with negative pads; a fill computed at run time")
def _pad(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    pads, mode = node.ints("pads", 1), node.attribute("mode", "constant")
    axes = node.axes("axes", 3, x.rank)
    axes = list(range(x.rank)) if axes is None else axes
    if pads is None or not static(pads) or pads.shape[1] != 2 * len(axes):
        node.refuse("pads depend on the input or are not two an axis; export again")
    full = np.zeros((x.rank, 2), dtype=np.int64)
    full[axes] = pads[0].reshape(2, len(axes)).T
    fill = (
        float(node.constant(2, "the fill").reshape(-1)[0]) if node.optional(2) else float(node.attribute("value", 0.0))
    )
    if mode not in ("constant", "reflect", "edge", "wrap") or (mode != "constant" and (full < 0).any()):
        node.refuse(f"pads by {mode!r} and {pads[0].tolist()}, which is not supported; use constant")
    tensor = g.stored(x, x.order)
    if mode in ("edge", "wrap"):
        for axis, (before, after) in enumerate(full.tolist()):
            tensor = _repeated_border(node, g, tensor, x.order.index(axis), before, after)
        return g.like(tensor, x, x.dtype)
    if (full < 0).any():
        cut = np.maximum(-full, 0)[list(x.order)]
        begin = np.broadcast_to(cut[:, 0], tensor.shape.shape)
        tensor = strided_slice(g, tensor, begin, tensor.shape - cut[:, 1], np.ones(x.rank, dtype=np.int64), "a pad")
        full = np.maximum(full, 0)
    if not full.any():
        return g.like(tensor, x, x.dtype)
    stored = full[list(x.order)]
    shape = tensor.shape + stored.sum(axis=1)
    table = g.constant(stored.astype(np.int32))
    if mode == "reflect":
        return g.like(g.node("MirrorPad", [tensor, table], shape, tensor.dtype, mode="REFLECT"), x, x.dtype)
    inputs = [tensor, table, g.scalar(fill, tensor.dtype if tensor.dtype != "bool" else "int32")]
    value = g.like(g.node("PadV2", inputs, shape, tensor.dtype), x, x.dtype)
    if fill == 0 and x.rank in (3, 4) and not full[:2].any():
        inner = [(int(a), int(b)) for a, b in full[2:]]
        base = g.like(tensor, x, x.dtype)
        base.uses = 1
        value.padded = (base, [(0, 0), *inner] if x.rank == 3 else inner)
    return value


def _repeated_border(node: OnnxNode, g: Emitter, x: Tensor, axis: int, before: int, after: int) -> Tensor:
    """An axis with its first and last number repeated beyond its ends (edge), or its other end put there (wrap)."""

    def part(begin: Shape, length: int) -> Tensor:
        first, last = np.zeros_like(x.shape), x.shape.copy()
        first[:, axis], last[:, axis] = begin, begin + length
        return strided_slice(g, x, first, last, np.ones(x.rank, dtype=np.int64), "a pad")

    size, zero = x.shape[:, axis], np.zeros_like(x.shape[:, axis])
    if node.attribute("mode") == "wrap":
        if (size < max(before, after)).any():
            node.refuse(f"wraps an axis of {size.min()} more than once; pad less")
        parts = [part(size - before, before) if before else None, x, part(zero, after) if after else None]
    else:
        first, last = [part(zero, 1)] if before else [], [part(size - 1, 1)] if after else []
        parts = [*first * before, x, *last * after]
    return g.concat([p for p in parts if p is not None], axis)


@converter("Tile", since=6)
def _tile(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    times = node.ints("repeats", 1)
    if times is None or times.shape[1] != x.rank or (times < 1).any():
        node.refuse("repeats do not fit the input; export again")
    times = np.broadcast_to(times, x.shape.shape)[:, list(x.order)]
    tensor = g.stored(x, x.order)
    return g.like(
        g.node("Tile", [tensor, g.runtime_ints(times, "a repetition")], tensor.shape * times, tensor.dtype), x, x.dtype
    )


@converter("DepthToSpace", since=1)
def _depth_to_space(node: OnnxNode, g: Emitter) -> Value:
    x, size = node.input(0), node.attribute("blocksize")
    if x.rank != 4 or not size or (x.shape[:, 1] % (size * size)).any():
        node.refuse(f"blocks of {size} do not fit {x.shape[0].tolist()}; export again")
    stored = g.channels_last(x)
    if node.attribute("mode", "DCR") == "CRD":
        # TensorFlow.js unfolds blocks before channels (DCR): reorder the channels first.
        depth = int(x.shape[0, 1]) // (size * size)
        order = np.arange(depth * size * size).reshape(depth, size * size).T.reshape(-1)
        stored = g.node("GatherV2", [stored, g.ints(order), g.scalar(3)], stored.shape, batch_dims=0)
    shape = stored.shape * np.array([1, size, size, 1])
    shape[:, 3] //= size * size
    return g.from_channels_last(g.node("DepthToSpace", [stored], shape, block_size=size, data_format="NHWC"), 4)


@converter("SpaceToDepth", since=1)
def _space_to_depth(node: OnnxNode, g: Emitter) -> Value:
    x, size = node.input(0), node.attribute("blocksize")
    if x.rank != 4 or not size or (x.shape[:, 2:] % size).any():
        node.refuse(f"blocks of {size} do not fit {x.shape[0].tolist()}; export again")
    n, h, w, c = g.channels_last(x).shape.T
    block = np.full_like(n, size)
    cut = g.reshape(g.channels_last(x), np.stack([n, h // size, block, w // size, block, c], axis=1))
    # DCR has the blocks' pixels before the channels, CRD behind them.
    turned = g.transpose(cut, [0, 1, 3, 2, 4, 5] if node.attribute("mode", "DCR") == "DCR" else [0, 1, 3, 5, 2, 4])
    return g.from_channels_last(g.reshape(turned, np.stack([n, h // size, w // size, c * size * size], axis=1)), 4)
