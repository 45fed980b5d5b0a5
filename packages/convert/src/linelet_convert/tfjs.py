"""Writing a graph as TensorFlow.js's graph model: model.json and shards of weights.

Format: https://github.com/tensorflow/tfjs/tree/master/tfjs-converter (GraphDef as JSON; weightsManifest). String
attributes are base64, there is no int64, and a weight's ``quantization`` entry says how its bytes become float32.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from linelet_convert.tfgraph import DTYPES, Array, Dtype, Graph, Node, Tensor, dynamic_axes

# Small enough for a cache and a progress bar, large enough for few requests.
SHARD_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Stored:
    """How a weight's numbers lie in the shards. dtype: float32, float16, uint8, int32 or bool."""

    dtype: str
    data: bytes
    quantization: dict[str, Any] | None = None


LEVELS = 255  # of uint8, above the first one


def grid(array: Array) -> tuple[float, float]:
    """The number that level 0 of uint8 stands for, and the step between levels."""
    # Weights that were quantised before lie on levels of their own; the first thousand tell most that were not.
    own = np.unique(array.reshape(-1)[:1024])
    own = np.unique(array) if own.size <= LEVELS + 1 else own
    if 1 < own.size <= LEVELS + 1:
        span = float(own[-1]) - float(own[0])
        steps = round(span / float(np.diff(own).min()))
        scale = span / steps
        places = (own - float(own[0])) / scale
        if steps <= LEVELS and np.abs(places - np.round(places)).max() < 1e-2:
            return float(own[0]), scale
    # Zero must be a level of its own, or padding and pruned weights would leak.
    low, high = min(float(array.min()), 0.0), max(float(array.max()), 0.0)
    scale = (high - low) / LEVELS or 1.0
    return -round(-low / scale) * scale, scale


def quantised(levels: Array, low: float, scale: float) -> Stored:
    """Levels, uint8, of a grid."""
    about = {"dtype": "uint8", "min": low, "scale": scale, "original_dtype": "float32"}
    return Stored("float32", levels.tobytes(), about)


def store(array: Array, weights: str | Stored) -> Stored:
    """A constant's bytes. ``weights``: float32, float16, uint8 or the bytes; integers and booleans stay as they are."""
    if isinstance(weights, Stored):
        return weights
    if array.dtype == np.bool_:
        return Stored("bool", array.astype(np.uint8).tobytes())
    if array.dtype == np.int32:
        return Stored("int32", array.astype("<i4").tobytes())
    if weights == "float16":
        return Stored("float32", array.astype("<f2").tobytes(), {"dtype": "float16", "original_dtype": "float32"})
    if weights == "uint8":
        low, scale = grid(array)
        return quantised(np.clip(np.round((array - low) / scale), 0, LEVELS).astype(np.uint8), low, scale)
    return Stored("float32", array.astype("<f4").tobytes())


def restore(data: bytes, spec: dict[str, Any]) -> Array:
    """The numbers of a weight as TensorFlow.js reads them."""
    quantization = spec.get("quantization")
    if quantization is None:
        kinds = {"float32": "<f4", "int32": "<i4", "bool": "u1"}
        array: Array = np.frombuffer(data, kinds[spec["dtype"]])
        array = array.astype(np.bool_) if spec["dtype"] == "bool" else array
    elif quantization["dtype"] == "float16":
        array = np.frombuffer(data, "<f2").astype(np.float32)
    else:
        levels = np.frombuffer(data, np.uint8)
        array = (levels * quantization["scale"] + quantization["min"]).astype(np.float32)
    return array.reshape(spec["shape"])


def write_model(
    folder: Path, graphs: dict[str, Graph], kinds: Mapping[str, str | Stored], metadata: dict[str, Any] | None = None
) -> list[str]:
    """Write each graph as ``folder / name``, all over one set of shards; returns the shards' names.

    kinds: how each constant is stored, by node name, or its bytes; float32 where it is not named.
    """
    constants = {node.name: node for graph in graphs.values() for node in graph.constants}
    weights = []
    blob = bytearray()
    for name, node in constants.items():
        assert node.array is not None
        stored = store(node.array, kinds.get(name, "float32"))
        entry: dict[str, Any] = {"name": name, "shape": list(node.array.shape), "dtype": stored.dtype}
        if stored.quantization:
            entry["quantization"] = stored.quantization
        weights.append(entry)
        blob += stored.data
    count = max(1, -(-len(blob) // SHARD_BYTES))
    names = [f"group1-shard{i + 1}of{count}.bin" for i in range(count)]
    for i, name in enumerate(names):
        (folder / name).write_bytes(blob[i * SHARD_BYTES : (i + 1) * SHARD_BYTES])
    manifest = [{"paths": names, "weights": weights}]
    texts: dict[int, str] = {}  # a graph may be written under two names
    for name, graph in graphs.items():
        if id(graph) in texts:
            (folder / name).write_text(texts[id(graph)], encoding="utf-8")
            continue
        model = {
            "format": "graph-model",
            "generatedBy": f"linelet-convert {version('linelet-convert')}",
            "convertedBy": f"linelet-convert {version('linelet-convert')}",
            "signature": {
                "inputs": {key: _info(tensor, key) for key, tensor in graph.inputs.items()},
                "outputs": {key: _info(tensor, key) for key, tensor in graph.outputs.items()},
            },
            "modelTopology": {"node": [_node(n) for n in graph.nodes], "library": {}, "versions": {"producer": 1}},
            "weightsManifest": manifest,
        }
        if metadata:
            model["userDefinedMetadata"] = metadata
        texts[id(graph)] = json.dumps(model, ensure_ascii=False, separators=(",", ":"))
        (folder / name).write_text(texts[id(graph)], encoding="utf-8")
    return names


def _info(tensor: Tensor, name: str) -> dict[str, Any]:
    loose = dynamic_axes(tensor.shape)
    sizes = [-1 if a in loose else int(tensor.shape[0, a]) for a in range(tensor.rank)]
    return {
        "name": f"{name}:0",
        "dtype": DTYPES[tensor.dtype],
        "tensorShape": {"dim": [{"size": str(s)} for s in sizes]},
    }


def _node(node: Node) -> dict[str, Any]:
    written: dict[str, Any] = {"name": node.name, "op": node.op}
    if node.inputs:
        written["input"] = [t.reference for t in node.inputs]
    if node.attributes:
        written["attr"] = {key: _attribute(value, key) for key, value in node.attributes.items()}
    return written


def _attribute(value: Any, key: str) -> dict[str, Any]:
    if isinstance(value, Dtype):
        return {"type": value.name}
    if key == "shape":
        return {"shape": {"dim": [{"size": str(s)} for s in value]}}
    if isinstance(value, bool):
        return {"b": value}
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        return {"f": value}
    if isinstance(value, str):
        return {"s": base64.b64encode(value.encode()).decode()}
    if all(isinstance(v, str) for v in value) and value:
        return {"list": {"s": [base64.b64encode(v.encode()).decode() for v in value]}}
    return {"list": {"i": [str(v) for v in value]}}
