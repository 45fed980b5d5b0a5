"""What the converter's tests share: the comparison of a model, and a TensorFlow.js that stays up in Node."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linelet_convert.emit import safe_name
from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model
from linelet_convert.values import SIMPLIFICATIONS

Array = NDArray[Any]


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
    """Real TensorFlow.js, fetched from npm into tests/node once; or from $LINELET_TFJS_MODULES."""
    own = Path(__file__).parent / "node"
    folder = Path(os.environ.get("LINELET_TFJS_MODULES", own / "node_modules"))
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        pytest.skip("Node is not installed")
    if not (folder / "@tensorflow" / "tfjs-converter").exists():
        options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        subprocess.run([npm, "install", *options], cwd=own, check=True, capture_output=True)
    server = NodeServer(folder)
    yield server
    server.close()


@pytest.fixture(scope="session")
def compare(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """compare(case, runtime=..., tolerance=...): convert, run, compare with ONNX Runtime; returns the operators."""
    folder = tmp_path_factory.mktemp("one")

    def run(
        case: Any, runtime: Any = None, tolerance: float = 1e-4, simplifications: frozenset[str] = SIMPLIFICATIONS
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
