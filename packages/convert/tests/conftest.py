"""What the converter's tests share: the comparison of a model, and a TensorFlow.js that stays up in Node."""

import json
import math
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import pytest
from numpy.typing import NDArray

from linelet_convert.assets import build_runtime
from linelet_convert.emit import safe_name
from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model
from linelet_convert.values import SIMPLIFICATIONS

Array = NDArray[Any]


# Runs a graph model in a page, as node/server.mjs does in Node. Arrays travel as lists: they are small.
PAGE_SCRIPT = """
async ({ backend, batches }) => {
  const tf = await import("/core.js");
  await import(`/${backend}.js`);
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  const json = await (await fetch("/model/model.json")).json();
  const paths = json.weightsManifest.flatMap((group) => group.paths);
  const parts = await Promise.all(paths.map(async (path) => (await fetch(`/model/${path}`)).arrayBuffer()));
  const weightSpecs = json.weightsManifest.flatMap((group) => group.weights);
  const weightData = await new Blob(parts).arrayBuffer();
  const graph = new tf.GraphModel({
    load: async () => ({ modelTopology: json.modelTopology, signature: json.signature, weightSpecs, weightData }),
  });
  await graph.load();
  const wanted = Object.keys(graph.modelSignature.outputs);
  const outputs = [];
  for (const batch of batches) {
    const feeds = Object.fromEntries(
      Object.entries(batch).map(([name, { data, shape, dtype }]) => [name, tf.tensor(data, shape, dtype)]),
    );
    const results = [graph.execute(feeds, wanted)].flat();
    const described = {};
    for (const [i, t] of results.entries()) {
      described[wanted[i]] = { data: Array.from(await t.data(), Number), shape: t.shape, dtype: t.dtype };
    }
    outputs.push(described);
    tf.dispose([Object.values(feeds), results]);
  }
  graph.dispose();
  return outputs;
}
"""


class ShippedTfjs:
    """The TensorFlow.js that ships, on ``backend``: wasm and cpu in Node, webgl and webgpu in Chromium; a Runtime."""

    def __init__(self, folder: Path, browser: Callable[[], Any]) -> None:
        self.backend = "wasm"
        self._folder, self._browser = folder, browser
        self._page: Any = None
        self._model = folder
        script = Path(__file__).parent / "node" / "server.mjs"
        self._process = subprocess.Popen(
            ["node", str(script), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=script.parent,
        )

    @property
    def name(self) -> str:
        return f"TensorFlow.js ({self.backend})"

    def run(self, model: Path, batches: list[dict[str, Array]]) -> list[dict[str, Array]]:
        sent = [
            {n: {"data": a.reshape(-1).tolist(), "shape": list(a.shape), "dtype": _kind(a)} for n, a in b.items()}
            for b in batches
        ]
        run = self._in_node if self.backend in ("wasm", "cpu") else self._in_chromium
        return [
            {n: np.array(t["data"], dtype=t["dtype"]).reshape(t["shape"]) for n, t in batch.items()}
            for batch in run(model, sent)
        ]

    def _in_node(self, model: Path, batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for array in (array for batch in batches for array in batch.values()):
            # JSON has neither NaN nor infinities; Number() in server.mjs reads these words.
            array["data"] = [v if math.isfinite(v) else _WORDS[str(v)] for v in array["data"]]
        self._process.stdin.write(json.dumps({"model": str(model), "backend": self.backend, "batches": batches}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise AssertionError(f"{self.backend}: {answer['error']}")
        outputs: list[dict[str, Any]] = answer["outputs"]
        return outputs

    def _in_chromium(self, model: Path, batches: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self._model = model.parent
        if self._page is None:
            self._page = self._browser().new_page()
            self._page.route("**/*", self._answer)
            self._page.goto("http://localhost/")
        outputs: list[dict[str, Any]] = self._page.evaluate(PAGE_SCRIPT, {"backend": self.backend, "batches": batches})
        return outputs

    def _answer(self, route: Any) -> None:
        path = urlparse(route.request.url).path
        if path == "/":
            route.fulfill(body="<!doctype html><title>TensorFlow.js</title>", content_type="text/html")
            return
        file = self._model / path.removeprefix("/model/") if path.startswith("/model/") else self._folder / path[1:]
        route.fulfill(path=file, content_type="text/javascript" if file.suffix == ".js" else "application/octet-stream")

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _kind(array: Array) -> str:
    return {"f": "float32", "i": "int32", "b": "bool"}[array.dtype.kind]


@pytest.fixture(scope="session")
def shipped_tfjs(request: pytest.FixtureRequest) -> Iterator[ShippedTfjs]:
    """The TensorFlow.js that ships with the reader."""
    shipped = ShippedTfjs(build_runtime(), lambda: request.getfixturevalue("chromium"))
    yield shipped
    shipped.close()


@pytest.fixture(params=["wasm", "cpu", "webgl", "webgpu"])
def tfjs(shipped_tfjs: ShippedTfjs, request: pytest.FixtureRequest) -> ShippedTfjs:
    """The TensorFlow.js that ships, on each of its backends in turn."""
    shipped_tfjs.backend = request.param
    return shipped_tfjs


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; LINELET_CHROMIUM names another one."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("LINELET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "the browser tests need Chromium; install it or name it in LINELET_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            # SwiftShader stands in for a graphics card, for WebGL and WebGPU alike.
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--enable-unsafe-swiftshader",
                "--enable-unsafe-webgpu",
                "--use-webgpu-adapter=swiftshader",
            ],
        )
        yield browser
        browser.close()


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
