"""Pooling windows. TensorFlow.js pools with SAME or VALID padding only; anything else is padded beforehand."""

import numpy as np

from linelet_convert.operators.convolution import Pairs, paddings, spatial
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Shape, Tensor, static
from linelet_convert.values import Emitter, OnnxNode, Value

# Padding for maxima: smaller than any activation, but finite.
LOWEST = float(np.finfo(np.float32).min)


def pad_tensor(g: Emitter, x: Tensor, pads: Pairs, fill: float) -> Tensor:
    """Pad height and width of a tensor (N, H, W, C)."""
    if not np.any(pads):
        return x
    shape = x.shape.copy()
    shape[:, 1:3] += np.array(pads).sum(axis=1)
    table = g.constant(np.array([(0, 0), *pads, (0, 0)], dtype=np.int32))
    return g.node("PadV2", [x, table, g.scalar(fill, "float32")], shape)


def _pool(g: Emitter, op: str, x: Tensor, kernel: list[int], strides: list[int], padding: str = "VALID") -> Tensor:
    shape = x.shape.copy()
    size = x.shape[:, 1:3] + (np.array(strides) - 1 if padding == "SAME" else np.array(strides) - kernel)
    shape[:, 1:3] = size // strides
    return g.node(op, [x], shape, ksize=(1, *kernel, 1), strides=(1, *strides, 1), padding=padding, data_format="NHWC")


def _window(node: OnnxNode, x: Value) -> tuple[list[int], list[int], Pairs, Pairs]:
    """Kernel, strides, the pads written in the node, and further pads after the end that ceil_mode asks for."""
    count = x.rank - 2
    if count not in (1, 2):
        node.refuse(f"has {count} spatial axes; only 1-D and 2-D are supported")
    kernel, strides = spatial(node, "kernel_shape", count), spatial(node, "strides", count)
    if any(d != 1 for d in spatial(node, "dilations", count)):
        node.refuse("is dilated, which TensorFlow.js cannot pool; export without dilations")
    pads = paddings(node, x, kernel, strides, [1, 1])
    more: Pairs = [(0, 0), (0, 0)]
    if node.attribute("ceil_mode", 0):
        sizes = _sizes(x) + np.array(pads).sum(axis=1)
        out = -(-(sizes - kernel) // np.array(strides)) + 1
        # A window that would start behind the picture is left out.
        out -= (out - 1) * strides >= _sizes(x) + np.array(pads)[:, 0]
        after = np.maximum((out - 1) * strides + kernel - sizes, 0)
        if not static(after):
            # Padding by a whole stride less one makes floor out of ceil, whatever the width.
            after = np.broadcast_to(np.array(strides) - 1, after.shape)
            if not np.array_equal((sizes + after - kernel) // strides + 1, out):
                node.refuse("ceil_mode depends on the width; fix it with --width")
        more = [(0, int(a)) for a in after[0]]
    return kernel, strides, pads, more


def _sizes(x: Value) -> Shape:
    return x.shape[:, 2:] if x.rank == 4 else np.insert(x.shape[:, 2:], 0, 1, axis=1)


def _same(x: Value, kernel: list[int], strides: list[int], pads: Pairs) -> bool:
    """Whether TensorFlow's SAME means these pads, for every width."""
    sizes = _sizes(x)
    for axis in range(2):
        if strides[axis] > 1 and not static(sizes[:, axis : axis + 1]):
            return False
        size = int(sizes[0, axis])
        total = max((-(-size // strides[axis]) - 1) * strides[axis] + kernel[axis] - size, 0)
        if pads[axis] != (total // 2, total - total // 2):
            return False
    return True


@converter("MaxPool", since=1, restrictions="3-D; dilations; the output of indices")
def _max_pool(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    if node.outputs > 1:
        node.refuse("its indices are used, which TensorFlow.js does not give; export without them")
    kernel, strides, pads, more = _window(node, x)
    total = [(p[0], p[1] + m[1]) for p, m in zip(pads, more, strict=True)]
    stored = g.channels_last(x)
    same = bool(np.any(total)) and _same(x, kernel, strides, total)

    def pool(t: Tensor) -> Tensor:
        t = t if same else pad_tensor(g, t, total, LOWEST)
        return _pool(g, "MaxPool", t, kernel, strides, "SAME" if same else "VALID")

    # ONNX's integers here have 8 bits, which floats hold.
    value = g.from_channels_last(g.as_floats(stored, pool), x.rank)
    return Value(value.shape, x.dtype, tensor=value.tensor, order=value.order)


@converter("AveragePool", since=1, restrictions="3-D; dilations")
def _average_pool(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    kernel, strides, pads, more = _window(node, x)
    stored = g.channels_last(x)
    total = [(p[0], p[1] + m[1]) for p, m in zip(pads, more, strict=True)]
    include = bool(node.attribute("count_include_pad", 0))
    if not include and np.any(total) and _same(x, kernel, strides, total):
        return g.from_channels_last(_pool(g, "AvgPool", stored, kernel, strides, "SAME"), x.rank)
    mean = _pool(g, "AvgPool", pad_tensor(g, stored, total, 0.0), kernel, strides)
    uncounted = more if include else total
    if np.any(uncounted):
        # Divide by the share of each window that counts: its own mean over ones.
        one = g.unary("OnesLike", stored)
        ones = pad_tensor(g, pad_tensor(g, one, pads if include else [(0, 0), (0, 0)], 1.0), uncounted, 0.0)
        mean = g.binary("RealDiv", mean, _pool(g, "AvgPool", ones, kernel, strides))
    return g.from_channels_last(mean, x.rank)


def _global(node: OnnxNode, g: Emitter, op: str) -> Value:
    x = node.input(0)
    if x.rank not in (3, 4):
        node.refuse(f"has {x.rank - 2} spatial axes; only 1-D and 2-D are supported")
    stored = g.channels_last(x)
    shape = stored.shape.copy()
    shape[:, 1:3] = 1
    return g.from_channels_last(g.node(op, [stored, g.ints([1, 2])], shape, keep_dims=True), x.rank)


@converter("GlobalAveragePool", since=1, restrictions="3-D")
def _global_average_pool(node: OnnxNode, g: Emitter) -> Value:
    return _global(node, g, "Mean")


@converter("GlobalMaxPool", since=1, restrictions="3-D")
def _global_max_pool(node: OnnxNode, g: Emitter) -> Value:
    return _global(node, g, "Max")
