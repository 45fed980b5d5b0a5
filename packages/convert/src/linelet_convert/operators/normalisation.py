"""Normalisations. Batch normalisation is an affine operator and goes into the convolution before it."""

import numpy as np

from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value


@converter("BatchNormalization", since=9, restrictions="training; statistics computed at run time")
def _batch_normalization(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    if node.attribute("training_mode", 0) or node.outputs > 1:
        node.refuse("is in training mode; export in evaluation mode")
    scale, shift, mean, variance = (node.constant(i, "a statistic").astype(np.float64) for i in range(1, 5))
    factor = scale / np.sqrt(variance + node.attribute("epsilon", 1e-5))
    if x.rank < 2 or factor.shape != (int(x.shape[0, 1]),):
        node.refuse(f"statistics of shape {factor.shape} do not fit {x.shape[0].tolist()}; export again")
    channel = (-1, *[1] * (x.rank - 2))
    factor, summand = factor.reshape(channel), (shift - mean * factor).reshape(channel)
    folded = g.affine(x, factor, summand)
    if folded:
        return folded
    return scale_and_shift(g, x, factor, summand)


def scale_and_shift(g: Emitter, x: Value, scale: Array | None, shift: Array | None) -> Value:
    """x * scale + shift with constants that broadcast against x's logical axes."""
    tensor = g.stored(x, x.order)
    for op, array in (("Mul", scale), ("AddV2", shift)):
        if array is None:
            continue
        full = array.reshape((1,) * (x.rank - array.ndim) + array.shape).transpose(x.order)
        tensor = g.binary(op, tensor, g.constant(full.astype(np.float32)))
    return g.like(tensor, x)


def _standardised(g: Emitter, x: Tensor, axes: list[int], epsilon: float, center: bool = True) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) over axes of the tensor; without center the mean counts as 0."""
    shape = x.shape.copy()
    shape[:, axes] = 1
    where = g.ints(axes)
    if center:
        x = g.binary("Sub", x, g.node("Mean", [x, where], shape, keep_dims=True))
    variance = g.node("Mean", [g.unary("Square", x), where], shape, keep_dims=True)
    return g.binary("Mul", x, g.unary("Rsqrt", g.binary("AddV2", variance, g.scalar(epsilon, "float32"))))


def _over_axes(node: OnnxNode, g: Emitter, center: bool) -> Value:
    x = node.input(0)
    first = node.axis(node.attribute("axis", -1), x.rank)
    if node.outputs > 1:
        node.refuse("its mean or deviation is used; export without them")
    axes = sorted(x.order.index(a) for a in range(first, x.rank))
    value = g.like(_standardised(g, g.stored(x, x.order), axes, node.attribute("epsilon", 1e-5), center), x)
    scale = node.constant(1, "the scale")
    shift = node.constant(2, "the shift") if node.optional(2) else None
    return scale_and_shift(g, value, scale, shift)


@converter("LayerNormalization", since=17, restrictions="scale or shift computed at run time; outputs but the first")
def _layer_normalization(node: OnnxNode, g: Emitter) -> Value:
    return _over_axes(node, g, center=True)


@converter("RMSNormalization", since=23, restrictions="scale computed at run time")
def _rms_normalization(node: OnnxNode, g: Emitter) -> Value:
    return _over_axes(node, g, center=False)


@converter("InstanceNormalization", since=6, restrictions="scale or shift computed at run time")
def _instance_normalization(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    axes = sorted(x.order.index(a) for a in range(2, x.rank))
    value = g.like(_standardised(g, g.stored(x, x.order), axes, node.attribute("epsilon", 1e-5)), x)
    channel = (-1, *[1] * (x.rank - 2))
    scale, shift = (node.constant(i, "the scale or shift").reshape(channel) for i in (1, 2))
    return scale_and_shift(g, value, scale, shift)


@converter("GroupNormalization", since=21, restrictions="3-D; scale or shift computed at run time; opset 18's form")
def _group_normalization(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    groups, channels = node.attribute("num_groups"), int(x.shape[0, 1])
    if node.opset < 21:
        node.refuse("is of opset 18, whose scale is one a group; export with opset 21 or 17")
    if x.rank not in (3, 4) or not groups or channels % groups:
        node.refuse(f"has {groups} groups of {channels} channels in {x.rank} axes; only 1-D and 2-D are supported")
    stored = g.channels_last(x)
    n, h, w, _ = stored.shape.T
    split = np.stack([n, h * w, np.full_like(n, groups), np.full_like(n, channels // groups)], axis=1)
    even = _standardised(g, g.reshape(stored, split), [1, 3], node.attribute("epsilon", 1e-5))
    value = g.from_channels_last(g.reshape(even, stored.shape), x.rank)
    channel = (-1, *[1] * (x.rank - 2))
    scale, shift = (node.constant(i, "the scale or shift").reshape(channel) for i in (1, 2))
    return scale_and_shift(g, value, scale, shift)


@converter("LpNormalization", since=1)
def _lp_normalization(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    axis = x.order.index(node.axis(node.attribute("axis", -1), x.rank))
    tensor = g.stored(x, x.order)
    shape = tensor.shape.copy()
    shape[:, axis] = 1
    if node.attribute("p", 2) == 1:
        size = g.node("Sum", [g.unary("Abs", tensor), g.ints([axis])], shape, keep_dims=True)
    else:
        size = g.unary("Sqrt", g.node("Sum", [g.unary("Square", tensor), g.ints([axis])], shape, keep_dims=True))
    # Nothing divided by nothing is nothing, as in ONNX Runtime.
    size = g.binary("Maximum", size, g.scalar(float(np.finfo(np.float32).tiny), "float32"))
    return g.like(g.binary("RealDiv", tensor, size), x)
