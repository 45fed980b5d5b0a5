"""What is known before the network runs: constants, and arithmetic on shapes, computed with onnx's own reference."""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, helper
from onnx.reference import ReferenceEvaluator

from linelet_common.errors import ConversionError
from linelet_convert.onnxfile import describe, read_tensor
from linelet_convert.tfgraph import MAX_ELEMENTS, Array
from linelet_convert.values import Emitter, Value

# The reference knows this from opset 19 on only, which means the same by what older ones wrote.
_SINCE = {"DequantizeLinear": 19}


def constant_of(proto: onnx.NodeProto, path: Path) -> Array:
    """The number or numbers of a Constant node."""
    for attribute in proto.attribute:
        if attribute.name == "value":
            return read_tensor(attribute.t, path)
        if attribute.name in ("value_float", "value_floats"):
            return np.array(helper.get_attribute_value(attribute), dtype=np.float32)
        if attribute.name in ("value_int", "value_ints"):
            return np.array(helper.get_attribute_value(attribute), dtype=np.int64)
    raise ConversionError("a constant without a number (sparse or text); export again")


def computed(proto: onnx.NodeProto, inputs: list[Value | None], g: Emitter, opset: int) -> list[Value] | None:
    """The outputs of a node whose inputs are all known, by onnx's own reference; None if that has no such operator."""
    if any(a.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for a in proto.attribute):
        return None
    if not inputs or "Random" in proto.op_type or proto.op_type in ("Bernoulli", "Multinomial", "Dropout"):
        return None
    given = [v for v in inputs if v is not None]
    rounds = 1 if all(v.constant is not None for v in given) else g.probes
    results: list[list[Array]] = []
    try:
        evaluator = ReferenceEvaluator(_alone(proto, max(opset, _SINCE.get(proto.op_type, 0))))
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
