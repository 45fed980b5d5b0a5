"""The graph that TensorFlow.js gets as LiteRT's operators, at one size of its input.

The graph is channels last already, as LiteRT wants it, and all shapes are known, so that each node becomes one operator
or a few. What the networks that Linelet trains are made of is here, and what comes for nothing besides.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from linelet_common.errors import ConversionError
from linelet_convert.tfgraph import Array, Graph, Node, Tensor
from linelet_convert.tfjs import Stored, restore, store
from linelet_convert.tflite.flat import FlatGraph, FlatOperator, FlatTensor, Levels, Slots

Numbers = list[int]
Translate = Callable[["_Run", Node], None]

DEQUANTIZE = 6

# Nodes of inputs and outputs alike, without settings but those that LiteRT takes as inputs too.
PLAIN = {
    "Abs": 101, "Ceil": 104, "Cos": 108, "Elu": 111, "Exp": 47, "Floor": 8, "GatherNd": 107, "Log": 73, "Maximum": 55,
    "Minimum": 57, "Neg": 59, "PadV2": 60, "Relu": 19, "Relu6": 21, "ReverseV2": 105, "Round": 116, "Rsqrt": 76,
    "Sigmoid": 14, "Sin": 66, "Slice": 65, "Sqrt": 75, "Square": 92, "Tanh": 28, "Tile": 69, "Transpose": 39,
}  # fmt: skip
# Arithmetic: operator and number of its options, whose first slot is an activation (none).
ARITHMETIC = {"AddV2": (0, 11), "Mul": (18, 21), "RealDiv": (42, 29), "Sub": (41, 28)}
POOLS = {"AvgPool": 1, "MaxPool": 17}
RESIZES = {"ResizeBilinear": (23, 15, 2), "ResizeNearestNeighbor": (97, 74, 0)}  # and the first slot of its options
REDUCTIONS = {"Max": 82, "Mean": 40, "Min": 89, "Prod": 81, "Sum": 74}
# Operators and the numbers of their options.
CONV, DEPTHWISE, POOL, PAD, RESHAPE, SOFTMAX = (3, 1), (4, 2), 5, 34, 22, (25, 9)
CONCATENATION, LEAKY, PRODUCT, REDUCER, SPLIT = (2, 10), (98, 75), (126, 101), 27, (102, 79)

_SAME, _VALID = 0, 1
_ACTIVATIONS = {"BiasAdd": 0, "Identity": 0, "Relu": 1, "Relu6": 3}


def translate(graph: Graph, kinds: Mapping[str, str | Stored], where: str) -> FlatGraph:
    """A graph of static shapes. kinds: how constants are stored, as ``write_model`` takes it.

    ConversionError naming what LiteRT has no operator for here; ``where`` says of which network.
    """
    unknown = sorted({n.op for n in graph.nodes} - set(TRANSLATIONS) - {"Const", "Placeholder"})
    if unknown:
        raise ConversionError(
            f"{where}: no LiteRT operator for {', '.join(unknown)}; convert without --tflite", place=where
        )
    run = _Run(kinds)
    for tensor in graph.inputs.values():
        run.flat.inputs.append(run.result(tensor.node.name, _shape(tensor), tensor.dtype))
        run.numbers[tensor.node.name, 0] = run.flat.inputs[-1]
    run.shapes = {(t.node.name, t.index): t for n in graph.nodes for t in n.inputs}
    run.shapes |= {(t.node.name, 0): t for t in graph.outputs.values()}
    for node in graph.nodes:
        if node.array is None and node.op != "Placeholder":
            TRANSLATIONS[node.op](run, node)
    run.flat.outputs = [run.numbers[t.node.name, 0] for t in graph.outputs.values()]
    return run.flat


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(int(n) for n in tensor.shape[0])


class _Run:
    """One translation: the tensors so far, by the name and number of the node's output that they stand for."""

    def __init__(self, kinds: Mapping[str, str | Stored]) -> None:
        self.flat = FlatGraph()
        self.numbers: dict[tuple[str, int], int] = {}
        self.shapes: dict[tuple[str, int], Tensor] = {}
        self._kinds = kinds
        self._held: dict[tuple[str, str], int] = {}

    def result(self, name: str, shape: tuple[int, ...], dtype: str) -> int:
        """The number of a new tensor that the network computes."""
        self.flat.tensors.append(FlatTensor(name, shape, dtype))
        return len(self.flat.tensors) - 1

    def number(self, tensor: Tensor) -> int:
        """The number of a node's output; a constant is put down when it is first asked for."""
        if tensor.node.array is not None:
            return self.constant(tensor.node, "", lambda array: array)
        return self.numbers[tensor.node.name, tensor.index]

    def constant(self, node: Node, use: str, arrange: Callable[[Array], Array]) -> int:
        """The number of a constant; arrange: puts its axes into LiteRT's order, ``use`` being a name for that."""
        if (node.name, use) not in self._held:
            assert node.array is not None
            stored = store(node.array, self._kinds.get(node.name, "float32"))
            self._held[node.name, use] = self._weights(node.name + use, node.array.shape, stored, arrange)
        return self._held[node.name, use]

    def _weights(self, name: str, shape: tuple[int, ...], stored: Stored, arrange: Callable[[Array], Array]) -> int:
        """Stored numbers as a tensor; smaller ones are followed by the operator that widens them to float32."""
        about = stored.quantization
        spec = {"shape": shape, "dtype": stored.dtype, "quantization": about}
        small: FlatTensor | None = None
        if about is not None and about["dtype"] == "float16":
            array = arrange(np.frombuffer(stored.data, "<f2").reshape(shape))
            small = FlatTensor(f"{name}_half", array.shape, "float16", array)
        elif about is not None:
            first = about["min"] / about["scale"]  # level 0, in steps from zero
            if abs(first - round(first)) < 1e-3 and -255 <= round(first) <= 0:
                array = arrange(np.frombuffer(stored.data, np.uint8).reshape(shape))
                levels = Levels(about["scale"], -round(first) - 128)
                small = FlatTensor(
                    f"{name}_levels", array.shape, "int8", (array.astype(np.int16) - 128).astype(np.int8), levels
                )
        if small is None:
            array = arrange(restore(stored.data, spec))
            self.flat.tensors.append(FlatTensor(name, array.shape, str(array.dtype), array))
            return len(self.flat.tensors) - 1
        self.flat.tensors.append(small)
        whole = self.result(name, small.shape, "float32")
        self.flat.operators.append(FlatOperator(DEQUANTIZE, [whole - 1], [whole]))
        return whole

    def inputs(self, node: Node, count: int | None = None) -> Numbers:
        """The numbers of a node's inputs, or of the first ones."""
        return [self.number(t) for t in node.inputs[:count]]

    def ints(self, values: Any) -> int:
        """The number of a constant of integers."""
        array = np.array(values, np.int32)
        self.flat.tensors.append(FlatTensor(f"ints_{len(self.flat.tensors)}", array.shape, "int32", array))
        return len(self.flat.tensors) - 1

    def zeros(self, count: int) -> int:
        """The number of a constant of zeros: the bias of a convolution that has none."""
        name = f"zeros_{count}"
        if (name, "") not in self._held:
            self.flat.tensors.append(FlatTensor(name, (count,), "float32", np.zeros(count, np.float32)))
            self._held[name, ""] = len(self.flat.tensors) - 1
        return self._held[name, ""]

    def add(self, code: int, inputs: Numbers, result: int, options: tuple[int, Slots] = (0, ())) -> int:
        """An operator of one output; the number of that."""
        self.flat.operators.append(FlatOperator(code, inputs, [result], options))
        return result

    def output(self, node: Node, index: int = 0) -> int:
        """The number of the tensor for a node's output."""
        tensor = self.shapes[node.name, index]
        self.numbers[node.name, index] = self.result(
            node.name if not index else f"{node.name}_{index}", _shape(tensor), tensor.dtype
        )
        return self.numbers[node.name, index]

    def like(self, name: str, number: int) -> int:
        """The number of a new tensor of another one's shape."""
        return self.result(name, self.flat.tensors[number].shape, "float32")


def _plain(run: _Run, node: Node) -> None:
    run.add(PLAIN[node.op], run.inputs(node), run.output(node))


def _arithmetic(run: _Run, node: Node) -> None:
    code, options = ARITHMETIC[node.op]
    run.add(code, run.inputs(node), run.output(node), (options, [(0, "int8", 0)]))


def _reshape(run: _Run, node: Node) -> None:
    (x,) = run.inputs(node, 1)
    result = run.output(node)
    run.add(RESHAPE, [x, run.ints(run.flat.tensors[result].shape)], result)


def _convolution(run: _Run, node: Node) -> None:
    a, filters = node.attributes, node.inputs[1].node
    assert filters.array is not None
    height, width, channels, last = filters.array.shape
    depthwise = node.op == "FusedDepthwiseConv2dNative"
    if depthwise:
        weights = run.constant(filters, "_depthwise", lambda f: f.reshape(1, height, width, channels * last))
    else:
        weights = run.constant(filters, "_filter", lambda f: np.ascontiguousarray(f.transpose(3, 0, 1, 2)))
    bias = run.number(node.inputs[2]) if len(node.inputs) > 2 else run.zeros(channels * last if depthwise else last)
    x, padding = _padded(run, node, (height, width))
    activation = (a.get("fused_ops") or ("Identity",))[-1]
    (_, down, right, _), (_, rows, columns, _) = a["strides"], a["dilations"]
    settings: list[tuple[str, int]] = [("int8", padding), ("int32", right), ("int32", down)]
    settings += [("int32", last)] if depthwise else []
    settings += [("int8", _ACTIVATIONS.get(activation, 0)), ("int32", columns), ("int32", rows)]
    operator, options = DEPTHWISE if depthwise else CONV
    slots = [(i, kind, value) for i, (kind, value) in enumerate(settings)]
    result = run.output(node)
    if activation in _ACTIVATIONS:
        run.add(operator, [x, weights, bias], result, (options, slots))
        return
    before = run.add(operator, [x, weights, bias], run.like(f"{node.name}_linear", result), (options, slots))
    run.add(LEAKY[0], [before], result, (LEAKY[1], [(0, "float32", a["leakyrelu_alpha"])]))


def _padded(run: _Run, node: Node, kernel: tuple[int, int]) -> tuple[int, int]:
    """A convolution's input, with zeros around it where LiteRT's own padding would be another, and what that is."""
    a, x = node.attributes, run.number(node.inputs[0])
    flat = a["explicit_paddings"] if a["padding"] == "EXPLICIT" else (0,) * 8
    pads = [(flat[2], flat[3]), (flat[4], flat[5])]
    if not np.any(pads):
        return x, _VALID
    size = run.flat.tensors[x].shape
    if all(_same(size[i + 1], kernel[i], a["strides"][i + 1], a["dilations"][i + 1]) == pads[i] for i in range(2)):
        return x, _SAME
    shape = (size[0], size[1] + sum(pads[0]), size[2] + sum(pads[1]), size[3])
    table = run.ints([(0, 0), *pads, (0, 0)])
    return run.add(PAD, [x, table], run.result(f"{node.name}_padded", shape, "float32")), _VALID


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """The padding that TensorFlow's SAME means at a size."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _pool(run: _Run, node: Node) -> None:
    a = node.attributes
    (_, height, width, _), (_, down, right, _) = a["ksize"], a["strides"]
    slots = [(0, "int8", _SAME if a["padding"] == "SAME" else _VALID), (1, "int32", right), (2, "int32", down),
             (3, "int32", width), (4, "int32", height), (5, "int8", 0)]  # fmt: skip
    run.add(POOLS[node.op], run.inputs(node), run.output(node), (POOL, slots))


def _batch_norm(run: _Run, node: Node) -> None:
    """(x - mean) * scale + offset: what recurrences use it for, and the only use that the converter makes of it."""
    variance = node.inputs[4].node.array
    assert variance is not None
    assert not variance.any()
    assert node.attributes["epsilon"] == 1
    number, scale, offset, mean = run.inputs(node, 4)
    for op, other in (("Sub", mean), ("Mul", scale), ("AddV2", offset)):
        code, options = ARITHMETIC[op]
        result = run.output(node) if op == "AddV2" else run.like(f"{node.name}_{op}", number)
        number = run.add(code, [number, other], result, (options, [(0, "int8", 0)]))


def _number(tensor: Tensor) -> int:
    """A constant's only number."""
    assert tensor.node.array is not None
    return int(tensor.node.array)


def _concat(run: _Run, node: Node) -> None:
    axis = _number(node.inputs[-1])
    code, options = CONCATENATION
    run.add(code, run.inputs(node, -1), run.output(node), (options, [(0, "int32", axis), (1, "int8", 0)]))


def _split(run: _Run, node: Node) -> None:
    code, options = SPLIT
    inputs = run.inputs(node)
    results = [run.output(node, index) for index in range(node.attributes["num_split"])]
    run.flat.operators.append(FlatOperator(code, inputs, results, (options, [(0, "int32", len(results))])))


def _product(run: _Run, node: Node) -> None:
    a = node.attributes
    code, options = PRODUCT
    turned = [(0, "bool", a.get("adj_x", a.get("transpose_a", False))),
              (1, "bool", a.get("adj_y", a.get("transpose_b", False)))]  # fmt: skip
    run.add(code, run.inputs(node), run.output(node), (options, turned))


def _resize(run: _Run, node: Node) -> None:
    code, options, first = RESIZES[node.op]
    (x,) = run.inputs(node, 1)
    result = run.output(node)
    a = node.attributes
    size = run.ints(run.flat.tensors[result].shape[1:3])  # what the graph computes from the picture is fixed here
    slots = [(first, "bool", a["align_corners"]), (first + 1, "bool", a["half_pixel_centers"])]
    run.add(code, [x, size], result, (options, slots))


def _reduce(run: _Run, node: Node) -> None:
    kept = bool(node.attributes.get("keep_dims", False))
    run.add(REDUCTIONS[node.op], run.inputs(node), run.output(node), (REDUCER, [(0, "bool", kept)]))


def _clip(run: _Run, node: Node) -> None:
    x, low, high = run.inputs(node)
    above = run.add(PLAIN["Maximum"], [x, low], run.like(f"{node.name}_above", x))
    run.add(PLAIN["Minimum"], [above, high], run.output(node))


def _softmax(run: _Run, node: Node) -> None:
    code, options = SOFTMAX
    run.add(code, run.inputs(node), run.output(node), (options, [(0, "float32", 1.0)]))


TRANSLATIONS: dict[str, Translate] = {
    **dict.fromkeys(PLAIN, _plain),
    **dict.fromkeys(ARITHMETIC, _arithmetic),
    **dict.fromkeys(POOLS, _pool),
    **dict.fromkeys(RESIZES, _resize),
    **dict.fromkeys(REDUCTIONS, _reduce),
    **dict.fromkeys(("ExpandDims", "Identity", "Reshape", "Squeeze"), _reshape),
    **dict.fromkeys(("Conv2D", "FusedDepthwiseConv2dNative", "_FusedConv2D"), _convolution),
    **dict.fromkeys(("BatchMatMulV2", "MatMul"), _product),
    "ClipByValue": _clip,
    "ConcatV2": _concat,
    "FusedBatchNormV3": _batch_norm,
    "Softmax": _softmax,
    "SplitV": _split,
}
