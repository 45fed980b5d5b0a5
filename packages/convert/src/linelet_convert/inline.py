"""Graphs inside a graph: the branch of an If that is taken, and what ONNX defines as a function of other operators."""

from collections.abc import Callable, Iterable
from typing import Any

import onnx
from onnx import AttributeProto, helper

from linelet_convert.tfgraph import static
from linelet_convert.values import Value

_TYPES = {"float32": onnx.TensorProto.FLOAT, "int64": onnx.TensorProto.INT64, "int32": onnx.TensorProto.INT32,
          "bool": onnx.TensorProto.BOOL}  # fmt: skip


def branch(proto: onnx.NodeProto, taken: bool) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto], list[str]]:
    """The nodes, tensors and results of a branch of an If, its names apart from all others of the graph."""
    name = "then_branch" if taken else "else_branch"
    graph = next(a.g for a in proto.attribute if a.name == name)
    rename = _renamer(proto, [graph], {})
    tensors = []
    for tensor in graph.initializer:
        copy = onnx.TensorProto()
        copy.CopyFrom(tensor)
        copy.name = rename(tensor.name)
        tensors.append(copy)
    return [_renamed(node, rename) for node in graph.node], tensors, [rename(o.name) for o in graph.output]


def definition(
    proto: onnx.NodeProto, inputs: list[Value | None], opset: int
) -> tuple[list[onnx.NodeProto], list[str], int]:
    """The nodes by which ONNX defines an operator, the names of its outputs among them, and their opset."""
    schema: Any = onnx.defs.get_schema(proto.op_type, opset)  # onnx's stubs lack its definitions
    given = [_type(v) for v in inputs]
    if schema.has_context_dependent_function:
        version = _newest(schema.context_dependent_function_opset_versions, opset)
        data = schema.get_context_dependent_function_with_opset_version(version, proto.SerializeToString(), given)
    else:
        version = _newest(schema.function_opset_versions, opset)
        data = schema.get_function_with_opset_version(version)
    function = onnx.FunctionProto.FromString(data)
    attributes = {name: a.default_value for name, a in schema.attributes.items() if a.default_value.name}
    attributes |= {a.name: a for a in proto.attribute}
    bound = dict(zip(function.input, [*proto.input, *[""] * len(function.input)], strict=False))
    rename = _renamer(proto, [helper.make_graph(list(function.node), "body", [], [])], bound)
    nodes = [_renamed(node, rename) for node in function.node]
    for node in nodes:
        _set_attributes(node, attributes)
    newest = next((o.version for o in function.opset_import if o.domain in ("", "ai.onnx")), version)
    return nodes, [rename(o) for o in function.output], int(newest)


def _newest(versions: list[int], opset: int) -> int:
    """The newest definition up to an opset, or else the oldest there is."""
    return int(max((v for v in versions if v <= opset), default=min(versions)))


def _type(value: Value | None) -> bytes:
    if value is None:
        return b""
    shape = [int(value.shape[0, a]) if static(value.shape[:, a : a + 1]) else f"d{a}" for a in range(value.rank)]
    return bytes(helper.make_tensor_type_proto(_TYPES[value.dtype], shape).SerializeToString())


def _set_attributes(node: onnx.NodeProto, given: dict[str, AttributeProto]) -> None:
    """Put the caller's attributes where a definition refers to them."""
    for attribute in list(node.attribute):
        if attribute.ref_attr_name:
            name = attribute.name
            node.attribute.remove(attribute)
            if attribute.ref_attr_name in given:
                copy = node.attribute.add()
                copy.CopyFrom(given[attribute.ref_attr_name])
                copy.name = name


def _made(graph: onnx.GraphProto) -> Iterable[str]:
    """Every name that a graph, or a graph inside it, defines."""
    yield from (v.name for v in [*graph.input, *graph.initializer])
    for node in graph.node:
        yield from node.output
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.type == AttributeProto.GRAPH else attribute.graphs:
                yield from _made(inner)


def _renamer(proto: onnx.NodeProto, graphs: list[onnx.GraphProto], bound: dict[str, str]) -> Callable[[str], str]:
    """How names of graphs inside a node become names of its own graph; bound: those that stand for outer ones."""
    own = {name for graph in graphs for name in _made(graph) if name}
    scope = f"{next((o for o in proto.output if o), proto.name)}/"
    return lambda name: bound[name] if name in bound else scope + name if name in own else name


def _renamed(node: onnx.NodeProto, rename: Callable[[str], str]) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for names in (copy.input, copy.output):
        names[:] = [rename(name) if name else "" for name in names]
    copy.name = rename(node.output[0]) if node.output else node.name
    for attribute in copy.attribute:
        for graph in [attribute.g] if attribute.type == AttributeProto.GRAPH else attribute.graphs:
            inner = [_renamed(n, rename) for n in graph.node]
            del graph.node[:]
            graph.node.extend(inner)
            for value in [*graph.input, *graph.output, *graph.initializer]:
                value.name = rename(value.name)
    return copy
