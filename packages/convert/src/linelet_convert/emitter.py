"""From an ONNX graph to a TensorFlow.js graph: values, their storage orders, and the run through the nodes.

Storage orders instead of transposes: a value keeps ONNX's logical axes, but its tensor may store them in another order
(convolutions want channels last). ``Value.order[i]`` is the logical axis that axis i of the tensor holds. Transpose
only relabels; elementwise operators work in whatever order their input has; only an operator that needs a certain order
asks for it through ``Emitter.stored``.

Affine operators (batch normalisation, Mul, Add ... with constants) and activations that follow a convolution are put
into it: see ``Emitter.affine`` and ``Emitter.activate``.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import onnx
from onnx import AttributeProto, helper
from onnx.reference import ReferenceEvaluator

from linelet_common.errors import ConversionError
from linelet_convert import registry
from linelet_convert.onnxfile import OnnxFile, describe, element_type, read_tensor
from linelet_convert.tfgraph import MAX_ELEMENTS, Array, Builder, Node, Shape, Tensor, static
from linelet_convert.tfjs import Graph, prune

# What may be switched off to measure what it is worth; all are on otherwise.
SIMPLIFICATIONS = frozenset({"batch-norm", "activations", "pads", "transposes"})

_FLOATS = ("float32", "float64", "float16", "bfloat16")


@dataclass(eq=False)
class Value:
    """A value of the ONNX graph.

    shape: int64 (probes, rank), logical. dtype: float32, int64, int32 or bool. known: its content, one array a probe,
    where it does not depend on the network's input but for its size. tensor, order: where it is stored otherwise.
    """

    shape: Shape
    dtype: str
    known: tuple[Array, ...] | None = None
    tensor: Tensor | None = None
    order: tuple[int, ...] = ()
    uses: int = 0  # how many nodes (or outputs of the graph) read it
    source: Node | None = None  # the convolution that nothing but this value has read so far
    padded: "tuple[Value, list[tuple[int, int]]] | None" = None  # zeros around another value

    @property
    def rank(self) -> int:
        """Number of axes."""
        return int(self.shape.shape[1])

    @property
    def constant(self) -> Array | None:
        """The content, where it is the same for all sizes of input."""
        if self.known is None or any(k is not self.known[0] for k in self.known[1:]):
            return None
        return self.known[0]


@dataclass(eq=False)
class OnnxNode:
    """A node on its way through its converter."""

    proto: onnx.NodeProto
    inputs: list[Value | None]
    opset: int
    path: Any
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def outputs(self) -> int:
        """Number of outputs, trailing unnamed ones left out."""
        names = list(self.proto.output)
        while names and not names[-1]:
            names.pop()
        return len(names)

    def refuse(self, reason: str) -> NoReturn:
        """Raise ConversionError: this node cannot be converted."""
        raise ConversionError(f"{describe(self.proto)}: {reason}")

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute as a Python value (strings decoded), or the default."""
        return self.attributes.get(name, default)

    def input(self, index: int) -> Value:
        """A required input."""
        value = self.optional(index)
        if value is None:
            self.refuse(f"input {index} is missing; export again")
        return value

    def optional(self, index: int) -> Value | None:
        """An input that may be left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int, what: str) -> Array:
        """An input that must be a constant."""
        constant = self.input(index).constant
        if constant is None:
            self.refuse(f"{what} is computed while the network runs; export it as a constant")
        return constant

    def ints(self, name: str, index: int) -> Shape | None:
        """Integers that older opsets give as an attribute and newer ones as an input; (probes, n), None if absent."""
        value = self.optional(index)
        if value is not None:
            if value.known is None:
                self.refuse(f"{name} is computed while the network runs; export it as a constant")
            return np.stack([np.asarray(k, dtype=np.int64).reshape(-1) for k in value.known])
        given = self.attribute(name)
        return None if given is None else np.array([given], dtype=np.int64).reshape(1, -1)

    def axes(self, name: str, index: int, rank: int) -> list[int] | None:
        """Axes from an attribute or an input, counted from the front; None if absent."""
        given = self.ints(name, index)
        return None if given is None else [self.axis(int(a), rank) for a in given[0]]

    def axis(self, axis: int, rank: int) -> int:
        """An axis, counted from the front."""
        if not -rank <= axis < rank:
            self.refuse(f"axis {axis} does not exist, the input has {rank}; export again")
        return axis % rank


class Emitter(Builder):
    """A Builder that knows ONNX values."""

    def __init__(self, probes: int, simplifications: frozenset[str] = SIMPLIFICATIONS) -> None:
        super().__init__(probes)
        self.simplifications = simplifications

    # --- values ----------------------------------------------------------------------------------------------------

    def value(self, tensor: Tensor, order: Sequence[int] | None = None, dtype: str | None = None) -> Value:
        """A value stored in a tensor."""
        order = tuple(range(tensor.rank)) if order is None else tuple(order)
        shape = tensor.shape[:, list(np.argsort(order))] if order else tensor.shape
        return Value(shape, dtype or tensor.dtype, tensor=tensor, order=order)

    def known(self, arrays: Sequence[Array]) -> Value:
        """A value computed at conversion, one array a probe (or the same array for all)."""
        first = arrays[0]
        if all(a is first or (a.dtype == first.dtype and np.array_equal(a, first)) for a in arrays[1:]):
            arrays = [first] * self.probes
        shape = np.array([a.shape for a in arrays], dtype=np.int64).reshape(self.probes, -1)
        dtype = "float32" if first.dtype.name in _FLOATS else first.dtype.name
        if dtype not in ("float32", "bool", "int64"):
            dtype = "int32"
        return Value(shape, dtype, known=tuple(arrays))

    def stored(self, value: Value, order: Sequence[int] | None = None) -> Tensor:
        """The value's tensor with its axes in an order (default: the logical one)."""
        order = tuple(range(value.rank)) if order is None else tuple(order)
        if value.tensor is None:
            assert value.known is not None
            array = value.constant
            if array is not None:
                return self.constant(array.transpose(order) if order else array)
            if value.rank <= 1 and value.dtype.startswith("int") and static(value.shape):
                column = np.stack([k.reshape(-1) for k in value.known]).astype(np.int64)
                vector = self.runtime_ints(column, "a value")
                return vector if value.rank == 1 else self.reshape(vector, value.shape)
            flat = {k.reshape(-1)[:1].tobytes() for k in value.known}
            if len(flat) == 1 and all((k == k.reshape(-1)[:1]).all() for k in value.known):
                fill = self.scalar(value.known[0].reshape(-1)[0], "float32" if value.dtype == "float32" else "int32")
                sizes = self.runtime_ints(value.shape, "a value")
                return self.transpose(self.node("Fill", [sizes, fill], value.shape, fill.dtype), order)
            raise ConversionError("a constant depends on the input's size; fix the width with --width")
        if value.order == order:
            return value.tensor
        return self.transpose(value.tensor, [value.order.index(axis) for axis in order])

    def expand(self, value: Value, rank: int) -> Value:
        """The value with axes of length 1 put in front, as broadcasting does."""
        missing = rank - value.rank
        if missing <= 0:
            return value
        if value.known is not None:
            return self.known([k.reshape((1,) * missing + k.shape) for k in value.known])
        assert value.tensor is not None
        shape = np.pad(value.tensor.shape, ((0, 0), (missing, 0)), constant_values=1)
        order = [*range(missing), *(o + missing for o in value.order)]
        return self.value(self.reshape(value.tensor, shape), order, value.dtype)

    def view(self, value: Value, old: Value) -> Value:
        """Mark a value as another way to look at ``old``: what may be put into its convolution still may."""
        if old.uses == 1:
            value.source = old.source
        return value

    def like(self, tensor: Tensor, old: Value, dtype: str | None = None) -> Value:
        """A value of ``old``'s axes and storage order."""
        return self.value(tensor, old.order, dtype)

    def channels_last(self, value: Value) -> Tensor:
        """(N, C, H, W) or (N, C, W) as a tensor (N, H, W, C); H is 1 where there is none."""
        if value.rank == 3:
            tensor = self.stored(value, (0, 2, 1))
            shape = np.insert(tensor.shape, 1, 1, axis=1)
            return self.reshape(tensor, shape)
        return self.stored(value, (0, 2, 3, 1))

    def from_channels_last(self, tensor: Tensor, rank: int) -> Value:
        """The opposite of channels_last."""
        if rank == 3:
            return self.value(self.reshape(tensor, np.delete(tensor.shape, 1, axis=1)), (0, 2, 1))
        return self.value(tensor, (0, 2, 3, 1))

    # --- what goes into a convolution --------------------------------------------------------------------------------

    def affine(self, value: Value, scale: Array | None, shift: Array | None) -> Value | None:
        """value * scale + shift inside the convolution that made the value, or None where that cannot be.

        scale, shift: constants that broadcast against the value's logical axes and vary along its channels only.
        """
        source = value.source
        if "batch-norm" not in self.simplifications or source is None or value.uses != 1:
            return None
        if source.attributes.get("fused_ops", ("", "Identity"))[-1] not in ("Identity", "BiasAdd"):
            return None
        channels = value.order[-1]
        vectors = []
        for array in (scale, shift):
            vector = None if array is None else channel_vector(array, value.rank, channels)
            if array is not None and vector is None:
                return None
            vectors.append(vector)
        filters = source.inputs[1].node.array
        assert filters is not None
        depthwise = source.op == "FusedDepthwiseConv2dNative"
        count = filters.shape[2] * filters.shape[3] if depthwise else filters.shape[3]
        if any(v is not None and v.size not in (1, count) for v in vectors):
            return None
        bias = source.inputs[2].node.array if len(source.inputs) > 2 else np.zeros(count, np.float32)
        assert bias is not None
        if vectors[0] is not None:
            factor = np.broadcast_to(vectors[0].astype(np.float64), (count,))
            filters = filters * factor.reshape(
                1, 1, *((filters.shape[2], filters.shape[3]) if depthwise else (1, count))
            )
            bias = bias * factor
        if vectors[1] is not None:
            bias = bias + vectors[1]
        if not (np.isfinite(filters).all() and np.isfinite(bias).all()):
            return None
        source.inputs = [
            source.inputs[0],
            self.constant(filters.astype(np.float32)),
            self.constant(bias.astype(np.float32)),
        ]
        source.attributes.update(num_args=1, fused_ops=("BiasAdd",))
        return Value(value.shape, value.dtype, tensor=value.tensor, order=value.order, source=source)

    def activate(self, value: Value, activation: str, alpha: float | None = None) -> Value | None:
        """An activation inside the convolution that made the value, or None where that cannot be."""
        source = value.source
        if "activations" not in self.simplifications or source is None or value.uses != 1:
            return None
        if source.attributes["fused_ops"] != ("BiasAdd",):
            if source.attributes["fused_ops"] != ("Identity",):
                return None
            filters = source.inputs[1].node.array
            assert filters is not None
            count = filters.shape[2] * filters.shape[3] if "Depthwise" in source.op else filters.shape[3]
            source.inputs.append(self.constant(np.zeros(count, np.float32)))
            source.attributes["num_args"] = 1
        source.attributes["fused_ops"] = ("BiasAdd", activation)
        if alpha is not None:
            source.attributes["leakyrelu_alpha"] = float(alpha)
        return Value(value.shape, value.dtype, tensor=value.tensor, order=value.order, source=source)


def channel_vector(array: Array, rank: int, channel_axis: int) -> Array | None:
    """The vector by which a broadcast constant varies along one axis; None if it varies along another."""
    if array.ndim > rank:
        return None
    full = array.reshape((1,) * (rank - array.ndim) + array.shape)
    if any(size != 1 for axis, size in enumerate(full.shape) if axis != channel_axis):
        return None
    return full.reshape(-1)


# --- the run through the nodes ----------------------------------------------------------------------------------


def emit(
    file: OnnxFile,
    shapes: dict[str, Shape],
    simplifications: frozenset[str] = SIMPLIFICATIONS,
    names: dict[str, str] | None = None,
) -> Graph:
    """Convert a graph for probes of its inputs, int64 (probes, rank) each.

    names: what inputs and outputs are to be called, where not as in the file.

    Raises ConversionError naming every operator without a converter and every node a converter refuses, at once.
    """
    probes = next(iter(shapes.values())).shape[0]
    g = Emitter(probes, simplifications)
    uses = file.uses
    values: dict[str, Value | None] = {"": None}
    inputs: dict[str, Tensor] = {}
    for given in file.inputs:
        dtype = element_type(given, file.path)
        name = (names or {}).get(given.name, safe_name(given.name))
        tensor = g.placeholder(name, shapes[given.name], "int32" if dtype == "int64" else dtype)
        inputs[name] = tensor
        values[given.name] = g.value(tensor, dtype=dtype)
    for name, array in file.initializers.items():
        values[name] = g.known([array] * probes)
    for name, value in values.items():
        if value is not None:
            value.uses = uses[name]
    unknown: dict[str, list[str]] = {}
    refused: list[str] = []
    # Values that a refused node would have made: whether they would have been known before the network runs.
    lost: dict[str, bool] = {}
    for proto in file.nodes:
        entry = registry.find(proto.op_type, proto.domain)
        if any(name in lost for name in proto.input):
            known = all(lost[i] if i in lost else _is_known(values[i]) for i in proto.input)
            lost.update(dict.fromkeys(proto.output, known or proto.op_type in ("Shape", "Size")))
            if entry is None and not known:
                unknown.setdefault(_operator(proto), []).append(proto.name or next(iter(proto.output), ""))
            continue
        try:
            results = _results(proto, entry, [values[i] for i in proto.input], g, file)
        except ConversionError as failure:
            refused.append(str(failure) if describe(proto) in str(failure) else f"{describe(proto)}: {failure}")
            lost.update(dict.fromkeys(proto.output, all(_is_known(values[i]) for i in proto.input)))
            continue
        except (
            IndexError,
            ValueError,
            TypeError,
            KeyError,
            OverflowError,
            ZeroDivisionError,
            AssertionError,
        ) as failure:
            # The graph contradicts itself (shapes that do not fit, attributes of the wrong type).
            refused.append(f"{describe(proto)} contradicts its inputs ({failure}); export again")
            lost.update(dict.fromkeys(proto.output, all(_is_known(values[i]) for i in proto.input)))
            continue
        if results is None:
            unknown.setdefault(_operator(proto), []).append(proto.name or next(iter(proto.output), ""))
            lost.update(dict.fromkeys(proto.output, all(_is_known(values[i]) for i in proto.input)))
            continue
        for name, result in zip(proto.output, results, strict=False):
            if name:
                result.uses = uses[name]
                values[name] = result
    problems = [
        f"{operator} (node{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))})"
        for operator, names in unknown.items()
    ]
    if problems:
        refused.insert(0, f"no converter for {'; '.join(problems)}; see OPERATORS.md, or export without them")
    if refused:
        raise ConversionError(f"{file.path}: {' | '.join(refused)}")
    outputs: dict[str, Tensor] = {}
    for output in file.proto.graph.output:
        value = values.get(output.name)
        if value is None:
            raise ConversionError(f"{file.path}: nothing makes the output {output.name!r}; export again")
        wanted = (names or {}).get(output.name, safe_name(output.name))
        try:
            tensor = g.stored(value)
        except ConversionError as failure:
            raise ConversionError(f"{file.path}: output {output.name!r}: {failure}") from None
        node = Node(g.name(wanted), "Identity", [tensor])
        g.nodes.append(node)
        outputs[node.name] = Tensor(node, 0, tensor.shape, tensor.dtype)
    return prune(g.nodes, inputs, outputs)


def _is_known(value: Value | None) -> bool:
    return value is None or value.known is not None


def safe_name(name: str) -> str:
    """A name without the characters that mean something in a TensorFlow graph."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "_"


def _operator(proto: onnx.NodeProto) -> str:
    return f"{proto.domain}.{proto.op_type}" if proto.domain not in ("", "ai.onnx") else proto.op_type


def _results(
    proto: onnx.NodeProto, entry: registry.Entry | None, inputs: list[Value | None], g: Emitter, file: OnnxFile
) -> list[Value] | None:
    """The outputs of a node; None if nobody knows its operator."""
    if proto.op_type == "Constant" and proto.domain in ("", "ai.onnx"):
        return [g.known([_constant(proto, file)] * g.probes)]
    if all(v is None or v.known is not None for v in inputs) and proto.domain in ("", "ai.onnx"):
        computed = _compute(proto, inputs, g, file.opset)
        if computed is not None:
            return computed
    if entry is None:
        return None
    attributes = {a.name: _attribute(a, file) for a in proto.attribute}
    node = OnnxNode(proto, inputs, file.opset, file.path, attributes)
    results = entry.convert(node, g)
    results = results if isinstance(results, list) else [results]
    for result in results:
        if result.known is None and (result.shape <= 0).any():
            node.refuse(f"makes an output of shape {result.shape.min(axis=0).tolist()}; widen the input with --width")
    if "transposes" not in g.simplifications:
        results = [r if r.known is not None else g.value(g.stored(r), dtype=r.dtype) for r in results]
    return results


def _attribute(attribute: AttributeProto, file: OnnxFile) -> Any:
    if attribute.type == AttributeProto.TENSOR:
        return read_tensor(attribute.t, file.path)
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [v.decode("utf-8") for v in value]
    return value


def _constant(proto: onnx.NodeProto, file: OnnxFile) -> Array:
    for attribute in proto.attribute:
        if attribute.name == "value":
            return read_tensor(attribute.t, file.path)
        if attribute.name in ("value_float", "value_floats"):
            return np.array(helper.get_attribute_value(attribute), dtype=np.float32)
        if attribute.name in ("value_int", "value_ints"):
            return np.array(helper.get_attribute_value(attribute), dtype=np.int64)
    raise ConversionError("a constant without a number (sparse or text); export again")


def _compute(proto: onnx.NodeProto, inputs: list[Value | None], g: Emitter, opset: int) -> list[Value] | None:
    """The outputs of a node whose inputs are all known, by onnx's own reference; None if that has no such operator."""
    if any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in proto.attribute):
        return None
    if not inputs or "Random" in proto.op_type or proto.op_type in ("Bernoulli", "Multinomial", "Dropout"):
        return None
    given = [v for v in inputs if v is not None]
    rounds = 1 if all(v.constant is not None for v in given) else g.probes
    results: list[list[Array]] = []
    try:
        evaluator = ReferenceEvaluator(_alone(proto, opset))
        for probe in range(rounds):
            arrays = [None if v is None or v.known is None else v.known[probe] for v in inputs]
            _refuse_large(proto, arrays)
            feed = {name: array for name, array in zip(proto.input, arrays, strict=True) if array is not None}
            with np.errstate(all="ignore"):
                results.append([np.asarray(r) for r in evaluator.run(None, feed)])
    except ConversionError:
        raise
    except NotImplementedError:
        return None
    except Exception as failure:  # whatever onnx's reference raises for a node that contradicts itself
        reason = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
        raise ConversionError(f"{describe(proto)} cannot be computed ({reason}); export again") from None
    return [g.known([r[i] for r in (results * g.probes)[: g.probes]]) for i in range(len(results[0]))]


def _alone(proto: onnx.NodeProto, opset: int) -> onnx.ModelProto:
    """A model of one node."""
    given = [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(proto.input) if name]
    made = [onnx.ValueInfoProto(name=name) for name in proto.output if name]
    graph = helper.make_graph([proto], "alone", given, made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def _refuse_large(proto: onnx.NodeProto, arrays: list[Array | None]) -> None:
    """ConversionError if a node would make more numbers than any network needs."""
    sizes = [a.size for a in arrays if a is not None]
    first = arrays[0]
    second = arrays[1] if len(arrays) > 1 else None
    if proto.op_type == "ConstantOfShape" and first is not None:
        count = math.prod(int(n) for n in first.reshape(-1))
    elif proto.op_type in ("Expand", "Resize", "Upsample", "OneHot", "Range", "Pad", "EyeLike") and first is not None:
        rest = [
            abs(float(n)) + 1 for a in arrays[1:] if a is not None and a.dtype.kind in "iuf" for n in a.reshape(-1)[:16]
        ]
        count = int(min(math.prod(rest), 1e30)) if proto.op_type != "Pad" else int(first.size * math.prod(rest))
        if proto.op_type == "Range":
            span = [float(a.reshape(-1)[0]) for a in arrays if a is not None]
            count = int(abs((span[1] - span[0]) / (span[2] or 1))) if len(span) == 3 else 0
    elif proto.op_type == "Tile" and first is not None and second is not None:
        count = first.size * math.prod(max(int(n), 1) for n in second.reshape(-1))
    elif proto.op_type in ("MatMul", "Gemm", "Einsum", "Conv", "Gather", "GatherND"):
        count = math.prod(max(s, 1) for s in sizes[:2]) if proto.op_type != "MatMul" else max(sizes)
    else:
        shapes = [a.shape for a in arrays if a is not None]
        rank = max(len(s) for s in shapes)
        count = math.prod(
            max((s[i - rank] for s in [(1,) * (rank - len(s)) + s for s in shapes]), default=1) for i in range(rank)
        )
    if count > MAX_ELEMENTS:
        raise ConversionError(f"{describe(proto)} would make {count} numbers; export a network of sensible size")
