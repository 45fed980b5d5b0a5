"""Networks that round to 8 bits while they run, as the float32 networks that they stand for.

TensorFlow.js computes in float32, where each rounding would cost time, and where the last bit of a sum decides which
way it goes: no two runtimes agree. So roundings of what flows through a network are left out, their limits stay, and
quantised weights become the float32 numbers that they mean. Rewritten are QuantizeLinear followed by DequantizeLinear
(static quantisation) and DynamicQuantizeLinear before MatMulInteger, ConvInteger and ONNX Runtime's
DynamicQuantizeMatMul and DynamicQuantizeLSTM (dynamic quantisation). Whatever is used otherwise is left as it is.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[Any]

_STANDARD = ("", "ai.onnx")
# What QuantizeLinear rounds to where neither a zero point nor output_dtype says so.
_DEFAULT = np.dtype(np.uint8)


def leave_out(graph: onnx.GraphProto, arrays: dict[str, Array]) -> int:
    """Rewrite a graph and its initializers ``arrays`` in place; how many roundings were left out."""
    return _Rewriting(graph, arrays).run()


class _Rewriting:
    """One rewriting: who makes and reads each value, and what is constant."""

    def __init__(self, graph: onnx.GraphProto, arrays: dict[str, Array]) -> None:
        self.graph, self.arrays = graph, arrays
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in dict.fromkeys(node.input):
                self.readers[name].append(node)
        self.constants = dict(arrays)
        for node in graph.node:
            tensors = [a.t for a in node.attribute if a.name == "value"]
            if node.op_type == "Constant" and node.domain in _STANDARD and tensors:
                self.constants[node.output[0]] = numpy_helper.to_array(tensors[0])
        self.fixed = set(self.constants)
        known = -1
        while known < len(self.fixed):  # once more than is needed, where each node comes after what it reads
            known = len(self.fixed)
            for node in graph.node:
                if node.op_type == "Constant" or (node.input and all(not n or n in self.fixed for n in node.input)):
                    self.fixed.update(node.output)

    def run(self) -> int:
        count = 0
        for node in list(self.graph.node):
            rewrite = _REWRITES.get((node.domain if node.domain not in _STANDARD else "", node.op_type))
            if rewrite is not None and rewrite(self, node):
                count += 1
        if count:
            # They name types that are no longer so.
            del self.graph.value_info[:]
        return count

    def hold(self, name: str, array: Array) -> str:
        """A new initializer, under a free name like ``name``."""
        taken = {value.name for value in (*self.graph.input, *self.graph.output)} | set(self.arrays) | set(self.makers)
        free = name
        while free in taken:
            free += "_"
        self.graph.initializer.append(numpy_helper.from_array(array, free))
        self.arrays[free] = self.constants[free] = array
        return free

    def constant(self, node: onnx.NodeProto, index: int) -> Array | None:
        """A constant input; None if it is missing or computed."""
        return self.constants.get(node.input[index]) if len(node.input) > index else None

    def become(self, node: onnx.NodeProto, op_type: str, inputs: list[str], **attributes: Any) -> None:
        """Another operator of ONNX's in the node's place, with its first output."""
        made = helper.make_node(op_type, inputs, list(node.output)[:1], node.name, **attributes)
        node.CopyFrom(made)


def _static(r: _Rewriting, node: onnx.NodeProto) -> bool:
    """DequantizeLinear(QuantizeLinear(x)) of one scale: x within what the integers hold."""
    before = r.makers.get(node.input[0])
    if before is None or before.op_type != "QuantizeLinear" or before.input[0] in r.fixed:
        return False
    scales, zeros = ([r.constant(n, index) for n in (before, node)] for index in (1, 2))
    one, same = scales
    if one is None or same is None or one.size != 1 or not np.array_equal(one, same):
        return False
    kinds = {a.i for a in before.attribute if a.name == "output_dtype"}
    if any(len(n.input) > 2 and n.input[2] and zero is None for n, zero in zip((before, node), zeros, strict=True)):
        return False
    zero = zeros[0] if zeros[0] is not None else np.zeros((), _DEFAULT)
    other = zeros[1] if zeros[1] is not None else np.zeros_like(zero)
    if zero.size != 1 or zero.dtype.kind not in "iu" or kinds - {0} or not np.array_equal(zero, other):
        return False
    scale, bounds = np.float32(one.reshape(())), np.iinfo(zero.dtype)
    low, high = ((np.float32(bound) - np.float32(zero.reshape(()))) * scale for bound in (bounds.min, bounds.max))
    limits = [r.hold(f"{node.output[0]}_{side}", np.array(v, np.float32)) for side, v in (("low", low), ("high", high))]
    r.become(node, "Clip", [before.input[0], *limits])
    return True


def _dynamic(r: _Rewriting, node: onnx.NodeProto) -> bool:
    """DynamicQuantizeLinear(x): x itself, at a scale of 1, for products with constant weights."""
    numbers, scale, zero = node.output
    products = r.readers[numbers]
    if any(value.name in node.output for value in r.graph.output):
        return False
    if not products or any(not _multiplies(r, product, numbers, zero) for product in products):
        return False
    if set(map(id, r.readers[zero])) - set(map(id, products)) or any(n.op_type != "Mul" for n in r.readers[scale]):
        return False
    for product in products:
        weights = r.constant(product, 1)
        assert weights is not None
        shift = r.constant(product, 3)
        is_conv = product.op_type == "ConvInteger"
        if shift is not None and shift.size > 1 and is_conv:
            shift = shift.reshape(-1, *[1] * (weights.ndim - 1))
        floats = weights.astype(np.float32) - (0 if shift is None else shift.astype(np.float32))
        held = r.hold(f"{product.input[1]}_float", floats.astype(np.float32))
        kept = {a.name: helper.get_attribute_value(a) for a in product.attribute}
        r.become(product, "Conv" if is_conv else "MatMul", [numbers, held], **kept)
    source = node.input[0]
    unit = helper.make_node("Constant", [], [scale], value=numpy_helper.from_array(np.array(1, np.float32)))
    r.graph.node.insert(list(r.graph.node).index(node), unit)
    r.constants[scale] = np.array(1, np.float32)
    node.CopyFrom(helper.make_node("Identity", [source], [numbers], node.name))
    return True


def _multiplies(r: _Rewriting, product: onnx.NodeProto, numbers: str, zero: str) -> bool:
    """Whether a node multiplies quantised numbers, as its first input, with constant weights."""
    given = [*product.input, "", ""]
    known = product.op_type in ("MatMulInteger", "ConvInteger") and product.domain in _STANDARD
    shifted = not given[3] or given[3] in r.constants
    # The product becomes float32: nobody may read it as the integer that it was.
    readers = r.readers[product.output[0]]
    cast = bool(readers) and all(
        n.op_type == "Cast" and any(a.name == "to" and a.i == TensorProto.FLOAT for a in n.attribute) for n in readers
    )
    shown = any(value.name == product.output[0] for value in r.graph.output)
    return (
        known and cast and not shown and given[0] == numbers and given[2] == zero
        and given.count(numbers) == 1 and given[1] in r.constants and shifted
    )  # fmt: skip


def _weights(r: _Rewriting, node: onnx.NodeProto, index: int, scale: int, zero: int) -> Array | None:
    """Constant quantised weights as the float32 numbers that they mean; None if anything is computed.

    Scales and zero points are one, or one for each place of the last axis of (K, N) or (directions, K, N).
    """
    weights, scales, zeros = (r.constant(node, i) for i in (index, scale, zero))
    if weights is None or scales is None or (zeros is None and len(node.input) > zero and node.input[zero]):
        return None
    numbers = weights.astype(np.float32)
    try:
        if zeros is not None:
            numbers = numbers - _spread(zeros, weights)
        return np.asarray(numbers * _spread(scales, weights), dtype=np.float32)
    except ValueError:
        return None


def _spread(numbers: Array, weights: Array) -> Array:
    floats: Array = numbers.astype(np.float32)
    if weights.ndim == 3:  # one direction each
        return floats.reshape(len(weights), 1, -1)
    return floats.reshape(-1) if floats.size > 1 else floats.reshape(())


def _dynamic_matmul(r: _Rewriting, node: onnx.NodeProto) -> bool:
    """com.microsoft DynamicQuantizeMatMul: A, B, b_scale, b_zero_point, bias."""
    weights = _weights(r, node, 1, 2, 3)
    if weights is None:
        return False
    inputs, output = list(node.input), node.output[0]
    held = r.hold(f"{inputs[1]}_float", weights)
    bias = inputs[4] if len(inputs) > 4 else ""
    if not bias:
        r.become(node, "MatMul", [inputs[0], held])
        return True
    product = f"{output}_product"
    r.graph.node.insert(list(r.graph.node).index(node), helper.make_node("MatMul", [inputs[0], held], [product]))
    r.become(node, "Add", [product, bias])
    return True


def _dynamic_lstm(r: _Rewriting, node: onnx.NodeProto) -> bool:
    """com.microsoft DynamicQuantizeLSTM: X, W, R, B, lens, h, c, P, W_scale, W_zero_point, R_scale, R_zero_point.

    Its weights are (directions, input, 4 hidden), ONNX's LSTM takes them turned.
    """
    found = [_weights(r, node, index, scale, scale + 1) for index, scale in ((1, 8), (2, 10))]
    if any(weights is None or weights.ndim != 3 for weights in found):
        return False
    inputs = list(node.input)[:8]
    for index, weights in zip((1, 2), found, strict=True):
        assert weights is not None
        inputs[index] = r.hold(f"{inputs[index]}_float", np.ascontiguousarray(weights.transpose(0, 2, 1)))
    kept = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    node.CopyFrom(helper.make_node("LSTM", inputs, list(node.output), node.name, **kept))
    return True


_REWRITES: dict[tuple[str, str], Callable[[_Rewriting, onnx.NodeProto], bool]] = {
    ("", "DequantizeLinear"): _static,
    ("", "DynamicQuantizeLinear"): _dynamic,
    ("com.microsoft", "DynamicQuantizeMatMul"): _dynamic_matmul,
    ("com.microsoft", "DynamicQuantizeLSTM"): _dynamic_lstm,
}
