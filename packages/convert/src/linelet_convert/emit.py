"""The run through an ONNX graph's nodes: each becomes TensorFlow.js nodes by its operator's converter.

All that cannot be converted is collected on the way and named in one error.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import onnx

from linelet_common.errors import ConversionError
from linelet_convert import registry
from linelet_convert.choices import Choice
from linelet_convert.fold import computed, constant_of
from linelet_convert.inline import branch, definition
from linelet_convert.onnxfile import OnnxFile, attribute_value, describe, element_type, node_inputs, read_tensor
from linelet_convert.operators import FAMILIES
from linelet_convert.tfgraph import Graph, Node, Shape, Tensor, prune
from linelet_convert.values import SIMPLIFICATIONS, Emitter, OnnxNode, Value

# What a converter raises where a graph contradicts itself (shapes that do not fit, attributes of the wrong type).
_CONTRADICTIONS = (
    IndexError,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    ZeroDivisionError,
    AssertionError,
)


def emit(
    file: OnnxFile,
    shapes: dict[str, Shape],
    simplifications: frozenset[str] = SIMPLIFICATIONS,
    names: dict[str, str] | None = None,
    follow: Sequence[Choice] = (),
) -> Graph:
    """Convert a graph for probes of its inputs, int64 (probes, rank) each.

    names: what inputs and outputs are to be called, where not as in the file. follow: nodes that choose, whose choices
    become inputs of the graph; what they choose among, and what by themselves, becomes outputs.

    Raises ConversionError naming every operator without a converter and every node a converter refuses, at once.
    """
    run = _Run(file, shapes, simplifications, names or {})
    run.follow = {choice.outputs: choice for choice in follow}
    for proto in file.nodes:
        run.convert(proto)
    return run.finish()


def safe_name(name: str) -> str:
    """A name without the characters that mean something in a TensorFlow graph."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "_"


class _Run:
    """One run: the values so far, and what could not be converted."""

    def __init__(
        self, file: OnnxFile, shapes: dict[str, Shape], simplifications: frozenset[str], names: dict[str, str]
    ) -> None:
        assert FAMILIES  # importing the families has registered their operators
        probes = next(iter(shapes.values())).shape[0]
        self.file, self.names, self.uses, self.opset = file, names, file.uses, file.opset
        self.g = Emitter(probes, simplifications)
        self.inputs: dict[str, Tensor] = {}
        self.values: dict[str, Value | None] = {"": None}
        self.unknown: dict[str, list[str]] = {}  # nodes by operators that have no converter
        self.refused: list[str] = []
        self.follow: dict[tuple[str, ...], Choice] = {}
        self.told: dict[str, Value] = {}  # outputs besides the file's
        # Values that a refused node would have made: whether they would have been known before the network runs.
        self.lost: dict[str, bool] = {}
        for given in file.inputs:
            dtype = element_type(given, file.path)
            name = names.get(given.name, safe_name(given.name))
            tensor = self.g.placeholder(name, shapes[given.name], "int32" if dtype == "int64" else dtype)
            self.inputs[name] = tensor
            self._keep(given.name, self.g.value(tensor, dtype=dtype))
        for name, array in file.initializers.items():
            self._keep(name, self.g.known([array] * probes))

    def _keep(self, name: str, value: Value) -> None:
        value.uses = self.uses[name]
        self.values[name] = value

    def convert(self, proto: onnx.NodeProto) -> None:
        """Convert a node, or note why it cannot be."""
        entry = registry.find(proto.op_type, proto.domain)
        if any(name in self.lost for name in node_inputs(proto)):
            self._skip(proto, entry)
            return
        try:
            inputs = [self.values[i] for i in proto.input]
            if proto.op_type == "If" and proto.domain in ("", "ai.onnx"):
                self._convert_branch(proto, inputs[0])
                return
            results = _results(proto, entry, inputs, self.g, self.file, self.opset)
            if results is None and entry is not None:
                self._convert_nodes(proto, *definition(proto, inputs, self.opset))
                return
        except ConversionError as failure:
            self.refused.append(str(failure) if describe(proto) in str(failure) else f"{describe(proto)}: {failure}")
            self._lose(proto)
        except _CONTRADICTIONS as failure:
            self.refused.append(f"{describe(proto)} contradicts its inputs ({failure}); export again")
            self._lose(proto)
        else:
            if results is None:
                self._note_unknown(proto)
                self._lose(proto)
                return
            if tuple(proto.output) in self.follow:
                results = self._followed(self.follow[tuple(proto.output)], inputs[0], results)
            for name, result in zip(proto.output, results, strict=False):
                if name:
                    self._keep(name, result)

    def _followed(self, choice: Choice, among: Value | None, results: list[Value]) -> list[Value]:
        """What a node gives if its choice is made for it."""
        own = results[choice.place]
        if among is None or own.known is not None:
            return results
        tensor = self.g.placeholder(choice.given, own.shape, "int32")
        self.inputs[choice.given] = tensor
        given = self.g.value(tensor, dtype="int64")

        def taken(places: Value) -> Value:
            if not choice.kept:
                stored = self.g.stored(places)
                axis = choice.axis % among.rank
                places = self.g.value(self.g.reshape(stored, np.insert(stored.shape, axis, 1, axis=1)), dtype="int64")
            entry = registry.find("GatherElements", "")
            assert entry is not None
            assert entry.convert is not None
            node = OnnxNode(onnx.NodeProto(), [among, places], self.opset, self.file.path, {"axis": choice.axis})
            value = entry.convert(node, self.g)
            assert isinstance(value, Value)
            return value

        self.told |= dict(zip(choice.told, (among, taken(own)), strict=True))
        return [taken(given), given] if choice.place else [given]

    def _convert_branch(self, proto: onnx.NodeProto, condition: Value | None) -> None:
        """The branch of an If that its condition takes, whatever the input's size."""
        truth = None if condition is None else condition.constant
        if truth is None:
            raise ConversionError(
                "its condition depends on the input's numbers or size; fix the width with --width, or export without"
            )
        nodes, tensors, results = branch(proto, bool(truth.reshape(-1)[0]))
        for tensor in tensors:
            self.uses[tensor.name] = sum(tensor.name in node.input for node in nodes) + results.count(tensor.name)
            self._keep(tensor.name, self.g.known([read_tensor(tensor, self.file.path)] * self.g.probes))
        self._convert_nodes(proto, nodes, results, self.opset)

    def _convert_nodes(
        self, proto: onnx.NodeProto, nodes: list[onnx.NodeProto], results: list[str], opset: int
    ) -> None:
        """Nodes in the place of another; results: what its outputs are called among them."""
        for node in nodes:
            self.uses.update(node_inputs(node))
        self.uses.update(results)
        outer, self.opset = self.opset, opset
        for node in nodes:
            self.convert(node)
        self.opset = outer
        for name, result in zip(proto.output, results, strict=False):
            if name and result in self.lost:
                self.lost[name] = self.lost[result]
            elif name:
                value = self.values[result]
                assert value is not None
                self._keep(name, replace(value, source=value.source if value.uses == 1 else None))

    def _skip(self, proto: onnx.NodeProto, entry: registry.Entry | None) -> None:
        """A node that reads what was lost: only whether its operator is known can still be said."""
        known = all(self.lost[i] if i in self.lost else _is_known(self.values[i]) for i in proto.input)
        self.lost.update(dict.fromkeys(proto.output, known or proto.op_type in ("Shape", "Size")))
        if proto.op_type == "If":
            return
        if entry is None and not known:
            self._note_unknown(proto)

    def _lose(self, proto: onnx.NodeProto) -> None:
        self.lost.update(dict.fromkeys(proto.output, all(_is_known(self.values[i]) for i in proto.input)))

    def _note_unknown(self, proto: onnx.NodeProto) -> None:
        domain = "" if proto.domain in ("", "ai.onnx") else f"{proto.domain}."
        operator = f"{domain}{proto.op_type}"  # of bytes where a damaged file has no UTF-8
        self.unknown.setdefault(operator, []).append(proto.name or next(iter(proto.output), ""))

    def finish(self) -> Graph:
        """The graph of all that the outputs need. ConversionError if anything was refused."""
        problems = [f"{operator} ({_listed(names)})" for operator, names in self.unknown.items()]
        if problems:
            remedy = "see OPERATORS.md, or export without them"
            if any(re.search("Quant|Integer|QLinear", operator) for operator in self.unknown):
                remedy = "convert the network as it was before quantisation"
            self.refused.insert(0, f"no converter for {'; '.join(problems)}; {remedy}")
        if self.refused:
            raise ConversionError(f"{self.file.path}: {' | '.join(self.refused)}", place=self.file.path)
        outputs: dict[str, Tensor] = {}
        for output in self.file.proto.graph.output:
            value = self.values.get(output.name)
            if value is None:
                raise ConversionError(
                    f"{self.file.path}: nothing makes the output {output.name!r}; export again",
                    value=output.name,
                    place=self.file.path,
                )
            try:
                tensor = self.g.stored(value)
            except ConversionError as failure:
                raise ConversionError(
                    f"{self.file.path}: output {output.name!r}: {failure}", value=output.name, place=self.file.path
                ) from None
            self._put_out(self.names.get(output.name, safe_name(output.name)), tensor, outputs)
        for name, value in self.told.items():
            self._put_out(name, self.g.stored(value), outputs)
        return prune(self.g.nodes, self.inputs, outputs)

    def _put_out(self, name: str, tensor: Tensor, outputs: dict[str, Tensor]) -> None:
        node = Node(self.g.name(name), "Identity", [tensor])
        self.g.nodes.append(node)
        outputs[node.name] = Tensor(node, 0, tensor.shape, tensor.dtype)


# A message names so many nodes of one operator; a hundred more say no more.
_NAMED = 5


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"node{'s' if len(names) > 1 else ''} {', '.join(map(repr, names[:_NAMED]))}{more}"


def _is_known(value: Value | None) -> bool:
    return value is None or value.known is not None


def _results(
    proto: onnx.NodeProto,
    entry: registry.Entry | None,
    inputs: list[Value | None],
    g: Emitter,
    file: OnnxFile,
    opset: int,
) -> list[Value] | None:
    """The outputs of a node; None if it has no converter: nobody knows its operator, or ONNX's definition does."""
    if proto.op_type == "Constant" and proto.domain in ("", "ai.onnx"):
        return [g.known([constant_of(proto, file.path)] * g.probes)]
    if all(v is None or v.known is not None for v in inputs) and proto.domain in ("", "ai.onnx"):
        known = computed(proto, inputs, g, opset)
        if known is not None:
            if entry is not None and entry.convert is not None and any(k.constant is None for k in known):
                node = OnnxNode(proto, inputs, opset, file.path, _attributes(proto, file))
                _let_run(known, node, entry.convert, g)
            return known
    if entry is None or entry.convert is None:
        return None
    node = OnnxNode(proto, inputs, opset, file.path, _attributes(proto, file))
    made = entry.convert(node, g)
    results = made if isinstance(made, list) else [made]
    for result in results:
        if result.known is None and (result.shape <= 0).any():
            node.refuse(f"makes an output of shape {result.shape.min(axis=0).tolist()}; widen the input with --width")
    if "transposes" not in g.simplifications:
        results = [r if r.known is not None else g.value(g.stored(r), dtype=r.dtype) for r in results]
    return results


def _attributes(proto: onnx.NodeProto, file: OnnxFile) -> dict[str, Any]:
    return {a.name: attribute_value(a, file.path) for a in proto.attribute}


def _let_run(known: list[Value], node: OnnxNode, convert: registry.Convert, g: Emitter) -> None:
    """Have the known outputs of a node, which differ with the input's size, computed at run time where one is stored.

    A table of positions cut by the width, a mask, angles of a rotation: no array, but a few nodes.
    """

    @cache
    def outputs() -> list[Value]:
        first, *others = node.inputs
        if first is not None and first.tensor is None and node.proto.op_type != "Range":
            first = g.value(g.stored(first), dtype=first.dtype)
        try:
            made = convert(replace(node, inputs=[first, *others]), g)
        except _CONTRADICTIONS as failure:
            node.refuse(f"depends on the input's size ({failure}); fix the width with --width")
        return made if isinstance(made, list) else [made]

    for i, value in enumerate(known):
        value.made_late = partial(lambda i: outputs()[i], i)
