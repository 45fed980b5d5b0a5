"""Every operator of the registry: models of one node, made by hypothesis, against ONNX Runtime.

The numpy interpreter runs them always, the TensorFlow.js that ships (marker ``browser``) on each of its backends.
To add an operator, add its cases here: ``test_every_operator_has_cases`` fails without.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_convert import operators, registry
from linelet_convert.assets import SOURCES
from linelet_convert.emit import emit, safe_name
from linelet_convert.graphs import emit_graph
from linelet_convert.interpreter import OPERATORS
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import OnnxRuntime
from linelet_convert.tflite import LiteRtRuntime
from linelet_convert.tflite.operators import TRANSLATIONS, translate

Draw = Callable[[Any], Any]
Array = NDArray[Any]
CASES: dict[str, Callable[[Draw, str], "Case"]] = {}

_TYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
}


@dataclass
class Case:
    """A model of one node: what it is fed, what it holds, and which axes it is to take at any length.

    inputs: name -> example; constants: initializers; loose: axes of the first input whose length is left open.
    """

    operator: str
    inputs: dict[str, Array]
    constants: dict[str, Array] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)  # the node's inputs, '' for one left out
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    opset: int = 17
    loose: tuple[int, ...] = (0,)
    domain: str = ""

    def model(self) -> onnx.ModelProto:
        """The model, with the first input's loose axes named."""
        names = self.order or [*self.inputs, *self.constants]
        makes = [f"y{i}" for i in range(self.outputs)]
        node = helper.make_node(self.operator, names, makes, name="the_node", domain=self.domain, **self.attributes)
        given = []
        for i, (name, array) in enumerate(self.inputs.items()):
            shape = [f"d{a}" if i == 0 and a in self.loose else n for a, n in enumerate(array.shape)]
            given.append(helper.make_tensor_value_info(name, _TYPES[array.dtype.name], shape))
        held = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        made = [onnx.ValueInfoProto(name=name) for name in makes]
        graph = helper.make_graph([node], "one", given, made, held)
        opsets = [helper.make_opsetid("", self.opset)]
        if self.domain:
            opsets.append(helper.make_opsetid(self.domain, 1))
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def cases(*operators: str) -> Callable[[Any], Any]:
    """Register ``make(draw, operator)`` as the maker of models for operators."""

    def register(make: Any) -> Any:
        for operator in operators:
            CASES[operator] = make
        return make

    return register


def numbers(draw: Draw, shape: tuple[int, ...], low: float = -3.0, high: float = 3.0) -> Array:
    """float32 numbers of a shape, not on a grid where functions jump."""
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    return random.uniform(low, high, shape).astype(np.float32)


def sizes(draw: Draw, least: int = 1, most: int = 4, longest: int = 5) -> tuple[int, ...]:
    """A shape."""
    return tuple(draw(st.lists(st.integers(1, longest), min_size=least, max_size=most)))


def flag(draw: Draw) -> int:
    return draw(st.integers(0, 1))


def axis_of(draw: Draw, rank: int) -> int:
    return draw(st.integers(-rank, rank - 1))


def loose(draw: Draw, rank: int) -> tuple[int, ...]:
    """Axes left open: the batch, and sometimes the last one."""
    return draw(st.sampled_from([(0,), (0, rank - 1), ()]))


def broadcastable(draw: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts against another."""
    kept = tuple(1 if draw(st.booleans()) else n for n in shape)
    return kept[draw(st.integers(0, len(kept))) :]


DOMAINS = {
    "Acos": (-0.95, 0.95), "Asin": (-0.95, 0.95), "Atanh": (-0.9, 0.9), "Acosh": (1.1, 5), "Log": (0.1, 5),
    "Sqrt": (0, 5), "Tan": (-1.2, 1.2), "Reciprocal": (0.2, 3),
}  # fmt: skip


@cases(
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Exp", "Floor", "Log",
    "Neg", "Reciprocal", "Round", "Sign", "Sin", "Sinh", "Sqrt", "Tan", "Tanh", "Identity", "Sigmoid", "Relu",
    "HardSwish", "Softplus", "Softsign",
)  # fmt: skip
def unary(draw: Draw, operator: str) -> Case:
    return Case(operator, {"x": numbers(draw, sizes(draw), *DOMAINS.get(operator, (-3, 3)))})


@cases("Mish", "Dropout")
def unary_with_extras(draw: Draw, operator: str) -> Case:
    return Case(operator, {"x": numbers(draw, sizes(draw))}, opset=18 if operator == "Mish" else 13)


@cases("IsNaN")
def is_nan(draw: Draw, operator: str) -> Case:
    return Case(operator, {"x": numbers(draw, sizes(draw))})


@cases("Not")
def logical_not(draw: Draw, operator: str) -> Case:
    return Case(operator, {"x": numbers(draw, sizes(draw)) > 0})


@cases("LeakyRelu", "Elu", "Celu", "ThresholdedRelu")
def with_alpha(draw: Draw, operator: str) -> Case:
    alpha = draw(st.sampled_from([0.1, 0.5, 1.0, 1.7]))
    return Case(operator, {"x": numbers(draw, sizes(draw))}, attributes={"alpha": alpha})


@cases("Selu")
def selu(draw: Draw, operator: str) -> Case:
    given = draw(st.sampled_from([{}, {"alpha": 1.2, "gamma": 0.8}]))
    return Case(operator, {"x": numbers(draw, sizes(draw))}, attributes=given)


@cases("HardSigmoid")
def hard_sigmoid(draw: Draw, operator: str) -> Case:
    given = draw(st.sampled_from([{}, {"alpha": 1 / 6, "beta": 0.5}]))
    return Case(operator, {"x": numbers(draw, sizes(draw))}, attributes=given)


@cases("Gelu", "Swish")
def gelu(draw: Draw, operator: str) -> Case:
    if operator == "Gelu":
        return Case(operator, {"x": numbers(draw, sizes(draw))}, opset=20,
                    attributes={"approximate": draw(st.sampled_from(["none", "tanh"]))})  # fmt: skip
    return Case(
        operator, {"x": numbers(draw, sizes(draw))}, opset=24, attributes={"alpha": draw(st.sampled_from([1.0, 1.5]))}
    )


@cases("Clip")
def clip(draw: Draw, operator: str) -> Case:
    bounds = draw(st.sampled_from([(0, 6), (0, None), (None, 1), (-1, 1), (0.5, 0.7)]))
    held = {n: np.array(b, np.float32) for n, b in zip(("low", "high"), bounds, strict=True) if b is not None}
    order = ["x", *(n if n in held else "" for n in ("low", "high"))]
    return Case(operator, {"x": numbers(draw, sizes(draw))}, held, order=order)


@cases("PRelu")
def prelu(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    return Case(operator, {"x": numbers(draw, shape)}, {"slope": numbers(draw, broadcastable(draw, shape))}, loose=())


@cases("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "Pow")
def binary(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    low = 0.3 if operator in ("Div", "Pow") else -3.0
    first, second = numbers(draw, shape, low), numbers(draw, broadcastable(draw, shape), low)
    order = draw(st.sampled_from([["a", "b"], ["b", "a"]]))
    if draw(st.booleans()):
        return Case(
            operator, {"a": first}, {"b": second}, order=order, loose=loose(draw, len(shape)) if second.ndim < 1 else ()
        )
    return Case(operator, {"a": first, "b": second}, order=order, loose=())


@cases("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
def comparison(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    a, b = (np.round(numbers(draw, s)) for s in (shape, broadcastable(draw, shape)))
    return Case(operator, {"a": a, "b": b}, loose=())


@cases("And", "Or", "Xor")
def logical(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    return Case(
        operator, {n: numbers(draw, s) > 0 for n, s in (("a", shape), ("b", broadcastable(draw, shape)))}, loose=()
    )


@cases("Mod")
def mod(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    a = np.round(numbers(draw, shape, -20, 20)).astype(np.int64)
    return Case(operator, {"a": a}, {"b": np.array(draw(st.sampled_from([2, 3, -4])), np.int64)}, loose=())


@cases("Where")
def where(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    condition = numbers(draw, broadcastable(draw, shape)) > 0
    return Case(
        operator, {"a": numbers(draw, shape), "c": condition, "b": numbers(draw, broadcastable(draw, shape))},
        order=["c", "a", "b"], loose=(),
    )  # fmt: skip


def window(draw: Draw, count: int) -> dict[str, Any]:
    """kernel_shape, strides and pads of a pooling window that fits 6 pixels."""
    kernel = [draw(st.integers(1, 3)) for _ in range(count)]
    pads = [draw(st.integers(0, (k - 1) // 2)) for k in kernel] + [draw(st.integers(0, (k - 1) // 2)) for k in kernel]
    return {"kernel_shape": kernel, "strides": [draw(st.integers(1, 3)) for _ in range(count)], "pads": pads}


@cases("MaxPool", "AveragePool")
def pool(draw: Draw, operator: str) -> Case:
    count = draw(st.integers(1, 2))
    attributes = window(draw, count)
    mode = draw(st.sampled_from(["pads", "ceil", "SAME_UPPER", "VALID"]))
    if mode == "ceil":
        attributes["ceil_mode"] = 1
    elif mode != "pads":
        del attributes["pads"]
        attributes["auto_pad"] = mode
    if operator == "AveragePool" and mode == "pads":
        attributes["count_include_pad"] = flag(draw)
    shape = (2, draw(st.integers(1, 4)), *(draw(st.integers(6, 9)) for _ in range(count)))
    return Case(operator, {"x": numbers(draw, shape)}, attributes=attributes)


@cases("GlobalAveragePool", "GlobalMaxPool")
def global_pool(draw: Draw, operator: str) -> Case:
    shape = (2, 3, *sizes(draw, 1, 2))
    return Case(operator, {"x": numbers(draw, shape)}, loose=loose(draw, len(shape)))


@cases("Conv")
def conv(draw: Draw, operator: str) -> Case:
    count = draw(st.integers(1, 2))
    groups = draw(st.sampled_from([1, 2, 4]))
    kernel = [draw(st.integers(1, 3)) for _ in range(count)]
    out = groups * draw(st.integers(1, 2))
    attributes: dict[str, Any] = {
        "kernel_shape": kernel, "group": groups,
        "strides": [draw(st.integers(1, 2)) for _ in range(count)],
        "dilations": [draw(st.integers(1, 2)) for _ in range(count)],
    }  # fmt: skip
    if draw(st.booleans()):
        attributes["pads"] = [draw(st.integers(0, 2)) for _ in range(2 * count)]
    elif draw(st.booleans()):
        attributes["auto_pad"] = draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]))
        attributes["dilations"] = [1] * count  # ONNX Runtime refuses both at once
    held = {"w": numbers(draw, (out, 4 // groups, *kernel), -1, 1)}
    if draw(st.booleans()):
        held["b"] = numbers(draw, (out,))
    dynamic = (0, count + 1) if "auto_pad" not in attributes else (0,)
    shape = (2, 4, *(draw(st.integers(6, 9)) for _ in range(count)))
    return Case(operator, {"x": numbers(draw, shape)}, held, attributes=attributes, loose=dynamic)


@cases("ConvTranspose")
def conv_transpose(draw: Draw, operator: str) -> Case:
    count = draw(st.integers(1, 2))
    kernel = [draw(st.integers(1, 3)) for _ in range(count)]
    strides = kernel if draw(st.booleans()) else [draw(st.integers(1, 3)) for _ in range(count)]
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides}
    if draw(st.booleans()):
        attributes["pads"] = [draw(st.integers(0, min(1, k - 1))) for k in kernel] * 2
    attributes["output_padding"] = [draw(st.integers(0, max(0, min(1, s - 1)))) for s in strides]
    groups = draw(st.sampled_from([1, 1, 2, 4]))
    held = {"w": numbers(draw, (4, 2, *kernel), -1, 1), "b": numbers(draw, (2 * groups,))}
    shape = (2, 4, *(draw(st.integers(3, 6)) for _ in range(count)))
    loose: tuple[int, ...] = (0, count + 1)
    if "pads" not in attributes and draw(st.booleans()):
        attributes["auto_pad"] = draw(st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID"]))
        attributes["output_padding"] = [0] * count
    elif "pads" not in attributes and draw(st.booleans()):
        reach = [(n - 1) * s + k for n, s, k in zip(shape[2:], strides, kernel, strict=True)]
        attributes["output_shape"] = [n - draw(st.integers(0, 1)) for n in reach]
        attributes["output_padding"], loose = [0] * count, (0,)
    attributes["group"] = groups
    return Case(operator, {"x": numbers(draw, shape)}, held, attributes=attributes, loose=loose)


@cases("BatchNormalization", "InstanceNormalization")
def channel_norm(draw: Draw, operator: str) -> Case:
    shape = (2, 3, *sizes(draw, 1, 2))
    held = {"scale": numbers(draw, (3,)), "shift": numbers(draw, (3,))}
    if operator == "BatchNormalization":
        held |= {"mean": numbers(draw, (3,)), "variance": numbers(draw, (3,), 0.1, 2)}
    return Case(operator, {"x": numbers(draw, shape)}, held, attributes={"epsilon": 1e-3})


@cases("LayerNormalization", "RMSNormalization")
def layer_norm(draw: Draw, operator: str) -> Case:
    shape = (*sizes(draw, 1, 3), 6)
    held = {"scale": numbers(draw, (6,))}
    if operator == "LayerNormalization" and draw(st.booleans()):
        held["shift"] = numbers(draw, (6,))
    opset = 17 if operator == "LayerNormalization" else 23
    return Case(operator, {"x": numbers(draw, shape)}, held, attributes={"axis": -1}, opset=opset)


@cases("GroupNormalization")
def group_norm(draw: Draw, operator: str) -> Case:
    shape = (2, 6, *sizes(draw, 1, 2))
    held = {"scale": numbers(draw, (6,)), "shift": numbers(draw, (6,))}
    return Case(
        operator,
        {"x": numbers(draw, shape)},
        held,
        opset=21,
        attributes={"num_groups": draw(st.sampled_from([1, 2, 3]))},
    )


@cases("LpNormalization")
def lp_norm(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    given = {"axis": axis_of(draw, len(shape)), "p": draw(st.integers(1, 2))}
    return Case(operator, {"x": numbers(draw, shape, 0.1)}, attributes=given)


@cases(
    "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
    "ReduceLogSumExp", "ReduceSumSquare",
)  # fmt: skip
def reduction(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    opset = draw(st.sampled_from([11, 17, 18]))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, max_size=len(shape), unique=True))
    low = 0.1 if operator == "ReduceLogSum" else -2.0
    attributes: dict[str, Any] = {"keepdims": flag(draw)}
    held = {}
    if draw(st.booleans()):
        if opset >= 18 or (opset >= 13 and operator == "ReduceSum"):
            held["axes"] = np.array(axes, np.int64)
        else:
            attributes["axes"] = axes
    return Case(operator, {"x": numbers(draw, shape, low, 2.0)}, held, attributes=attributes, opset=opset)


@cases("ArgMax", "ArgMin")
def arg(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    return Case(
        operator, {"x": numbers(draw, shape)}, attributes={"axis": axis_of(draw, len(shape)), "keepdims": flag(draw)}
    )


@cases("CumSum")
def cum_sum(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    held = {"axis": np.array(axis_of(draw, len(shape)), np.int64)}
    return Case(
        operator, {"x": numbers(draw, shape)}, held, attributes={"exclusive": flag(draw), "reverse": flag(draw)}
    )


@cases("Softmax", "LogSoftmax")
def softmax(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    opset = draw(st.sampled_from([11, 13]))
    return Case(operator, {"x": numbers(draw, shape)}, attributes={"axis": axis_of(draw, len(shape))}, opset=opset)


@cases("Reshape")
def reshape(draw: Draw, operator: str) -> Case:
    a, b, c = (draw(st.integers(1, 4)) for _ in range(3))
    target = draw(st.sampled_from([[0, -1], [-1, c], [0, a, b, c], [0, a, -1, 1], [0, b, a * c], [-1], [0, 0, 1, c]]))
    return Case(operator, {"x": numbers(draw, (2, a * b, c))}, {"s": np.array(target, np.int64)})


@cases("Flatten")
def flatten(draw: Draw, operator: str) -> Case:
    shape = sizes(draw, 2)
    return Case(operator, {"x": numbers(draw, shape)}, attributes={"axis": draw(st.integers(0, len(shape)))})


@cases("Squeeze", "Unsqueeze")
def ones(draw: Draw, operator: str) -> Case:
    shape = (2, *draw(st.permutations([1, 1, 3])))
    axes = (
        [a for a in range(1, 4) if shape[a] == 1]
        if operator == "Squeeze"
        else draw(st.sampled_from([[0], [1, 3], [-1], [2]]))
    )
    if draw(st.booleans()):
        return Case(operator, {"x": numbers(draw, shape)}, attributes={"axes": axes}, opset=11)
    return Case(operator, {"x": numbers(draw, shape)}, {"axes": np.array(axes, np.int64)}, opset=13)


@cases("Transpose")
def transpose(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    order = draw(st.permutations(range(len(shape))))
    return Case(operator, {"x": numbers(draw, shape)}, attributes={"perm": list(order)}, loose=loose(draw, len(shape)))


@cases("Expand")
def expand(draw: Draw, operator: str) -> Case:
    shape = tuple(draw(st.sampled_from([1, 3])) for _ in range(3))
    target = [draw(st.integers(1, 2)), *(3 if n == 3 else draw(st.integers(1, 3)) for n in shape)]
    return Case(operator, {"x": numbers(draw, shape)}, {"s": np.array(target, np.int64)}, loose=())


@cases("Shape", "Size")
def shape_of(draw: Draw, operator: str) -> Case:
    # Their output depends on the input's size only; through a graph's output it is computed while the network runs.
    return Case(operator, {"x": numbers(draw, sizes(draw))}, loose=() if operator == "Size" else (0,))


@cases("Cast")
def cast(draw: Draw, operator: str) -> Case:
    to = draw(st.sampled_from([1, 6, 7, 9]))
    return Case(operator, {"x": numbers(draw, sizes(draw))}, attributes={"to": to})


@cases("CastLike")
def cast_like(draw: Draw, operator: str) -> Case:
    like = draw(st.sampled_from([np.float32, np.int64]))
    return Case(operator, {"x": numbers(draw, sizes(draw))}, {"like": np.zeros(1, like)}, opset=15)


@cases("Range")
def number_range(draw: Draw, operator: str) -> Case:
    # From constants alone it is computed before; as long as an input's axis is, see test_convert_sizes.py.
    bounds = {n: np.array(v, np.float32) for n, v in (("a", 1.0), ("b", draw(st.integers(2, 9))), ("c", 0.5))}
    return Case(operator, {"x": numbers(draw, (3,))}, bounds, order=["a", "b", "c"])


@cases("Concat")
def concat(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    axis = axis_of(draw, len(shape))
    other = list(shape)
    other[axis] = draw(st.integers(1, 3))
    second = numbers(draw, tuple(other))
    attributes = {"axis": axis}
    if draw(st.booleans()):
        return Case(operator, {"a": numbers(draw, shape)}, {"b": second}, attributes=attributes, loose=())
    return Case(operator, {"a": numbers(draw, shape), "b": second}, attributes=attributes, loose=())


@cases("Split")
def split(draw: Draw, operator: str) -> Case:
    parts = [draw(st.integers(1, 3)) for _ in range(draw(st.integers(1, 3)))]
    axis = draw(st.integers(-2, 2))
    shape = [2, 3, 4]
    shape[axis] = sum(parts)
    return Case(
        operator, {"x": numbers(draw, tuple(shape))}, {"s": np.array(parts, np.int64)}, attributes={"axis": axis},
        outputs=len(parts), loose=() if axis in (0, -3) else (0,),
    )  # fmt: skip


@cases("Slice")
def slicing(draw: Draw, operator: str) -> Case:
    shape = tuple(draw(st.integers(3, 6)) for _ in range(draw(st.integers(1, 4))))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, max_size=len(shape), unique=True))
    starts, ends, steps = [], [], []
    for axis in axes:
        step = draw(st.sampled_from([1, 1, 2, -1, -2]))
        first, last = sorted(draw(st.lists(st.integers(0, shape[axis]), min_size=2, max_size=2, unique=True)))
        if step < 0:
            first, last = last - 1, first - 1 if first else draw(st.sampled_from([-(2**31), -100]))
        elif last == shape[axis]:
            last = draw(st.sampled_from([last, 2**63 - 1, 1000]))
        elif draw(st.booleans()):
            last = last - shape[axis]
        starts.append(first)
        ends.append(last)
        steps.append(step)
    held = {n: np.array(v, np.int64) for n, v in (("s", starts), ("e", ends), ("a", axes), ("t", steps))}
    return Case(operator, {"x": numbers(draw, shape)}, held, loose=() if 0 in axes else (0,))


@cases("Gather")
def gather(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    axis = axis_of(draw, len(shape))
    rank = draw(st.integers(0, 2))
    indices = np.random.default_rng(draw(st.integers(0, 99))).integers(0, shape[axis], (2,) * rank)
    low = np.asarray(indices, np.int64)
    if draw(st.booleans()):
        low = np.asarray(low - shape[axis] * draw(st.integers(0, 1)), np.int64)
        return Case(operator, {"x": numbers(draw, shape)}, {"i": low}, attributes={"axis": axis}, loose=())
    if draw(st.booleans()) and rank:
        table = numbers(draw, shape)
        return Case(operator, {"i": low}, {"x": table}, order=["x", "i"], attributes={"axis": axis}, loose=())
    return Case(operator, {"x": numbers(draw, shape)}, {"i": low}, attributes={"axis": axis}, loose=())


@cases("Pad")
def pad(draw: Draw, operator: str) -> Case:
    rank = draw(st.integers(1, 4))
    shape = tuple(draw(st.integers(3, 5)) for _ in range(rank))
    mode = draw(st.sampled_from(["constant", "reflect", "edge", "wrap"]))
    low = -1 if mode == "constant" else 0
    pads = [draw(st.integers(low, 2)) for _ in range(2 * rank)]
    held = {"p": np.array(pads, np.int64)}
    if mode == "constant" and draw(st.booleans()):
        held["v"] = np.array(1.5, np.float32)
    # An axis of any length has its last number wherever it ends.
    open_axes = (rank - 1,) if mode == "edge" else ()
    return Case(operator, {"x": numbers(draw, shape)}, held, attributes={"mode": mode}, opset=19, loose=open_axes)


@cases("Tile")
def tile(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    times = np.array([draw(st.integers(1, 3)) for _ in shape], np.int64)
    return Case(operator, {"x": numbers(draw, shape)}, {"t": times})


@cases("DepthToSpace", "SpaceToDepth")
def blocks(draw: Draw, operator: str) -> Case:
    size = draw(st.integers(2, 3))
    if operator == "DepthToSpace":
        shape = (2, size * size * draw(st.integers(1, 2)), 2, 3)
        return Case(operator, {"x": numbers(draw, shape)}, loose=(0, 3),
                    attributes={"blocksize": size, "mode": draw(st.sampled_from(["DCR", "CRD"]))})  # fmt: skip
    mode = draw(st.sampled_from([{}, {"mode": "DCR"}, {"mode": "CRD"}]))
    return Case(operator, {"x": numbers(draw, (2, 3, 2 * size, size))}, attributes={"blocksize": size} | mode,
                opset=28 if mode else 17)  # fmt: skip


@cases("MatMul")
def mat_mul(draw: Draw, operator: str) -> Case:
    m, k, n = (draw(st.integers(1, 5)) for _ in range(3))
    lead = sizes(draw, 0, 2, 3)
    which = draw(st.sampled_from(["weights", "left", "both", "vector"]))
    if which == "weights":
        return Case(operator, {"a": numbers(draw, (*lead, m, k))}, {"b": numbers(draw, (k, n))})
    if which == "left":
        return Case(
            operator, {"b": numbers(draw, (*lead, k, n))}, {"a": numbers(draw, (m, k))}, order=["a", "b"], loose=()
        )
    if which == "vector":
        return Case(operator, {"a": numbers(draw, (m, k)), "b": numbers(draw, (k,))}, loose=())
    return Case(operator, {"a": numbers(draw, (*lead, m, k)), "b": numbers(draw, (*lead, k, n))}, loose=())


@cases("Gemm")
def gemm(draw: Draw, operator: str) -> Case:
    m, k, n = (draw(st.integers(1, 5)) for _ in range(3))
    left, right = flag(draw), flag(draw)
    a, b = numbers(draw, (k, m) if left else (m, k)), numbers(draw, (n, k) if right else (k, n))
    c = numbers(draw, draw(st.sampled_from([(n,), (1, n), (m, 1), (m, n), ()])))
    given = {"transA": left, "transB": right, "alpha": 0.7, "beta": 1.3}
    if draw(st.booleans()):
        return Case(operator, {"a": a}, {"b": b, "c": c}, attributes=given, loose=())
    return Case(operator, {"a": a, "b": b}, {"c": c}, attributes=given, loose=())


@cases("GRU", "LSTM", "RNN")
def recurrent(draw: Draw, operator: str) -> Case:
    steps, size, hidden = draw(st.integers(1, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    gates = {"GRU": 3, "LSTM": 4, "RNN": 1}[operator]
    direction = draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    count = 2 if direction == "bidirectional" else 1
    batch = 2
    held = {
        "w": numbers(draw, (count, gates * hidden, size), -1, 1),
        "r": numbers(draw, (count, gates * hidden, hidden), -1, 1),
    }
    if draw(st.booleans()):
        held["b"] = numbers(draw, (count, 2 * gates * hidden), -1, 1)
    inputs = {"x": numbers(draw, (steps, batch, size))}
    states = ["h", "c"] if operator == "LSTM" else ["h"]
    given_states = draw(st.sampled_from(["none", "input", "zero"]))
    for name in states:
        state = numbers(draw, (count, batch, hidden), -1, 1)
        if given_states == "input":
            inputs[name] = state
        elif given_states == "zero":
            held[name] = np.zeros_like(state)
    order = ["x", "w", "r", "b" if "b" in held else "", "", *(n if n in inputs or n in held else "" for n in states)]
    attributes: dict[str, Any] = {"hidden_size": hidden, "direction": direction}
    if operator == "GRU":
        attributes["linear_before_reset"] = flag(draw)
    if operator == "RNN":
        attributes["activations"] = [draw(st.sampled_from(["Tanh", "Relu"]))] * count
    outputs = draw(st.integers(1, len(states) + 1))
    dynamic = () if given_states == "input" or "h" in held else (1,)
    return Case(operator, inputs, held, order=order, attributes=attributes, outputs=outputs, opset=14, loose=dynamic)


def places(draw: Draw, shape: tuple[int, ...], size: int) -> Array:
    """Indices of an axis, some counted from its end."""
    random = np.random.default_rng(draw(st.integers(0, 99)))
    return np.asarray(random.integers(-size, size, shape), np.int64)


@cases("GatherElements")
def gather_elements(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    axis = axis_of(draw, len(shape))
    wanted = [draw(st.integers(1, n)) for n in shape]
    wanted[axis] = draw(st.integers(1, 6))
    where = {"i": places(draw, tuple(wanted), shape[axis])}
    given = {"x": numbers(draw, shape)}
    if draw(st.booleans()):
        return Case(operator, given | where, attributes={"axis": axis}, loose=())
    return Case(operator, given, where, attributes={"axis": axis}, loose=())


FOLDS = ["none", "add", "mul", "max", "min"]


@cases("ScatterElements")
def scatter_elements(draw: Draw, operator: str) -> Case:
    shape = sizes(draw, longest=4)
    axis = axis_of(draw, len(shape))
    fold = draw(st.sampled_from(FOLDS))
    wanted = [draw(st.integers(1, n)) for n in shape]
    if fold == "none":  # ONNX does not say which of several wins
        where = np.argsort(np.random.default_rng(draw(st.integers(0, 99))).random(wanted), axis=axis)
    else:
        where = places(draw, tuple(wanted), shape[axis])
    given = {"x": numbers(draw, shape), "u": numbers(draw, tuple(wanted))}
    held = {"i": where.astype(np.int64)}
    return Case(operator, given, held, ["x", "i", "u"], {"axis": axis, "reduction": fold}, opset=18, loose=())


@cases("ScatterND")
def scatter_nd(draw: Draw, operator: str) -> Case:
    shape = sizes(draw, longest=4)
    depth = draw(st.integers(1, len(shape)))
    fold = draw(st.sampled_from(FOLDS))
    all_places = np.stack([a.reshape(-1) for a in np.indices(shape[:depth])], axis=1)
    chosen = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(all_places))[:3]
    chosen = chosen if fold == "none" else np.concatenate([chosen, chosen[:1]])
    held = {"i": all_places[chosen].astype(np.int64)}
    given = {"x": numbers(draw, shape), "u": numbers(draw, (len(chosen), *shape[depth:]))}
    return Case(operator, given, held, ["x", "i", "u"], {"reduction": fold}, opset=18, loose=())


@cases("OneHot")
def one_hot(draw: Draw, operator: str) -> Case:
    shape = sizes(draw, most=3)
    depth = draw(st.integers(1, 5))
    kind = draw(st.sampled_from([np.float32, np.int64]))
    held = {"d": np.array(depth, np.int64), "v": np.array([draw(st.integers(-2, 0)), 3], kind)}
    given = {"i": places(draw, shape, depth + 2)}
    return Case(
        operator, given, held, attributes={"axis": axis_of(draw, len(shape) + 1)}, loose=loose(draw, len(shape))
    )


@cases("Trilu")
def trilu(draw: Draw, operator: str) -> Case:
    shape = sizes(draw, 2)
    held = {"k": np.array(draw(st.integers(-2, 2)), np.int64)} if draw(st.booleans()) else {}
    x = numbers(draw, shape)
    x[..., 0] = -np.inf
    return Case(operator, {"x": x}, held, attributes={"upper": flag(draw)}, loose=loose(draw, len(shape)))


@cases("TopK")
def top_k(draw: Draw, operator: str) -> Case:
    shape = sizes(draw)
    axis = axis_of(draw, len(shape))
    held = {"k": np.array([draw(st.integers(1, shape[axis]))], np.int64)}
    given = {"axis": axis, "largest": flag(draw)}
    x = np.round(numbers(draw, shape))  # with equals, whose order ONNX Runtime decides by their places
    return Case(operator, {"x": x}, held, attributes=given, outputs=2, loose=())


@cases("GridSample")
def grid_sample(draw: Draw, operator: str) -> Case:
    size = [draw(st.integers(1, 5)) for _ in range(2)]
    target = [draw(st.integers(1, 4)) for _ in range(2)]
    given = {
        "mode": draw(st.sampled_from(["linear", "nearest"])), "align_corners": flag(draw),
        "padding_mode": draw(st.sampled_from(["zeros", "border", "reflection"])),
    }  # fmt: skip
    inputs = {"x": numbers(draw, (2, 3, *size)), "g": numbers(draw, (2, *target, 2), -1.7, 1.7)}
    return Case(operator, inputs, attributes=given, opset=20, loose=())


EINSUMS = [
    ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 2, 5)), ("bhij,bhjd->bhid", (2, 3, 4, 5), (2, 3, 5, 2)),
    ("bchw,bkc->bkhw", (2, 3, 4, 5), (2, 6, 3)), ("bnc,kc->bnk", (2, 3, 4), (5, 4)), ("i,j->ij", (3,), (4,)),
    ("...ij,...jk", (2, 3, 4), (2, 4, 5)), ("...ij,jk->...ik", (2, 3, 4), (4, 5)), ("bij->bji", (2, 3, 4)),
    ("bij->b", (2, 3, 4)), ("ij,ij->", (3, 4), (3, 4)), ("bqk,bkd,bd->bqd", (2, 3, 4), (2, 4, 5), (2, 5)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
]  # fmt: skip


@cases("Einsum")
def einsum(draw: Draw, operator: str) -> Case:
    equation, *shapes = draw(st.sampled_from(EINSUMS))
    arrays = {f"x{i}": numbers(draw, shape) for i, shape in enumerate(shapes)}
    held = {"x1": arrays.pop("x1")} if len(arrays) > 1 and draw(st.booleans()) else {}
    order = [f"x{i}" for i in range(len(shapes))]
    return Case(
        operator, arrays, held, order, {"equation": equation}, loose=(0,) if len(arrays) == 1 and not held else ()
    )


@cases("QuantizeLinear", "DequantizeLinear")
def quantised(draw: Draw, operator: str) -> Case:
    shape = (2, 3, 4)
    axis, one = draw(st.integers(1, 2)), draw(st.booleans())
    count = () if one else (shape[axis],)
    kind = draw(st.sampled_from([np.uint8, np.int8])) if operator == "QuantizeLinear" else np.int8
    held = {"s": numbers(draw, count, 0.02, 0.1), "z": numbers(draw, count, 0, 20).astype(kind)}
    x = numbers(draw, shape)
    if operator == "DequantizeLinear":
        return Case(operator, {"x": np.asarray(x * 30, np.int8)}, held, attributes={"axis": axis})
    return Case(operator, {"x": x}, held, attributes={"axis": axis})


@cases("Attention")
def attention(draw: Draw, operator: str) -> Case:
    heads, shared = 4, draw(st.sampled_from([1, 2, 4]))
    queries, keys, size = draw(st.integers(1, 4)), draw(st.integers(2, 5)), 3
    flat = draw(st.booleans())
    attributes: dict[str, Any] = {"is_causal": flag(draw)}
    if flat:
        attributes |= {"q_num_heads": heads, "kv_num_heads": shared}
        shapes = [(2, queries, heads * size), *[(2, keys, shared * size)] * 2]
    else:
        shapes = [(2, heads, queries, size), *[(2, shared, keys, size)] * 2]
    if draw(st.booleans()):
        attributes["scale"] = 0.7
    if draw(st.booleans()):
        attributes["softcap"] = 2.0
    inputs = {name: numbers(draw, shape) for name, shape in zip("qkv", shapes, strict=True)}
    held = {"m": numbers(draw, (queries, keys))} if draw(st.booleans()) else {}
    return Case(operator, inputs, held, attributes=attributes, opset=23, loose=())


@cases("AffineGrid")
def affine_grid(draw: Draw, operator: str) -> Case:
    size = np.array([2, 3, draw(st.integers(2, 5)), draw(st.integers(2, 5))])
    return Case(operator, {"x": numbers(draw, (2, 2, 3))}, {"n": size}, attributes={"align_corners": flag(draw)},
                opset=20, loose=())  # fmt: skip


@cases("CenterCropPad")
def center_crop_pad(draw: Draw, operator: str) -> Case:
    target = np.array([draw(st.integers(1, 7)) for _ in range(2)])
    return Case(operator, {"x": numbers(draw, (2, 3, 4, 5))}, {"n": target}, attributes={"axes": [2, 3]}, opset=18)


@cases("RotaryEmbedding")
def rotary_embedding(draw: Draw, operator: str) -> Case:
    tables = {n: numbers(draw, (9, 4), -1, 1) for n in ("cos", "sin")}
    held = tables | {"p": places(draw, (2, 5), 9) % 9}
    return Case(operator, {"x": numbers(draw, (2, 3, 5, 8))}, held, attributes={"interleaved": flag(draw)},
                opset=23, loose=())  # fmt: skip


@cases("MeanVarianceNormalization", "Shrink")
def defined(draw: Draw, operator: str) -> Case:
    given = {"lambd": 0.8, "bias": 0.3} if operator == "Shrink" else {}
    return Case(operator, {"x": numbers(draw, (2, 3, 4, 5))}, attributes=given)


RESIZES = [
    ("linear", "align_corners", "floor"),
    ("linear", "asymmetric", "floor"),
    ("linear", "half_pixel", "floor"),
    ("linear", "pytorch_half_pixel", "floor"),
    ("nearest", "align_corners", "round_prefer_ceil"),
    ("nearest", "asymmetric", "ceil"),
    ("nearest", "asymmetric", "floor"),
    ("nearest", "half_pixel", "ceil"),
    ("nearest", "half_pixel", "floor"),
    ("nearest", "half_pixel", "round_prefer_ceil"),
    ("nearest", "half_pixel", "round_prefer_floor"),
    ("nearest", "tf_half_pixel_for_nn", "floor"),
]
# Those that TensorFlow.js does for any size, by whole multiples.
AT_ANY_SIZE = [r for r in RESIZES if r[0] == "linear" or "prefer" in r[2] or r[1:] == ("asymmetric", "floor")]


@cases("Resize")
def resize(draw: Draw, operator: str) -> Case:
    mode, where, rounding = draw(st.sampled_from(RESIZES))
    shape = (2, 3, draw(st.integers(2, 4)), draw(st.integers(2, 4)))
    times = draw(st.integers(2, 3))
    given = {"mode": mode, "coordinate_transformation_mode": where, "nearest_mode": rounding}
    if draw(st.booleans()):
        by = draw(st.sampled_from([times, 0.65, 1.3])) if where != "align_corners" or mode == "linear" else times
        scales = np.array([1, 1, by, by], np.float32)
        if (np.floor(np.array(shape) * scales) < 1).any():
            scales[:] = 1
        return Case(
            operator, {"x": numbers(draw, shape)}, {"s": scales}, order=["x", "", "s"], attributes=given, opset=13,
            loose=(0,) if (mode, where, rounding) in AT_ANY_SIZE and by == times else (),
        )  # fmt: skip
    target = [shape[2] * times, shape[3] * times]
    if mode == "linear" or draw(st.booleans()):
        target = [draw(st.integers(2, 9)), draw(st.integers(2, 9))]
    full = np.array([*shape[:2], *target], np.int64)
    return Case(
        operator,
        {"x": numbers(draw, shape)},
        {"n": full},
        order=["x", "", "", "n"],
        attributes=given,
        opset=13,
        loose=(),
    )


RUNTIME = tuple(map(int, onnxruntime.__version__.split(".")[:2]))
# The registered operators that this release of onnx knows, in the order of their cases.
KNOWN = [
    e.operator
    for name in CASES
    for e in registry.entries()
    if e.operator == name and (e.domain or e.since <= onnx.defs.onnx_opset_version())
]


def judged(case: Case) -> bool:
    """Whether the installed releases of onnx and ONNX Runtime can tell what is right."""
    given = case.attributes
    if RUNTIME < (1, 22) and given.get("ceil_mode"):
        return False  # they pooled beyond the picture's end
    if "SAME" in given.get("auto_pad", "") and any(np.greater(given["strides"], given["kernel_shape"])):
        # Strides wider than the kernel are padding below zero to it: computed wrongly before 1.32, since then refused.
        return case.operator == "ConvTranspose" and RUNTIME >= (1, 32)
    return case.opset <= onnx.defs.onnx_opset_version()


def made(operator: str) -> st.SearchStrategy[Case]:
    """A strategy of an operator's cases."""
    return st.composite(lambda draw: CASES[operator](draw, operator))().filter(judged)


def test_every_operator_has_cases() -> None:
    assert operators.FAMILIES
    registered = {e.operator for e in registry.entries()}
    assert registered == set(CASES)


FEW = settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck), derandomize=True)


KERNELS = json.loads((SOURCES / "kernels.json").read_text("utf-8"))


def test_the_interpreter_and_the_runtime_know_the_same_operators() -> None:
    assert set(KERNELS["operators"]) == {*OPERATORS, "Const", "Placeholder"}, (
        "interpreter.py's table and 'operators' in web/runtime/kernels.json name different TensorFlow.js operators"
    )


@pytest.mark.parametrize("operator", KNOWN)
def test_what_an_operator_becomes_is_known_everywhere(operator: str, tmp_path: Path) -> None:
    @FEW
    @given(made(operator))
    def run(case: Case) -> None:
        path = tmp_path / "one.onnx"
        path.write_bytes(case.model().SerializeToString())
        written = set(emit_graph(OnnxFile(path), ()).operators) - {"Const", "Placeholder"}
        assert written <= set(OPERATORS), f"add {written - set(OPERATORS)} to interpreter.py"
        assert written <= set(KERNELS["operators"]), (
            f"add {written - set(KERNELS['operators'])} to 'operators' in web/runtime/kernels.json, with their kernels"
        )

    run()


@pytest.mark.parametrize("operator", KNOWN)
def test_an_operator_gives_what_onnx_runtime_gives(operator: str, compare: Any) -> None:
    @settings(FEW, max_examples=25)
    @given(made(operator))
    def run(case: Case) -> None:
        compare(case)

    run()


# What becomes of an operator needs one that LiteRT lacks, in all of its cases.
NOT_LITE = {
    "Acos", "Acosh", "AffineGrid", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "Attention", "Cast",
    "CastLike", "Celu", "Cosh", "CumSum", "DepthToSpace", "DequantizeLinear", "Equal", "Erf", "GatherElements",
    "Greater", "GreaterOrEqual", "GridSample", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Mish", "Mod",
    "Not", "OneHot", "Or", "Pow", "QuantizeLinear", "Reciprocal", "ScatterElements", "ScatterND", "Selu",
    "Shrink", "Sign", "Sinh", "Softplus", "Tan", "ThresholdedRelu", "TopK", "Trilu", "Where", "Xor",
}  # fmt: skip


@pytest.mark.parametrize("operator", sorted(set(KNOWN) - NOT_LITE))
def test_an_operator_gives_the_same_in_litert(operator: str, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    ran = 0

    @settings(FEW)
    @given(made(operator))
    def run(case: Case) -> None:
        nonlocal ran
        path = tmp_path / "one.onnx"
        path.write_bytes(case.model().SerializeToString())
        file = OnnxFile(path)
        try:
            wanted = OnnxRuntime(file).run(case.inputs)
        except ConversionError:  # windows of one pixel that skip some, padded automatically
            return
        graph = emit(file, {name: np.array([array.shape], np.int64) for name, array in case.inputs.items()})
        if set(graph.operators) - set(TRANSLATIONS) - {"Const", "Placeholder"}:
            return
        (tmp_path / "one.tflite").write_bytes(translate(graph, {}, "one").to_bytes())
        (got,) = LiteRtRuntime().run(tmp_path / "one.tflite", [{safe_name(n): a for n, a in case.inputs.items()}])
        for name, expected in wanted.items():
            assert got[safe_name(name)].shape == expected.shape
            np.testing.assert_allclose(got[safe_name(name)], expected, rtol=1e-4, atol=1e-4)
        ran += 1

    run()
    assert ran


@pytest.mark.browser
@pytest.mark.parametrize("operator", KNOWN)
def test_an_operator_gives_the_same_in_tensorflow_js(operator: str, compare: Any, tfjs: Any) -> None:
    @settings(FEW)
    @given(made(operator))
    def run(case: Case) -> None:
        compare(case, runtime=tfjs)

    run()
