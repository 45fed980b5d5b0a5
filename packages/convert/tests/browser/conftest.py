"""What the browser tests share: Node, Chromium, and the reader's files. They fail, rather than skip, without them."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from linelet_common import ReaderSpec, sample
from linelet_common.boxes import ONNX_KEY, FinderSpec
from linelet_common.fields import Field
from linelet_common.grammar import Grammar
from linelet_convert.assets import PAGE, READER
from linelet_convert.conversion import convert
from linelet_convert.serve import make_server
from linelet_read.finder import OnnxFinder

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def node() -> str:
    path = shutil.which("node")
    assert path, "the browser tests need Node 20 or later; install it or leave them out with -m 'not browser'"
    return path


@pytest.fixture(scope="session")
def run_vectors(node: str) -> Callable[[list[dict[str, Any]]], list[Any]]:
    """Run cases through the reader's modules in Node; a refused case comes back as its message."""

    def run(cases: list[dict[str, Any]]) -> list[Any]:
        job = json.dumps({"web": READER.as_uri() + "/", "cases": cases})
        done = subprocess.run(
            [node, str(HERE / "vectors.mjs")], input=job, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return [r["result"] if "result" in r else f"{r['name']}: {r['error']}" for r in json.loads(done.stdout)]

    return run


def network_onnx(path: Path, spec: ReaderSpec, picture: Path | None = PAGE / "sample.png") -> Path:
    """An ONNX reader without training: one convolution over columns of 4 pixels, T = W / 4, fixed random weights.

    Texts are arbitrary, but they depend on every pixel: right for comparing runtimes, and made without torch.
    """
    rng = np.random.default_rng(7)
    kernel = rng.normal(0, 0.12, (spec.classes, spec.channels, spec.height, 4)).astype(np.float32)
    bias = rng.normal(0, 0.5, spec.classes).astype(np.float32)
    if spec.unknown:
        bias[-1] = -1.5  # in some lines only: a text that holds it has no confidence to compare
    helper = onnx.helper
    nodes = [
        helper.make_node("Conv", ["images", "kernel", "bias"], ["conv"], strides=[spec.height, 4]),  # (N, C, 1, T)
        helper.make_node("Squeeze", ["conv", "axis"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["scores"], perm=[0, 2, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "columns",
        [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, ["N", spec.channels, spec.height, "W"])],
        [helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, ["N", "T", spec.classes])],
        [
            onnx.numpy_helper.from_array(kernel, "kernel"),
            onnx.numpy_helper.from_array(bias, "bias"),
            onnx.numpy_helper.from_array(np.array([2], dtype=np.int64), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    carried = {sample.ONNX_KEY: sample.sample_to_text(picture.read_bytes())} if picture else {}
    onnx.helper.set_model_props(model, {"linelet_spec": spec.to_json(), **carried})
    onnx.save(model, path)
    return path


def finder_onnx(path: Path) -> Path:
    """An ONNX finder without training: where neighbouring pixels differ, joined over a few cells of a row.

    It finds text on plain background, and whatever else has edges: right for comparing runtimes, made without torch.
    """
    helper, constant = onnx.helper, onnx.numpy_helper.from_array
    kernel = np.zeros((2, 1, 2, 2), np.float32)
    kernel[0, 0, 0], kernel[1, 0, :, 0] = [1, -1], [1, -1]
    nodes = [
        helper.make_node("Conv", ["screens", "kernel"], ["steps"], pads=[0, 0, 1, 1]),
        helper.make_node("Abs", ["steps"], ["edges"]),
        helper.make_node("Conv", ["edges", "cells"], ["contrast"], strides=[4, 4]),
        helper.make_node("Conv", ["contrast", "row"], ["rows"], pads=[0, 3, 0, 3]),
        helper.make_node("Sigmoid", ["rows"], ["chances"]),
        helper.make_node("Squeeze", ["chances", "axis"], ["map"]),
    ]
    graph = helper.make_graph(
        nodes,
        "edges",
        [helper.make_tensor_value_info("screens", onnx.TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [helper.make_tensor_value_info("map", onnx.TensorProto.FLOAT, ["N", "h", "w"])],
        [
            constant(kernel, "kernel"),
            constant(np.full((1, 2, 4, 4), 1 / 16, np.float32), "cells"),
            constant(np.full((1, 1, 1, 7), 40 / 7, np.float32), "row"),
            constant(np.array([1], dtype=np.int64), "axis"),
        ],
    )
    # The sigmoid's middle lies where a tenth of the full contrast is.
    graph.node[3].input.append("bias")
    graph.initializer.append(constant(np.array([-4], np.float32), "bias"))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, {ONNX_KEY: FinderSpec(name="edges", shrink=0.1).to_json()})
    onnx.save(model, path)
    return path


class OnnxReader:
    """linelet_common's Reader over ONNX Runtime: the reference."""

    def __init__(self, path: Path, spec: ReaderSpec) -> None:
        self.spec = spec
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def scores(self, batch: np.ndarray) -> np.ndarray:
        return np.asarray(self.session.run(None, {"images": batch})[0])


@dataclass(frozen=True)
class Served:
    """A bundle behind ``linelet serve``: its folder, address and the same networks in ONNX Runtime."""

    folder: Path
    url: str
    onnx: Path
    reader: OnnxReader
    finder: OnnxFinder


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a bundle on a free port, as `linelet serve` does; returns its address."""
    servers = []

    def start(bundle: Path) -> str:
        server = make_server(bundle, 0)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://localhost:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def make_served(folder: Path, spec: ReaderSpec, serve: Callable[[Path], str]) -> Served:
    path = network_onnx(folder / "reader.onnx", spec)
    finder = finder_onnx(folder / "finder.onnx")
    bundle = folder / "bundle"
    convert(path, bundle, "float32", finder=finder)  # so that confidences can be compared
    reader = OnnxReader(path, ReaderSpec.load(bundle / "spec.json"))
    return Served(bundle, serve(bundle), path, reader, OnnxFinder(finder))


@pytest.fixture(scope="session")
def networks() -> tuple[Callable[..., Path], Callable[[Path], Path]]:
    """What writes a reader, and what writes a finder."""
    return network_onnx, finder_onnx


CHARSET = "0123456789.%公斤体脂率水分标准偏高"
GRAMMAR = Grammar(
    forms=("{field}{0..100:.1f}%", "{field}{status}", "{3..150}公斤"),
    vocabulary={"field": ("体脂率", "水分"), "status": ("标准", "偏高")},
)
# What an untrained network reads is never in the grammar: these fields are there to be shown as absent.
FIELDS = {"weight": Field(name="体", form="{0..150:.1f}公斤"), "fat": Field(name="脂", form="{0..99}%")}


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path], str]) -> Served:
    """A bundle for lines of any width."""
    spec = ReaderSpec(charset=CHARSET, name="test reader", unknown=True, grammar=GRAMMAR, fields=FIELDS)
    return make_served(tmp_path_factory.mktemp("bundle"), spec, serve)


@pytest.fixture(scope="session")
def served_widths(tmp_path_factory: pytest.TempPathFactory, serve: Callable[[Path], str]) -> Served:
    """A bundle with a network for each of three widths, as recurrent networks have."""
    spec = ReaderSpec(charset=CHARSET, name="widths", widths=(64, 128, 320))
    return make_served(tmp_path_factory.mktemp("widths"), spec, serve)


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """An empty tab whose console must stay free of errors."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"], locale="en-GB")
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.set_default_timeout(30_000)
    yield page
    context.close()
