"""The shipped reader for LiteRT: the same texts as by ONNX Runtime, on lines of its own recipe."""

import numpy as np
import pytest

from linelet_common import open_dataset
from linelet_common.cli import main
from linelet_common.preprocess import prepare
from linelet_common.reader import decode, onnx_path
from linelet_common.spec import ReaderSpec
from linelet_convert import convert
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import OnnxRuntime
from linelet_convert.tflite import LiteRtRuntime

WIDTH = 480


@pytest.mark.parametrize("weights", ["float32", "uint8"])
def test_litert_reads_a_hundred_lines_as_onnx_runtime_does(tmp_path, weights):
    """Rounded weights may change a line that the network is in doubt about."""
    pytest.importorskip("ai_edge_litert")
    lines = tmp_path / "lines"
    assert main(["synth", "health-app", "--out", str(lines), "--count", "130", "--seed", "5"]) == 0
    path = onnx_path("health-app")
    report = convert(path, tmp_path / "bundle", weights, tflite=[WIDTH])
    (lite,) = report.tflite
    assert lite.bytes < (0.6e6 if weights == "uint8" else 2.1e6)
    spec = ReaderSpec.load(tmp_path / "bundle" / "spec.json").model_copy(update={"widths": (WIDTH,)})
    dataset = open_dataset(lines)
    images = [prepare(dataset.image(i), spec)[None] for i in range(len(dataset))]
    feeds = [{"images": image} for image in images if image.shape[3] == WIDTH][:100]
    assert len(feeds) == 100
    file = OnnxFile(path)
    wanted = [decode(OnnxRuntime(file).run(feed)["scores"], spec)[0] for feed in feeds]
    outputs = LiteRtRuntime().run(tmp_path / "bundle" / lite.file, feeds)
    got = [decode(np.asarray(output["scores"]), spec)[0].text for output in outputs]
    others = [reading for reading, text in zip(wanted, got, strict=True) if reading.text != text]
    assert len(others) <= (2 if weights == "uint8" else 0)
    assert all(reading.confidence < 0.5 for reading in others)
    assert len(set(got)) > 50
