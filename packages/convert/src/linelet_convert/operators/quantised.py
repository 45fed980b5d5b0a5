"""Quantised numbers. Constant ones are dequantised at conversion; those computed at run time go through integers."""

import numpy as np

from linelet_convert.operators.elementwise import clipped
from linelet_convert.operators.shaping import as_type
from linelet_convert.registry import converter
from linelet_convert.tfgraph import Array, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value

# ONNX's element types that are quantised to: name, least and largest number.
_RANGES = {2: ("uint8", 0, 255), 3: ("int8", -128, 127), 4: ("uint16", 0, 65535), 5: ("int16", -32768, 32767)}
_REFUSES = "blocks; scales computed at run time; 4- and 8-bit floats"


def _along(node: OnnxNode, g: Emitter, x: Value, numbers: Array) -> Tensor:
    """One number, or one for each place of ``axis``, to broadcast against x as it is stored."""
    numbers = numbers.astype(np.float32)
    if numbers.size == 1:
        return g.scalar(numbers.reshape(-1)[0], "float32")
    axis = node.axis(node.attribute("axis", 1), x.rank)
    if numbers.ndim != 1 or node.attribute("block_size", 0) or (x.shape[:, axis] != numbers.size).any():
        node.refuse(f"has scales of shape {numbers.shape} for {x.shape[0].tolist()}; use one, or one a channel")
    return g.constant(numbers.reshape([-1 if a == axis else 1 for a in x.order]))


@converter("QuantizeLinear", since=10, restrictions=_REFUSES)
def _quantize(node: OnnxNode, g: Emitter) -> Value:
    x, scale = node.input(0), node.constant(1, "the scale")
    zero = node.constant(2, "the zero point") if node.optional(2) else np.zeros(1, np.uint8)
    kind = node.attribute("output_dtype", 0)
    names = {name: (low, high) for name, low, high in _RANGES.values()}
    name = _RANGES[kind][0] if kind in _RANGES and not node.optional(2) else zero.dtype.name
    if name not in names or x.dtype != "float32":
        node.refuse(f"quantises {x.dtype} to {name}; use uint8 or int8")
    whole = g.unary("Round", g.binary("RealDiv", g.stored(x, x.order), _along(node, g, x, scale)))
    shifted = whole if not zero.any() else g.binary("AddV2", whole, _along(node, g, x, zero))
    low, high = names[name]
    return g.like(as_type(g, clipped(g, shifted, low, high), "int32"), x, "int32")


@converter("DequantizeLinear", since=10, restrictions=_REFUSES)
def _dequantize(node: OnnxNode, g: Emitter) -> Value:
    x, scale = node.input(0), node.constant(1, "the scale")
    number = as_type(g, g.stored(x, x.order), "float32")
    zero = node.constant(2, "the zero point") if node.optional(2) else np.zeros(1)
    if zero.any():
        number = g.binary("Sub", number, _along(node, g, x, zero))
    return g.like(g.binary("Mul", number, _along(node, g, x, scale)), x, "float32")
