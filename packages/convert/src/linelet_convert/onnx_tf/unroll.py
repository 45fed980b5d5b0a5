"""ONNX -> ONNX with every GRU and LSTM unrolled into Split, MatMul, Add, Mul, Sigmoid and Tanh, at one input width.

onnx-tf refuses PyTorch's GRU and turns two-layer LSTMs into something else without a word; of these operators it makes
what they are.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_convert.onnxfile import OnnxFile, describe
from linelet_convert.tfgraph import Array

OPSET = 12
# What opset 13 made an input of.
_NOW_INPUTS = {"Squeeze": "axes", "Unsqueeze": "axes", "ReduceSum": "axes", "Split": "split"}
_GATES = {"GRU": 3, "LSTM": 4}


class _Nodes:
    """Nodes and constants being added; methods return the name of what they make."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.held: list[TensorProto] = []

    def constant(self, array: Array) -> str:
        name = f"{self.prefix}/c{len(self.held)}"
        self.held.append(numpy_helper.from_array(array, name))
        return name

    def make(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"{self.prefix}/{len(self.nodes)}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, names[0], **attributes))
        return names

    def one(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.make(operator, *inputs, **attributes)[0]

    def split(self, value: str, sizes: Sequence[int], axis: int) -> list[str]:
        return self.make("Split", value, outputs=len(sizes), axis=axis, split=list(sizes))


def unrolled(file: OnnxFile, width: int) -> onnx.ModelProto:
    """The model for one width (0: as the file says), in opset 12.

    Raises ConversionError for axes computed at run time and for a recurrence that is not as PyTorch exports it.
    """
    model = _lowered(file)
    if width:
        given = next(i for i in model.graph.input if i.name == file.inputs[0].name)
        given.type.tensor_type.shape.dim[-1].dim_value = width
    known = onnx.shape_inference.infer_shapes(model)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in known.graph.value_info}
    zeros = {o for n in model.graph.node if n.op_type == "ConstantOfShape" and not _fill(n).any() for o in n.output}
    zeros |= {name for name, array in file.initializers.items() if not array.any()}
    nodes: list[onnx.NodeProto] = []
    for number, node in enumerate(model.graph.node):
        merged = _merged(node, f"merged{number}", shapes) if node.op_type == "Reshape" else None
        if merged:
            nodes += merged
            continue
        if node.op_type not in _GATES:
            nodes.append(node)
            continue
        added = _unroll(node, f"unrolled{number}", file, shapes.get(node.input[0], []), zeros)
        nodes += added.nodes
        model.graph.initializer.extend(added.held)
    del model.graph.node[:]
    model.graph.node.extend(_needed(nodes, [o.name for o in model.graph.output]))
    del model.graph.value_info[:]
    return model


def _merged(node: onnx.NodeProto, prefix: str, shapes: dict[str, list[int]]) -> list[onnx.NodeProto] | None:
    """A Reshape that joins the directions of a recurrence, (T, N, 2, H) -> (T, N, 2 H), as Split, Squeeze and Concat.

    onnx-tf makes of any Reshape an operator (SparseToDense) that the page's TensorFlow.js lacks.
    """
    old, new = shapes.get(node.input[0], []), shapes.get(node.output[0], [])
    if len(old) < 3 or old[:-2] != new[:-1] or not all(old[-2:]) or old[-2] * old[-1] != new[-1]:
        return None
    g = _Nodes(prefix)
    axis = len(old) - 2
    parts = [g.one("Squeeze", part, axes=[axis]) for part in g.split(node.input[0], [1] * old[-2], axis)]
    _name(g, g.one("Concat", *parts, axis=axis), node.output[0])
    return g.nodes


def _needed(nodes: list[onnx.NodeProto], outputs: list[str]) -> list[onnx.NodeProto]:
    """Without what made the zero states: onnx-tf turns its Gather into control flow, which pages cannot run quickly."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted & set(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _lowered(file: OnnxFile) -> onnx.ModelProto:
    """The model with axes and lengths as attributes, as opset 12 has them: onnx-tf 1.10 knows no later Squeeze."""
    model = onnx.ModelProto()
    model.CopyFrom(file.proto)
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = min(entry.version, OPSET)
    held = dict(file.initializers)
    constants = [n for n in file.nodes if n.op_type == "Constant"]
    held |= {n.output[0]: numpy_helper.to_array(a.t) for n in constants for a in n.attribute if a.name == "value"}
    for node in model.graph.node:
        attribute = _NOW_INPUTS.get(node.op_type)
        if attribute and len(node.input) > 1:
            if node.input[1] not in held:
                raise ConversionError(
                    f"{file.path}: {describe(node)} computes its {attribute}; convert without --via", place=file.path
                )
            node.attribute.append(helper.make_attribute(attribute, held[node.input[1]].reshape(-1).tolist()))
            del node.input[1:]
        if onnx.defs.has(node.op_type):
            known = onnx.defs.get_schema(node.op_type, OPSET).attributes
            later = [a for a in node.attribute if a.name not in known]
            if any(a.i or a.ints or a.s for a in later):
                raise ConversionError(
                    f"{file.path}: {describe(node)} has {later[0].name}; convert without --via", place=file.path
                )
            for odd in later:  # opset 14's allowzero=0, 15's training_mode=0: as opset 12 does it
                node.attribute.remove(odd)
    return model


def _fill(node: onnx.NodeProto) -> Array:
    values = [numpy_helper.to_array(a.t) for a in node.attribute if a.name == "value"]
    return values[0] if values else np.zeros(1)


def _unroll(node: onnx.NodeProto, prefix: str, file: OnnxFile, shape: list[int], zeros: set[str]) -> _Nodes:
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    inputs = [*node.input, *[""] * 8]
    steps = shape[0] if shape else 0
    plain = (
        not any(given.get(k) for k in ("layout", "clip", "input_forget", "activations"))
        and not inputs[4]
        and not inputs[7]
    )
    before = node.op_type == "LSTM" or given.get("linear_before_reset")
    zero = all(not s or s in zeros for s in (inputs[5], inputs[6]))
    if not (steps and plain and before and zero) or not {inputs[1], inputs[2]} <= set(file.initializers):
        raise ConversionError(
            f"{file.path}: {describe(node)} is no plain recurrence as PyTorch exports it at a fixed width; name a "
            "width with --width, or convert without --via",
            place=file.path,
        )
    w, r = file.initializers[inputs[1]], file.initializers[inputs[2]]
    size = r.shape[2]
    gates = _GATES[node.op_type]
    bias = file.initializers[inputs[3]] if inputs[3] else np.zeros((len(w), 2 * gates * size), np.float32)
    g = _Nodes(prefix)
    parts = [g.one("Squeeze", part, axes=[0]) for part in g.split(inputs[0], [1] * steps, 0)]
    step = _gru if node.op_type == "GRU" else _lstm
    runs, states = [], []
    for i in range(len(w)):
        backwards = i == 1 or given.get("direction", b"") == b"reverse"
        half = gates * size
        run, last = step(g, parts[::-1] if backwards else parts, w[i], r[i], bias[i, :half], bias[i, half:])
        runs.append(run[::-1] if backwards else run)
        states.append(last)
    rows = [g.one("Concat", *(g.one("Unsqueeze", h, axes=[0, 1]) for h in run), axis=0) for run in runs]
    _name(g, g.one("Concat", *rows, axis=1), node.output[0])
    for index, name in enumerate(node.output[1:]):
        _name(g, g.one("Concat", *(g.one("Unsqueeze", s[index], axes=[0]) for s in states), axis=0), name)
    return g


def _name(g: _Nodes, value: str, name: str) -> None:
    if name:
        g.nodes.append(helper.make_node("Identity", [value], [name], f"{g.prefix}/{name}"))


def _gru(
    g: _Nodes, parts: list[str], w: Array, r: Array, wb: Array, rb: Array
) -> tuple[list[str], list[str]]:  # fmt: skip
    size = r.shape[1]
    own, other = g.constant(w.T.copy()), g.constant(r.T.copy())
    early = g.constant(wb + np.concatenate([rb[: 2 * size], np.zeros(size, np.float32)]))
    late = g.constant(rb[2 * size :].copy())
    h = ""
    run = []
    for x in parts:
        zx, rx, nx = g.split(g.one("Add", g.one("MatMul", x, own), early), [size] * 3, 1)
        inner = late
        if h:
            zh, rh, nh = g.split(g.one("MatMul", h, other), [size] * 3, 1)
            zx, rx, inner = g.one("Add", zx, zh), g.one("Add", rx, rh), g.one("Add", nh, late)
        update, reset = g.one("Sigmoid", zx), g.one("Sigmoid", rx)
        new = g.one("Tanh", g.one("Add", nx, g.one("Mul", reset, inner)))
        kept = g.one("Mul", update, g.one("Sub", h, new)) if h else g.one("Neg", g.one("Mul", update, new))
        h = g.one("Add", new, kept)
        run.append(h)
    return run, [h]


def _lstm(
    g: _Nodes, parts: list[str], w: Array, r: Array, wb: Array, rb: Array
) -> tuple[list[str], list[str]]:  # fmt: skip
    size = r.shape[1]
    own, other, bias = g.constant(w.T.copy()), g.constant(r.T.copy()), g.constant(wb + rb)
    h = c = ""
    run = []
    for x in parts:
        total = g.one("Add", g.one("MatMul", x, own), bias)
        if h:
            total = g.one("Add", total, g.one("MatMul", h, other))
        put, out, keep, new = g.split(total, [size] * 4, 1)
        new = g.one("Mul", g.one("Sigmoid", put), g.one("Tanh", new))
        c = g.one("Add", new, g.one("Mul", g.one("Sigmoid", keep), c)) if c else new
        h = g.one("Mul", g.one("Sigmoid", out), g.one("Tanh", c))
        run.append(h)
    return run, [h, c]
