"""What the converter's tests share: one-node models, torch networks, and a TensorFlow.js that stays up in Node."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from linelet_convert.convert import emit_graph
from linelet_convert.emitter import SIMPLIFICATIONS, safe_name
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model

Array = NDArray[Any]

_TYPES = {
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
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


class NodeServer:
    """TensorFlow.js from npm, in one Node process for all tests. ``run`` is a Runtime's."""

    def __init__(self, folder: Path) -> None:
        self.backend = "wasm"
        self.name = "TensorFlow.js"
        script = Path(__file__).parent / "node" / "server.mjs"
        self._process = subprocess.Popen(
            ["node", str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=script.parent,
        )

    def run(self, model: Path, batches: list[dict[str, Array]]) -> list[dict[str, Array]]:
        sent = [
            {n: {"data": a.reshape(-1).tolist(), "shape": list(a.shape), "dtype": _kind(a)} for n, a in b.items()}
            for b in batches
        ]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"model": str(model), "backend": self.backend, "batches": sent}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise AssertionError(f"{self.backend}: {answer['error']}")
        return [
            {n: np.array(t["data"], dtype=t["dtype"]).reshape(t["shape"]) for n, t in batch.items()}
            for batch in answer["outputs"]
        ]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def _kind(array: Array) -> str:
    return {"f": "float32", "i": "int32", "b": "bool"}[array.dtype.kind]


@pytest.fixture(scope="session")
def tfjs() -> Iterator[NodeServer]:
    """Real TensorFlow.js. Its npm packages are installed into tests/node (or $LINELET_TFJS_MODULES) beforehand."""
    folder = Path(os.environ.get("LINELET_TFJS_MODULES", Path(__file__).parent / "node" / "node_modules"))
    if shutil.which("node") is None:
        pytest.skip("Node is not installed")
    if not (folder / "@tensorflow" / "tfjs-converter").exists():
        pytest.skip(f"run 'npm install' in {folder.parent}: TensorFlow.js is not there")
    server = NodeServer(folder)
    yield server
    server.close()


@pytest.fixture(scope="session")
def compare(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """compare(case, runtime=..., tolerance=...): convert, run, compare with ONNX Runtime; returns the operators."""
    folder = tmp_path_factory.mktemp("one")

    def run(
        case: Case, runtime: Any = None, tolerance: float = 1e-4, simplifications: frozenset[str] = SIMPLIFICATIONS
    ) -> list[str]:
        path = folder / "one.onnx"
        path.write_bytes(case.model().SerializeToString())
        file = OnnxFile(path)
        graph = emit_graph(file, (), simplifications)
        write_model(folder, {"model.json": graph}, {})
        wanted = OnnxRuntime(file).run(case.inputs)
        feeds = {safe_name(n): a for n, a in case.inputs.items()}
        (got,) = (runtime or NumpyRuntime()).run(folder / "model.json", [feeds])
        for name, expected in wanted.items():
            actual = got[safe_name(name)]
            assert actual.shape == expected.shape, (name, actual.shape, expected.shape)
            if expected.dtype == np.bool_:
                np.testing.assert_array_equal(actual, expected)
            else:
                np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
        return graph.operators

    return run
