"""Every network that `linelet train` offers is read in Chromium, on each backend, with the TensorFlow.js that ships."""

import base64
import io
import os
import shutil
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from linelet_common import ReaderSpec
from linelet_common.spec import ONNX_KEY
from linelet_read import read_lines

torch = pytest.importorskip("torch")

from linelet_model.networks import NETWORKS, network_class  # noqa: E402

pytestmark = pytest.mark.browser

CHARSET = "0123456789.%公斤体脂率水分标准偏高"
WIDTHS = (96, 192)
BACKENDS = ("wasm", "webgl", "webgpu", "cpu")
READ = """
async ([bundle, backend, images]) => {
  const { loadReader } = await import(new URL("linelet.js", bundle));
  const reader = await loadReader(bundle, { backend });
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const blobs = images.map((image) => new Blob([bytes(image)], { type: "image/png" }));
  const readings = await reader.read(blobs);
  return [reader.backend, readings.map(({ text, confidence }) => [text, confidence])];
}
"""


class OnnxReader:
    def __init__(self, path, spec):
        self.spec = spec
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def scores(self, batch):
        return self.session.run(None, {self.session.get_inputs()[0].name: batch})[0]


def export(name, path):
    """An untrained network as ONNX; its weights are large enough for texts that differ from line to line."""
    kind = network_class(name)
    torch.manual_seed(0)
    network = kind(len(CHARSET) + 1).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, (torch.randn(1, 1, kind.height, WIDTHS[0]),), path, input_names=["images"],
            output_names=["scores"], dynamic_axes={"images": {0: "N", 3: "W"}, "scores": {0: "N", 1: "T"}},
            opset_version=17, dynamo=False,
        )  # fmt: skip
    spec = ReaderSpec(
        charset=CHARSET, widths=WIDTHS, stride=kind.stride, frames_lost=kind.frames_lost, height=kind.height
    )
    model = onnx.load(path)
    # Sharper scores: an untrained network's best two classes would lie within rounding of each other.
    *_, weight, bias = [t for t in model.graph.initializer if len(CHARSET) + 1 in t.dims][-2:]
    for tensor in (weight, bias):
        sharp = onnx.numpy_helper.to_array(tensor) * np.float32(30)
        if sharp.ndim == 1:
            sharp[0] = -10  # not nothing but blanks
        tensor.CopyFrom(onnx.numpy_helper.from_array(sharp, tensor.name))
    onnx.helper.set_model_props(model, {ONNX_KEY: spec.to_json()})
    onnx.save(model, path)
    return spec


def lines():
    rng = np.random.default_rng(3)
    sizes = [(20, 50), (40, 200)]
    return [rng.integers(0, 256, (h // 4, w // 4, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1) for h, w in sizes]


def encoded(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


# Networks on torchvision's backbones have a session of their own.
NAMES = [
    pytest.param(name, marks=pytest.mark.torchvision) if place.startswith("linelet_model.networks.pictures") else name
    for name, place in NETWORKS.items()
]


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_read_on_every_backend(name, tmp_path):
    from linelet_convert import convert, make_server

    spec = export(name, tmp_path / "reader.onnx")
    convert(tmp_path / "reader.onnx", tmp_path / "bundle", "float32")
    wanted = read_lines(OnnxReader(tmp_path / "reader.onnx", spec), lines())
    assert any(reading.text for reading in wanted)
    server = make_server(tmp_path / "bundle", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://localhost:{server.server_address[1]}/"

    def run():
        from playwright.sync_api import sync_playwright

        chromium = os.environ.get("LINELET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        flags = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--enable-unsafe-webgpu"]
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=[*flags, "--use-webgpu-adapter=swiftshader"])
            page = browser.new_page()
            page.set_default_timeout(300_000)
            page.goto(url + "spec.json")
            results = [page.evaluate(READ, [url, backend, [encoded(i) for i in lines()]]) for backend in BACKENDS]
            browser.close()
        return results

    try:
        # A thread of its own: Playwright allows one synchronous session a thread, and other tests keep theirs open.
        with ThreadPoolExecutor(1) as pool:
            results = pool.submit(run).result()
    finally:
        server.shutdown()
        server.server_close()
    for backend, (used, rows) in zip(BACKENDS, results, strict=True):
        assert used == backend
        assert [text for text, _ in rows] == [reading.text for reading in wanted], backend
        np.testing.assert_allclose([c for _, c in rows], [r.confidence for r in wanted], atol=1e-3, err_msg=backend)
