"""Elementwise operators of one input."""

import math

import numpy as np

from linelet_convert.registry import converter
from linelet_convert.tfgraph import Dtype, Tensor
from linelet_convert.values import Emitter, OnnxNode, Value

# ONNX operator -> (TensorFlow.js operator, since).
_PLAIN = {
    "Abs": ("Abs", 6),
    "Acos": ("Acos", 7),
    "Acosh": ("Acosh", 9),
    "Asin": ("Asin", 7),
    "Asinh": ("Asinh", 9),
    "Atan": ("Atan", 7),
    "Atanh": ("Atanh", 9),
    "Ceil": ("Ceil", 6),
    "Cos": ("Cos", 7),
    "Cosh": ("Cosh", 9),
    "Erf": ("Erf", 9),
    "Exp": ("Exp", 6),
    "Floor": ("Floor", 6),
    "Log": ("Log", 6),
    "Neg": ("Neg", 6),
    "Reciprocal": ("Reciprocal", 6),
    "Round": ("Round", 11),
    "Sign": ("Sign", 9),
    "Sin": ("Sin", 7),
    "Sinh": ("Sinh", 9),
    "Sqrt": ("Sqrt", 6),
    "Tan": ("Tan", 7),
    "Tanh": ("Tanh", 6),
}


def elementwise(x: Value, g: Emitter, op: str, **attributes: float) -> Value:
    """One TensorFlow.js node on the value as it is stored."""
    return g.like(g.unary(op, _tensor(x, g), **attributes), x, x.dtype)


def _tensor(x: Value, g: Emitter) -> Tensor:
    return g.stored(x, x.order) if x.tensor is not None else g.stored(x)


def scaled(g: Emitter, x: Tensor, factor: float, summand: float) -> Tensor:
    """x * factor + summand, float32."""
    if factor != 1:
        x = g.binary("Mul", x, g.scalar(factor, "float32"))
    return g.binary("AddV2", x, g.scalar(summand, "float32")) if summand else x


def clipped(g: Emitter, x: Tensor, low: float, high: float) -> Tensor:
    """x within low and high, float32."""
    return g.node("ClipByValue", [x, g.scalar(low, "float32"), g.scalar(high, "float32")], x.shape)


def _register(onnx_operator: str, op: str, since: int) -> None:
    @converter(onnx_operator, since=since)
    def convert(node: OnnxNode, g: Emitter) -> Value:
        return elementwise(node.input(0), g, op)


for _name, (_op, _since) in _PLAIN.items():
    _register(_name, _op, _since)


@converter("Identity", since=1)
def _identity(node: OnnxNode, g: Emitter) -> Value:
    return _same(node.input(0), g)


def _same(x: Value, g: Emitter) -> Value:
    return g.view(Value(x.shape, x.dtype, x.known, x.tensor, x.order, padded=x.padded if x.uses == 1 else None), x)


@converter("Dropout", since=1, restrictions="training; the output of the mask")
def _dropout(node: OnnxNode, g: Emitter) -> Value:
    training = node.optional(2)
    if node.outputs > 1 or (training is not None and (training.constant is None or training.constant.any())):
        node.refuse("is in training mode; export in evaluation mode")
    return _same(node.input(0), g)


@converter("Sigmoid", since=6)
def _sigmoid(node: OnnxNode, g: Emitter) -> Value:
    # Not fused: a sigmoid's own node is as quick, and x * sigmoid(x) needs both.
    return elementwise(node.input(0), g, "Sigmoid")


@converter("Relu", since=6)
def _relu(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    return g.activate(x, "Relu") or elementwise(x, g, "Relu")


@converter("LeakyRelu", since=6)
def _leaky_relu(node: OnnxNode, g: Emitter) -> Value:
    x, alpha = node.input(0), node.attribute("alpha", 0.01)
    return g.activate(x, "LeakyRelu", alpha) or elementwise(x, g, "LeakyRelu", alpha=alpha)


@converter("Clip", since=6)
def _clip(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    given = [node.optional(i) for i in (1, 2)]
    if x.dtype != "float32" or any(v is not None and v.constant is None for v in given):
        return _clip_by_values(g, x, given)
    bounds = [node.attribute("min", -math.inf), node.attribute("max", math.inf)]
    for i in (1, 2):
        if node.optional(i) is not None:
            bounds[i - 1] = float(node.constant(i, "a bound").reshape(-1)[0])
    low, high = bounds
    if (low, high) == (0, 6):
        return g.activate(x, "Relu6") or elementwise(x, g, "Relu6")
    if (low, high) == (0, math.inf):
        return g.activate(x, "Relu") or elementwise(x, g, "Relu")
    limit = float(np.finfo(np.float32).max)
    low, high = max(low, -limit), min(high, limit)
    return g.like(clipped(g, _tensor(x, g), min(low, high), high), x)


def _clip_by_values(g: Emitter, x: Value, bounds: list[Value | None]) -> Value:
    """Clip integers, or by bounds that are computed while the network runs."""
    tensor = _tensor(x, g)
    for op, bound in zip(("Maximum", "Minimum"), bounds, strict=True):
        if bound is not None:
            tensor = g.binary(op, tensor, g.stored(bound))
    return g.like(tensor, x, x.dtype)


@converter("Elu", since=6)
def _elu(node: OnnxNode, g: Emitter) -> Value:
    x, alpha = node.input(0), node.attribute("alpha", 1.0)
    if alpha == 1:
        return elementwise(x, g, "Elu")
    return _exponential(g, x, alpha, 1.0, 1.0)


@converter("Celu", since=12)
def _celu(node: OnnxNode, g: Emitter) -> Value:
    alpha = node.attribute("alpha", 1.0)
    return _exponential(g, node.input(0), alpha, 1.0, alpha)


@converter("Selu", since=6)
def _selu(node: OnnxNode, g: Emitter) -> Value:
    return _exponential(
        g, node.input(0), node.attribute("alpha", 1.6732631921768188), node.attribute("gamma", 1.0507010221481323), 1.0
    )


def _exponential(g: Emitter, x: Value, alpha: float, gamma: float, divisor: float) -> Value:
    """gamma * (max(x, 0) + alpha * (exp(min(x, 0) / divisor) - 1))."""
    tensor = _tensor(x, g)
    low = g.binary("Minimum", tensor, g.scalar(0.0, "float32"))
    curve = g.unary("Expm1", scaled(g, low, 1 / divisor, 0))
    total = g.binary("AddV2", g.unary("Relu", tensor), scaled(g, curve, alpha, 0))
    return g.like(scaled(g, total, gamma, 0), x)


@converter("PRelu", since=7, restrictions="slopes computed at run time")
def _prelu(node: OnnxNode, g: Emitter) -> Value:
    x, slope = node.input(0), node.constant(1, "the slope")
    tensor = _tensor(x, g)
    order = x.order or tuple(range(x.rank))
    full = slope.reshape((1,) * (x.rank - slope.ndim) + slope.shape).transpose(order).astype(np.float32)
    low = g.binary("Mul", g.binary("Minimum", tensor, g.scalar(0.0, "float32")), g.constant(full))
    return g.value(g.binary("AddV2", g.unary("Relu", tensor), low), order)


@converter("HardSigmoid", since=6)
def _hard_sigmoid(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    line = scaled(g, _tensor(x, g), node.attribute("alpha", 0.2), node.attribute("beta", 0.5))
    return g.like(clipped(g, line, 0.0, 1.0), x)


@converter("HardSwish", since=14)
def _hard_swish(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    tensor = _tensor(x, g)
    gate = g.unary("Relu6", scaled(g, tensor, 1.0, 3.0))
    return g.like(g.binary("Mul", tensor, scaled(g, gate, 1 / 6, 0)), x)


@converter("Swish", since=24)
def _swish(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    tensor = _tensor(x, g)
    gate = g.unary("Sigmoid", scaled(g, tensor, node.attribute("alpha", 1.0), 0))
    return g.like(g.binary("Mul", tensor, gate), x)


@converter("Mish", since=18)
def _mish(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    tensor = _tensor(x, g)
    return g.like(g.binary("Mul", tensor, g.unary("Tanh", _softplus(g, tensor))), x)


@converter("Softplus", since=1)
def _convert_softplus(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    return g.like(_softplus(g, _tensor(x, g)), x)


def _softplus(g: Emitter, x: Tensor) -> Tensor:
    # max(x, 0) + log(1 + exp(-|x|)): TensorFlow.js's own Softplus loses digits for large x.
    rest = g.unary("Log1p", g.unary("Exp", g.unary("Neg", g.unary("Abs", x))))
    return g.binary("AddV2", g.unary("Relu", x), rest)


@converter("Softsign", since=1)
def _softsign(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    tensor = _tensor(x, g)
    return g.like(g.binary("RealDiv", tensor, scaled(g, g.unary("Abs", tensor), 1.0, 1.0)), x)


@converter("ThresholdedRelu", since=10)
def _thresholded_relu(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    tensor = _tensor(x, g)
    mask = g.binary("Greater", tensor, g.scalar(node.attribute("alpha", 1.0), "float32"), "bool")
    return g.like(g.binary("Mul", tensor, g.node("Cast", [mask], mask.shape, DstT=Dtype("DT_FLOAT"))), x)


@converter("Gelu", since=20)
def _gelu(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    tensor = _tensor(x, g)
    if node.attribute("approximate", "none") == "tanh":
        cube = g.binary("Mul", g.unary("Square", tensor), tensor)
        inner = g.binary("AddV2", tensor, scaled(g, cube, 0.044715, 0))
        gate = g.unary("Tanh", scaled(g, inner, math.sqrt(2 / math.pi), 0))
    else:
        gate = g.unary("Erf", scaled(g, tensor, math.sqrt(0.5), 0))
    return g.like(g.binary("Mul", tensor, scaled(g, gate, 0.5, 0.5)), x)


@converter("IsNaN", since=9)
def _is_nan(node: OnnxNode, g: Emitter) -> Value:
    x = node.input(0)
    tensor = _tensor(x, g)
    return g.like(g.node("IsNan", [tensor], tensor.shape, "bool"), x)


@converter("Not", since=1)
def _logical_not(node: OnnxNode, g: Emitter) -> Value:
    return elementwise(node.input(0), g, "LogicalNot")
