"""Runs a written TensorFlow.js graph model in numpy: the check of a conversion where Node is missing.

It reads the files (model.json, shards) and nothing else, so that it checks what was written rather than what was meant.
Its own oracle is TensorFlow.js: the tests run both on the same files.
"""

import base64
import json
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from linelet_common.errors import ConversionError
from linelet_convert.tfgraph import Array
from linelet_convert.tfjs import restore

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A node that is about to run. inputs: their names; arguments: the inputs themselves, of each run."""

    op: str
    attributes: Attributes
    inputs: list[str]
    arguments: list[list[Array]]


class Interpreter:
    """A graph model, loaded. ``run`` feeds its inputs by name and returns its outputs by name.

    Raises ConversionError naming the operators that Linelet's own converter never writes.
    """

    def __init__(self, path: Path) -> None:
        model = json.loads(path.read_text(encoding="utf-8"))
        self.signature = model["signature"]
        self._nodes = [
            (n["name"], n["op"], n.get("input", []), {k: _value(v) for k, v in n.get("attr", {}).items()})
            for n in model["modelTopology"]["node"]
        ]
        unknown = {op for _, op, _, _ in self._nodes} - {"Const", "Placeholder", *OPERATORS}
        if unknown:
            names = ", ".join(sorted(unknown))
            raise ConversionError(
                f"{path.name} has {names}, which only TensorFlow.js itself can check; install Node 20", place=path.name
            )
        self._weights: dict[str, Array] = {}
        for group in model["weightsManifest"]:
            blob = b"".join((path.parent / shard).read_bytes() for shard in group["paths"])
            offset = 0
            for spec in group["weights"]:
                kind = spec.get("quantization", {}).get("dtype", spec["dtype"])
                size = math.prod(spec["shape"]) * {"float32": 4, "int32": 4, "float16": 2, "uint8": 1, "bool": 1}[kind]
                self._weights[spec["name"]] = restore(blob[offset : offset + size], spec)
                offset += size
            if offset != len(blob):
                raise ValueError(f"{path}: shards hold {len(blob)} bytes, the manifest wants {offset}")
        self.readers: dict[str, int] = {}
        for _, _, inputs, _ in self._nodes:
            for reference in inputs:
                name = reference.partition(":")[0]
                self.readers[name] = self.readers.get(name, 0) + 1

    def run(self, feeds: dict[str, Array]) -> dict[str, Array]:
        """Outputs for inputs; arrays are released as soon as nothing needs them."""
        walk = self.walk([feeds])
        while True:
            try:
                next(walk)
            except StopIteration as end:
                outputs: list[dict[str, Array]] = end.value
                return outputs[0]

    def walk(self, feeds: Sequence[dict[str, Array]]) -> Generator[Step, None, list[dict[str, Array]]]:
        """Run several inputs side by side, and stop before each node: who looks on may put other inputs into it."""
        values: list[dict[str, list[Array]]] = [{} for _ in feeds]
        left = dict(self.readers)
        outputs = {key: info["name"].partition(":")[0] for key, info in self.signature["outputs"].items()}
        kept = set(outputs.values())
        for name, op, inputs, attributes in self._nodes:
            if op in ("Const", "Placeholder"):
                for own, given in zip(values, feeds, strict=True):
                    own[name] = [self._weights[name] if op == "Const" else given[name]]
                continue
            places = [(source, int(index or 0)) for source, _, index in (i.partition(":") for i in inputs)]
            step = Step(op, attributes, inputs, [[own[source][index] for source, index in places] for own in values])
            yield step
            with np.errstate(all="ignore"):
                for own, arguments in zip(values, step.arguments, strict=True):
                    result = OPERATORS[op](attributes, *arguments)
                    own[name] = result if isinstance(result, list) else [result]
            for source, _ in places:
                left[source] -= 1
                if not left[source] and source not in kept:
                    for own in values:
                        del own[source]
        return [{key: own[name][0] for key, name in outputs.items()} for own in values]


def _value(attribute: dict[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "i":
        return int(value)
    if kind == "s":
        return base64.b64decode(value).decode()
    if kind == "list":
        return (
            [int(v) for v in value["i"]] if "i" in value else [base64.b64decode(v).decode() for v in value.get("s", [])]
        )
    if kind == "shape":
        return [int(d["size"]) for d in value["dim"]]
    return value


def _fused(attributes: Attributes, y: Array, extra: tuple[Array, ...]) -> Array:
    names = attributes.get("fused_ops", [])
    if "BiasAdd" in names:
        y += extra[0]
    activation = names[-1] if names else ""
    if activation == "Relu":
        return np.maximum(y, 0, out=y)
    if activation == "Relu6":
        return np.clip(y, 0, 6, out=y)
    if activation == "LeakyRelu":
        return np.where(y < 0, y * np.float32(attributes["leakyrelu_alpha"]), y)
    return y


def _geometry(
    attributes: Attributes, x: Array, kernel: tuple[int, int]
) -> tuple[Array, int, int, list[int], list[int]]:
    """Padded input, height and width of the result, strides and dilations."""
    strides, dilations = attributes["strides"][1:3], attributes.get("dilations", [1, 1, 1, 1])[1:3]
    padding = attributes["padding"]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if padding == "EXPLICIT":
        flat = attributes["explicit_paddings"]
        x = np.pad(x, [(flat[2 * i], flat[2 * i + 1]) for i in range(4)])
    height, width = ((x.shape[1 + i] - reach[i]) // strides[i] + 1 for i in range(2))
    return x, height, width, strides, dilations


def patches(attributes: Attributes, x: Array, kernel: tuple[int, int]) -> Array:
    """What a convolution multiplies its filters (h, w, C, M) with: (positions, h * w * C)."""
    x, height, width, strides, dilations = _geometry(attributes, x, kernel)
    windows = [_window(x, i, j, height, width, strides, dilations) for i in range(kernel[0]) for j in range(kernel[1])]
    return np.stack(windows, axis=3).reshape(-1, kernel[0] * kernel[1] * x.shape[3])


def _conv(attributes: Attributes, x: Array, filters: Array, *extra: Array) -> Array:
    kh, kw, _, count = filters.shape
    x, height, width, strides, dilations = _geometry(attributes, x, (kh, kw))
    y = np.zeros((x.shape[0], height, width, count), np.float32)
    for i in range(kh):
        for j in range(kw):
            y += _window(x, i, j, height, width, strides, dilations) @ filters[i, j]
    return _fused(attributes, y, extra)


def _depthwise(attributes: Attributes, x: Array, filters: Array, *extra: Array) -> Array:
    kh, kw, channels, multiplier = filters.shape
    x, height, width, strides, dilations = _geometry(attributes, x, (kh, kw))
    y = np.zeros((x.shape[0], height, width, channels, multiplier), np.float32)
    for i in range(kh):
        for j in range(kw):
            y += _window(x, i, j, height, width, strides, dilations)[..., None] * filters[i, j]
    return _fused(attributes, y.reshape(*y.shape[:3], channels * multiplier), extra)


def _window(x: Array, i: int, j: int, height: int, width: int, strides: list[int], dilations: list[int]) -> Array:
    """The pixels that kernel position (i, j) sees."""
    top, left = i * dilations[0], j * dilations[1]
    return x[
        :,
        top : top + (height - 1) * strides[0] + 1 : strides[0],
        left : left + (width - 1) * strides[1] + 1 : strides[1],
    ]


def _pool(attributes: Attributes, x: Array, maximum: bool) -> Array:
    kernel, strides = attributes["ksize"][1:3], attributes["strides"][1:3]
    fill = -np.inf if maximum else np.nan
    if attributes["padding"] == "SAME":
        pads = []
        for i in range(2):
            size = x.shape[1 + i]
            total = max((-(-size // strides[i]) - 1) * strides[i] + kernel[i] - size, 0)
            pads.append((total // 2, total - total // 2))
        x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    height, width = ((x.shape[1 + i] - kernel[i]) // strides[i] + 1 for i in range(2))
    windows = [_window(x, i, j, height, width, strides, [1, 1]) for i in range(kernel[0]) for j in range(kernel[1])]
    if maximum:
        return np.asarray(np.maximum.reduce(windows))
    # Padding does not count: it is NaN and left out of sum and number.
    total = sum(np.nan_to_num(w, nan=0.0) for w in windows)
    return np.asarray(total / sum((~np.isnan(w)).astype(np.float32) for w in windows), dtype=np.float32)


def _refuse(condition: bool, what: str) -> None:
    """numpy does more than TensorFlow.js: what one of its backends gets wrong must not pass the check here."""
    if condition:
        raise ConversionError(
            f"the converted graph {what}, which not every TensorFlow.js backend can; please report it"
        )


def _reverse(attributes: Attributes, x: Array, axes: Array) -> Array:
    _refuse(x.dtype == np.bool_, "reverses booleans")
    return np.flip(x, tuple(axes))


def _gather(attributes: Attributes, x: Array, where: Array, axis: Array) -> Array:
    _refuse(bool(where.size and where.min() < 0), "gathers by negative indices")
    return np.asarray(x.take(where, int(axis)))


def _slice(attributes: Attributes, x: Array, begin: Array, size: Array) -> Array:
    _refuse(bool((begin + size > x.shape).any()), f"takes {size.tolist()} of {list(x.shape)} from {begin.tolist()}")
    return x[tuple(slice(int(b), int(b) + int(s)) for b, s in zip(begin, size, strict=True))]


def _strided_slice(attributes: Attributes, x: Array, begin: Array, end: Array, strides: Array) -> Array:
    _refuse(x.dtype != np.float32, f"takes a strided slice of {x.dtype}")
    parts = []
    for axis in range(len(begin)):
        first = None if attributes["begin_mask"] >> axis & 1 else int(begin[axis])
        last = None if attributes["end_mask"] >> axis & 1 else int(end[axis])
        parts.append(slice(first, last, int(strides[axis])))
    return x[tuple(parts)]


def _split(attributes: Attributes, x: Array, sizes: Array, axis: Array) -> list[Array]:
    return np.split(x, np.cumsum(sizes)[:-1], axis=int(axis))


def _reduce(function: Callable[..., Any]) -> Callable[..., Array]:
    def run(attributes: Attributes, x: Array, axes: Array) -> Array:
        where = tuple(int(a) for a in np.atleast_1d(axes))
        return np.asarray(function(x, axis=where, keepdims=bool(attributes.get("keep_dims")))).astype(x.dtype)

    return run


def _softmax(attributes: Attributes, x: Array) -> Array:
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _cumsum(attributes: Attributes, x: Array, axis: Array) -> Array:
    a = int(axis)
    x = np.flip(x, a) if attributes["reverse"] else x
    y = np.cumsum(x, axis=a, dtype=x.dtype)
    y = y - x if attributes["exclusive"] else y
    return np.flip(y, a) if attributes["reverse"] else y


def _depth_to_space(attributes: Attributes, x: Array) -> Array:
    n, h, w, c = x.shape
    size = attributes["block_size"]
    blocks = x.reshape(n, h, w, size, size, c // size**2).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, h * size, w * size, -1)


def _positions(attributes: Attributes, count: int, size: int) -> Array:
    """Where the pixels of a resized axis lie in the old one."""
    index = np.arange(size, dtype=np.float32)
    if attributes["align_corners"] and size > 1:
        return np.asarray(index * np.float32((count - 1) / (size - 1)))
    scale = np.float32(count / size)
    return np.asarray(
        (index + np.float32(0.5)) * scale - np.float32(0.5) if attributes["half_pixel_centers"] else index * scale
    )


def _bilinear(attributes: Attributes, x: Array, size: Array) -> Array:
    for axis in (1, 2):
        count = x.shape[axis]
        at = np.clip(_positions(attributes, count, int(size[axis - 1])), 0, count - 1)
        low = np.floor(at).astype(np.int64)
        share = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(4)])
        x = x.take(low, axis) * (1 - share) + x.take(np.minimum(low + 1, count - 1), axis) * share
    return x


def _nearest(attributes: Attributes, x: Array, size: Array) -> Array:
    for axis in (1, 2):
        at = _positions(attributes, x.shape[axis], int(size[axis - 1]))
        where = np.round(at) if attributes["align_corners"] else np.floor(at)
        x = x.take(np.clip(where, 0, x.shape[axis] - 1).astype(np.int64), axis)
    return x


def _erf(attributes: Attributes, x: Array) -> Array:
    """Abramowitz and Stegun 7.1.26, as TensorFlow.js has it: within 1.5e-7. math.erf takes one number at a time."""
    size = np.abs(x.astype(np.float64))
    t = 1 / (1 + 0.3275911 * size)
    series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return np.asarray(np.sign(x) * (1 - series * np.exp(-size * size)), dtype=np.float32)


def _unary(function: Callable[[Any], Any]) -> Callable[..., Array]:
    return lambda attributes, x: np.asarray(function(x)).astype(x.dtype, copy=False)


def _binary(function: Callable[[Any, Any], Any]) -> Callable[..., Array]:
    return lambda attributes, a, b: np.asarray(function(a, b))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


_TYPES = {"DT_FLOAT": np.float32, "DT_INT32": np.int32, "DT_BOOL": np.bool_}

OPERATORS: dict[str, Callable[..., Array | list[Array]]] = {
    "_FusedConv2D": _conv,
    "Conv2D": _conv,
    "FusedDepthwiseConv2dNative": _depthwise,
    "MaxPool": lambda a, x: _pool(a, x, True),
    "AvgPool": lambda a, x: _pool(a, x, False),
    "MatMul": lambda a, x, y: x @ (y.T if a["transpose_b"] else y),
    "BatchMatMulV2": lambda a, x, y: x @ (y.swapaxes(-1, -2) if a["adj_y"] else y),
    "Reshape": lambda a, x, shape: x.reshape(shape),
    "Squeeze": lambda a, x: x.squeeze(tuple(a["squeeze_dims"])),
    "ExpandDims": lambda a, x, axis: np.expand_dims(x, int(axis)),
    "Transpose": lambda a, x, order: x.transpose(order),
    "ReverseV2": _reverse,
    "ConcatV2": lambda a, *x: np.concatenate(x[:-1], axis=int(x[-1])),
    "SplitV": _split,
    "Split": lambda a, axis, x: np.split(x, a["num_split"], axis=int(axis)),
    "Slice": _slice,
    "StridedSlice": _strided_slice,
    "GatherNd": lambda a, x, where: x[tuple(np.moveaxis(where, -1, 0))],
    "FusedBatchNormV3": lambda a, x, scale, offset, mean, variance: (
        (x - mean) * scale / np.sqrt(variance + np.float32(a["epsilon"])) + offset
    ),
    "GatherV2": _gather,
    "Tile": lambda a, x, times: np.tile(x, times),
    "Fill": lambda a, shape, value: np.full(shape, value),
    "Shape": lambda a, x: np.array(x.shape, np.int32),
    "PadV2": lambda a, x, pads, value: np.pad(x, pads, constant_values=value),
    "MirrorPad": lambda a, x, pads: np.pad(x, pads, mode="reflect"),
    "DepthToSpace": _depth_to_space,
    "ResizeBilinear": _bilinear,
    "ResizeNearestNeighbor": _nearest,
    "Cast": lambda a, x: (
        np.trunc(x).astype(np.int32) if a["DstT"] == "DT_INT32" and x.dtype.kind == "f" else x.astype(_TYPES[a["DstT"]])
    ),
    "SelectV2": lambda a, c, x, y: np.asarray(np.where(c, x, y)),
    "ClipByValue": lambda a, x, low, high: np.clip(x, low, high),
    "Softmax": _softmax,
    "Cumsum": _cumsum,
    "ArgMax": lambda a, x, axis: x.argmax(int(axis)).astype(np.int32),
    "ArgMin": lambda a, x, axis: x.argmin(int(axis)).astype(np.int32),
    "Mean": _reduce(np.mean),
    "Sum": _reduce(np.sum),
    "Max": _reduce(np.max),
    "Min": _reduce(np.min),
    "Prod": _reduce(np.prod),
    "Identity": _unary(lambda x: x),
    "ZerosLike": _unary(np.zeros_like),
    "OnesLike": _unary(np.ones_like),
    "LogicalNot": _unary(np.logical_not),
    "Erf": _erf,
    "Relu": _unary(lambda x: np.maximum(x, 0)),
    "Relu6": _unary(lambda x: np.clip(x, 0, 6)),
    "Elu": _unary(lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    "LeakyRelu": lambda a, x: np.where(x < 0, x * np.float32(a["alpha"]), x),
    "Sigmoid": _unary(_sigmoid),
    "Rsqrt": _unary(lambda x: 1 / np.sqrt(x)),
    "Reciprocal": _unary(lambda x: 1 / x),
    "IsNan": lambda a, x: np.isnan(x),
    "Neg": _unary(np.negative),
    "Round": _unary(np.rint),
    "Acos": _unary(np.arccos),
    "Acosh": _unary(np.arccosh),
    "Asin": _unary(np.arcsin),
    "Asinh": _unary(np.arcsinh),
    "Atan": _unary(np.arctan),
    "Atanh": _unary(np.arctanh),
    **{
        name: _unary(getattr(np, name.lower()))
        for name in (
            "Abs",
            "Ceil",
            "Cos",
            "Cosh",
            "Exp",
            "Expm1",
            "Floor",
            "Log",
            "Log1p",
            "Sign",
            "Sin",
            "Sinh",
            "Sqrt",
            "Square",
            "Tan",
            "Tanh",
        )
    },
    "AddV2": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "RealDiv": _binary(np.divide),
    "FloorDiv": _binary(np.floor_divide),
    "Pow": _binary(np.power),
    "Maximum": _binary(np.maximum),
    "Minimum": _binary(np.minimum),
    "Equal": _binary(np.equal),
    "NotEqual": _binary(np.not_equal),
    "Greater": _binary(np.greater),
    "GreaterEqual": _binary(np.greater_equal),
    "Less": _binary(np.less),
    "LessEqual": _binary(np.less_equal),
    "LogicalAnd": _binary(np.logical_and),
    "LogicalOr": _binary(np.logical_or),
}
