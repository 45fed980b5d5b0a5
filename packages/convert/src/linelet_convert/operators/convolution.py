"""Convolutions. TensorFlow.js's wasm backend knows channels last only; everything becomes a fused 2-D convolution."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Shape, Tensor, static
from linelet_convert.values import Emitter, OnnxNode, Value

Pairs = list[tuple[int, int]]


def fused_conv(
    g: Emitter,
    x: Tensor,
    filters: Array,
    bias: Array | None,
    strides: list[int],
    pads: Pairs,
    dilations: list[int],
    depthwise: bool = False,
) -> Tensor:
    """A convolution of a tensor (N, H, W, C) with filters (h, w, C, M), or (h, w, C, multiplier) depthwise."""
    if max(strides) > 1 and max(dilations) > 1:  # TensorFlow.js allows one of the two
        full = fused_conv(g, x, filters, bias, [1, 1], pads, dilations, depthwise)
        shape = full.shape.copy()
        shape[:, 1:3] = -(-shape[:, 1:3] // np.array(strides))
        return strided(g, full, g.ints([0] * 4), g.ints([0] * 4), [1, *strides, 1], shape, (15, 15))
    kernel = np.array(filters.shape[:2])
    reach = (kernel - 1) * np.array(dilations) + 1
    shape = x.shape.copy()
    shape[:, 1:3] = (x.shape[:, 1:3] + np.array(pads).sum(axis=1) - reach) // np.array(strides) + 1
    shape[:, 3] = filters.shape[2] * filters.shape[3] if depthwise else filters.shape[3]
    inputs = [x, g.constant(filters)]
    if bias is not None:
        inputs.append(g.constant(bias))
    return g.node(
        "FusedDepthwiseConv2dNative" if depthwise else "_FusedConv2D",
        inputs,
        shape,
        strides=(1, *strides, 1),
        # torch's stride-2 pad-1 is not TensorFlow's SAME, so paddings are always written out.
        padding="EXPLICIT" if np.any(pads) else "VALID",
        explicit_paddings=(0, 0, *pads[0], *pads[1], 0, 0) if np.any(pads) else (),
        dilations=(1, *dilations, 1),
        data_format="NHWC",
        fused_ops=("Identity",) if bias is None else ("BiasAdd",),
        num_args=0 if bias is None else 1,
    )


def strided(
    g: Emitter, x: Tensor, begin: Tensor, end: Tensor, steps: list[int], shape: Shape, masks: tuple[int, int] = (0, 0)
) -> Tensor:
    """A StridedSlice to a shape; masks: bits of the axes whose begin, whose end does not count."""
    given: dict[str, Any] = {"begin_mask": masks[0], "end_mask": masks[1]}
    none: dict[str, Any] = {"ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0}
    inputs = [begin, end, g.ints(steps)]
    return g.as_floats(x, lambda n: g.node("StridedSlice", [n, *inputs], shape, **given, **none))


def spatial(node: OnnxNode, name: str, count: int, default: int = 1) -> list[int]:
    """An attribute with one number a spatial axis, as height and width (height is 1, or 0 for pads, in 1-D)."""
    given = node.attribute(name) or [default] * count
    if len(given) != count or min(given) < default:
        node.refuse(f"{name} = {list(given)} does not fit {count} spatial axes; export again")
    return [default, *given] if count == 1 else list(given)


def paddings(node: OnnxNode, x: Value, kernel: list[int], strides: list[int], dilations: list[int]) -> Pairs:
    """(before, after) for height and width."""
    count = x.rank - 2
    mode = node.attribute("auto_pad", "NOTSET")
    if mode == "VALID":
        return [(0, 0), (0, 0)]
    if mode.startswith("SAME"):
        sizes = x.shape[:, 2:] if count == 2 else np.insert(x.shape[:, 2:], 0, 1, axis=1)
        reach = (np.array(kernel) - 1) * dilations + 1
        total = np.maximum((-(-sizes // np.array(strides)) - 1) * strides + reach - sizes, 0)
        if not static(total):
            node.refuse(f"auto_pad {mode} depends on the width; fix it with --width")
        small, large = total[0] // 2, total[0] - total[0] // 2
        before, after = (small, large) if mode == "SAME_UPPER" else (large, small)
        return [(int(b), int(a)) for b, a in zip(before, after, strict=True)]
    pads = node.attribute("pads") or [0] * (2 * count)
    if len(pads) != 2 * count or min(pads) < 0:
        node.refuse(f"pads {pads} are negative or not two an axis; export again")
    pairs = list(zip(pads[:count], pads[count:], strict=True))
    return [(0, 0), *pairs] if count == 1 else pairs


def take_padding(g: Emitter, x: Value, pads: Pairs) -> tuple[Value, Pairs]:
    """Zeros that a Pad node put around x become the convolution's own padding."""
    if x.padded is None or x.uses != 1 or "pads" not in g.simplifications:
        return x, pads
    inner, extra = x.padded
    return inner, [(p[0] + e[0], p[1] + e[1]) for p, e in zip(pads, extra, strict=True)]


@converter("Conv", since=1, restrictions="3-D; weights computed at run time")
def _conv(node: OnnxNode, g: Emitter) -> Value:
    x, weights = node.input(0), node.constant(1, "the weights")
    bias = node.constant(2, "the bias") if node.optional(2) else None
    count = x.rank - 2
    if count not in (1, 2) or weights.ndim != x.rank:
        node.refuse(f"has {count} spatial axes and weights of rank {weights.ndim}; only 1-D and 2-D are supported")
    weights = weights[:, :, None, :] if count == 1 else weights  # (M, C / groups, h, w)
    kernel, strides = list(weights.shape[2:]), spatial(node, "strides", count)
    dilations = spatial(node, "dilations", count)
    pads = paddings(node, x, kernel, strides, dilations)
    x, pads = take_padding(g, x, pads)
    groups = node.attribute("group", 1)
    channels = int(x.shape[0, 1])
    if weights.shape[1] * groups != channels or weights.shape[0] % groups or min(strides) < 1 or min(dilations) < 1:
        node.refuse(f"weights of shape {weights.shape} in {groups} groups do not fit {channels} channels; export again")
    stored = g.channels_last(x)
    per_group = weights.shape[0] // groups
    if groups == 1:
        out = fused_conv(g, stored, weights.transpose(2, 3, 1, 0), bias, strides, pads, dilations)
    elif groups == channels:
        filters = weights.reshape(channels, per_group, *kernel).transpose(2, 3, 0, 1)
        out = fused_conv(g, stored, filters, bias, strides, pads, dilations, depthwise=True)
    else:
        parts = []
        for i, part in enumerate(g.split(stored, [channels // groups] * groups, 3)):
            own = slice(i * per_group, (i + 1) * per_group)
            filters = weights[own].transpose(2, 3, 1, 0)
            parts.append(fused_conv(g, part, filters, None if bias is None else bias[own], strides, pads, dilations))
        return g.from_channels_last(g.concat(parts, 3), x.rank)
    value = g.from_channels_last(out, x.rank)
    value.source = out.node if out.node.op != "StridedSlice" else None
    return value


@dataclass(frozen=True)
class Geometry:
    """Of a transposed convolution: all for height and width, pads (before, after), extra: rows and columns behind."""

    strides: list[int]
    dilations: list[int]
    pads: Pairs
    extra: list[int]


@converter("ConvTranspose", since=1, restrictions="3-D; weights computed at run time; output_shape at variable sizes")
def _conv_transpose(node: OnnxNode, g: Emitter) -> Value:
    x, weights = node.input(0), node.constant(1, "the weights")
    bias = node.constant(2, "the bias") if node.optional(2) else None
    count, groups = x.rank - 2, node.attribute("group", 1)
    if count not in (1, 2) or weights.ndim != x.rank:
        node.refuse(f"has {count} spatial axes; only 1-D and 2-D are supported")
    weights = weights[:, :, None, :] if count == 1 else weights  # (C, M / groups, h, w)
    if weights.shape[0] != int(x.shape[0, 1]) or groups < 1 or weights.shape[0] % groups:
        channels = int(x.shape[0, 1])
        node.refuse(f"weights of shape {weights.shape} in {groups} groups do not fit {channels} channels; export again")
    geometry = _geometry(node, x, list(weights.shape[2:]))
    parts = g.split(g.channels_last(x), [weights.shape[0] // groups] * groups, 3)
    biases = [None] * groups if bias is None else np.split(bias, groups)
    made = [
        _transposed(g, part, own, own_bias, geometry)
        for part, own, own_bias in zip(parts, np.split(weights, groups), biases, strict=True)
    ]
    value = g.from_channels_last(g.concat(made, 3), x.rank)
    value.source = made[0].node if groups == 1 and made[0].node.op == "_FusedConv2D" else None
    return value


def _geometry(node: OnnxNode, x: Value, kernel: list[int]) -> Geometry:
    """Strides, dilations and pads of a transposed convolution, from whichever attributes say them."""
    count = x.rank - 2
    strides, dilations = spatial(node, "strides", count), spatial(node, "dilations", count)
    extra = spatial(node, "output_padding", count, 0)
    mode, wanted = node.attribute("auto_pad", "NOTSET"), node.attribute("output_shape")
    if not wanted and not mode.startswith("SAME"):
        return Geometry(strides, dilations, paddings(node, x, kernel, strides, dilations), extra)
    sizes = x.shape[:, 2:] if count == 2 else np.insert(x.shape[:, 2:], 0, 1, axis=1)
    reach = (np.array(kernel) - 1) * dilations + 1
    target: Array = sizes * strides
    if wanted:
        if len(wanted) < count:
            node.refuse(f"output_shape {list(wanted)} does not fit {count} spatial axes; export again")
        target = np.broadcast_to(np.array([1, *wanted][-2:] if count == 1 else wanted[-2:]), sizes.shape)
    total = np.asarray((sizes - 1) * strides + extra + reach - target, dtype=np.int64)
    if not static(total):
        node.refuse("output_shape is fixed though its input is not; fix the width with --width")
    less, more = np.maximum(total[0], 0) // 2, -(-np.maximum(total[0], 0) // 2)
    before, after = (less, more) if mode == "SAME_UPPER" else (more, less)
    pads = [(int(b), int(a)) for b, a in zip(before, after, strict=True)]
    return Geometry(strides, dilations, pads, [int(e) for e in extra + np.maximum(-total[0], 0)])


def _transposed(g: Emitter, x: Tensor, weights: Array, bias: Array | None, geometry: Geometry) -> Tensor:
    """The transposed convolution of a tensor (N, H, W, C) with weights (C, M, h, w)."""
    kernel, strides, dilations = list(weights.shape[2:]), geometry.strides, geometry.dilations
    pads, extra = geometry.pads, geometry.extra
    blocks = strides[0] == strides[1] > 1 and kernel == strides and not np.any(pads) and not any(extra)
    if blocks and dilations == [1, 1]:
        return _unfolded(g, x, weights, bias)
    # Zeros between the pixels, then a plain convolution with the turned kernel.
    filters = weights[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)
    if max(strides) > 1:
        x = _spread(g, x, strides)
    around: Pairs = []
    for axis in range(2):
        reach = (kernel[axis] - 1) * dilations[axis]
        # The lattice ends with strides - 1 zeros that are not part of the picture.
        around.append((reach - pads[axis][0], reach - pads[axis][1] + extra[axis] - (strides[axis] - 1)))
    cut = [(max(0, -a), max(0, -b)) for a, b in around]
    if np.any(cut):
        shape = x.shape.copy()
        shape[:, 1:3] -= np.array(cut).sum(axis=1)
        begin = g.ints([0, cut[0][0], cut[1][0], 0])
        end = g.ints([0, -cut[0][1], -cut[1][1], 0])
        mask = 0b1001 | (0 if cut[0][1] else 0b10) | (0 if cut[1][1] else 0b100)
        x = strided(g, x, begin, end, [1] * 4, shape, (0b1001, mask))
    positive = [(max(0, a), max(0, b)) for a, b in around]
    return fused_conv(g, x, filters, bias, [1, 1], positive, dilations)


def _unfolded(g: Emitter, x: Tensor, weights: Array, bias: Array | None) -> Tensor:
    """A transposed convolution (C, M, size, size) whose stride is its kernel: every pixel becomes a block of its own.

    A 1 x 1 convolution to all of the block's pixels, then unfolded.
    """
    size = weights.shape[2]
    filters = weights.transpose(0, 2, 3, 1).reshape(1, 1, weights.shape[0], -1)
    repeated = None if bias is None else np.tile(bias, size * size)
    flat = fused_conv(g, x, filters, repeated, [1, 1], [(0, 0), (0, 0)], [1, 1])
    shape = flat.shape * np.array([1, size, size, 1])
    shape[:, 3] = weights.shape[1]
    return g.node("DepthToSpace", [flat], shape, block_size=size, data_format="NHWC")


def _spread(g: Emitter, x: Tensor, strides: list[int]) -> Tensor:
    """(N, H, W, C) -> (N, H * strides[0], W * strides[1], C), with zeros behind each pixel."""
    n, h, w, c = x.shape.T
    one = np.ones_like(n)
    # Tensors of four axes only: WebGL's shaders pad no more.
    if strides[1] > 1:
        shape = np.stack([n, h, w, c * strides[1]], axis=1)
        behind = g.constant(np.array([[0, 0], [0, 0], [0, 0], [0, int(c[0]) * (strides[1] - 1)]], np.int32))
        x = g.node("PadV2", [x, behind, g.scalar(0.0, "float32")], shape)
        x = g.reshape(x, np.stack([n, h, w * strides[1], c], axis=1))
    if strides[0] > 1:
        rows = g.reshape(x, np.stack([n * h, one, w * strides[1], c], axis=1))
        below = g.constant(np.array([[0, 0], [0, strides[0] - 1], [0, 0], [0, 0]], np.int32))
        shape = np.stack([n * h, one * strides[0], w * strides[1], c], axis=1)
        x = g.node("PadV2", [rows, below, g.scalar(0.0, "float32")], shape)
        x = g.reshape(x, np.stack([n, h * strides[0], w * strides[1], c], axis=1))
    return x
