"""The four networks of Linelet, as torch exports them, converted and compared."""

import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest

from linelet_common.errors import ConversionError
from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_convert.conversion import convert, embedded_spec
from linelet_convert.graphs import emit_reader
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model

torch = pytest.importorskip("torch")
nn = torch.nn

CHARSET = "0123456789.%BMI对比上次测量"
CLASSES = len(CHARSET) + 1


def vgg():
    def block(i, o, norm=False):
        return [nn.Conv2d(i, o, 3, 1, 1), *([nn.BatchNorm2d(o)] if norm else []), nn.ReLU()]

    return nn.Sequential(
        *block(1, 16), nn.MaxPool2d(2, 2), *block(16, 24), nn.MaxPool2d(2, 2), *block(24, 32, True), *block(32, 32),
        nn.MaxPool2d((2, 1), (2, 1)), *block(32, 48, True), nn.MaxPool2d((2, 1), (2, 1)), nn.Conv2d(48, 48, 2, 1, 0),
        nn.BatchNorm2d(48), nn.ReLU(),
    )  # fmt: skip


def small():
    def block(i, o, stride):
        return [nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]

    return nn.Sequential(
        *block(1, 8, 2), *block(8, 16, 2), *block(16, 24, (2, 1)), *block(24, 32, (2, 1)),
        nn.Conv2d(32, 32, (2, 1), bias=False), nn.BatchNorm2d(32), nn.ReLU(),
    )  # fmt: skip


class Recurrent(nn.Module):
    def __init__(self, cnn, size, hidden, kind, layers):
        super().__init__()
        self.cnn = cnn
        self.rnn = getattr(nn, kind)(size, hidden, layers, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * hidden, CLASSES)

    def forward(self, x):
        sequence = self.cnn(x).squeeze(2).permute(0, 2, 1)
        return self.linear(self.rnn(sequence)[0])


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv1d(channels, channels, 9, padding=4, groups=channels, bias=False),
            nn.Conv1d(channels, channels, 1, bias=False), nn.BatchNorm1d(channels), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x):
        return x + self.block(x)


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = small()
        self.head = nn.Sequential(Residual(32), Residual(32))
        self.linear = nn.Linear(32, CLASSES)

    def forward(self, x):
        return self.linear(self.head(self.cnn(x).squeeze(2)).permute(0, 2, 1))


NETWORKS = {
    "reference-lstm": lambda: Recurrent(vgg(), 48, 20, "LSTM", 2),
    "reference-gru": lambda: Recurrent(vgg(), 48, 20, "GRU", 1),
    "light-gru": lambda: Recurrent(small(), 32, 12, "GRU", 1),
    "light-conv": Convolutional,
}


def export(name: str, path: Path, widths: tuple[int, ...] = (), dynamo: bool = False) -> Path:
    torch.manual_seed(1)
    network = NETWORKS[name]().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 1.5)
    example = (torch.randn(2, 1, 32, 128),)
    axes = {"images": {0: "N", 3: "W"}, "scores": {0: "N", 1: "T"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            dims = torch.export.Dim
            program = torch.onnx.export(
                network, example, input_names=["images"], output_names=["scores"], dynamo=True, verbose=False,
                dynamic_shapes=({0: dims("N"), 3: dims.AUTO},), optimize=True,
            )  # fmt: skip
            program.save(path)
        else:
            torch.onnx.export(
                network, example, path, input_names=["images"], output_names=["scores"], dynamic_axes=axes,
                opset_version=17, dynamo=False,
            )  # fmt: skip
    model = onnx.load(path)
    entry = model.metadata_props.add()
    entry.key = ONNX_KEY
    entry.value = ReaderSpec(charset=CHARSET, widths=widths, network=name).to_json()
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_becomes_a_bundle_whose_scores_and_texts_are_onnx_runtimes(name: str, tmp_path: Path) -> None:
    path = export(name, tmp_path / "reader.onnx", () if name == "light-conv" else (128,))
    report = convert(path, tmp_path / "bundle")
    assert report.check.max_difference < 1e-4
    assert report.check.lines > 0
    assert report.check.texts_equal == report.check.lines
    spec = ReaderSpec.load(tmp_path / "bundle" / "spec.json")
    assert spec.charset == CHARSET
    model = json.loads((tmp_path / "bundle" / "model.json").read_text("utf-8"))
    assert model["format"] == "graph-model"
    assert list(model["signature"]["inputs"]) == ["images"]
    assert list(model["signature"]["outputs"]) == ["scores"]
    written = json.loads((tmp_path / "bundle" / "conversion.json").read_text("utf-8"))
    assert written["check"]["texts_equal"] == report.check.texts_equal


def test_the_convolutional_network_takes_any_width_and_moves_no_pixels(tmp_path: Path) -> None:
    path = export("light-conv", tmp_path / "reader.onnx")
    file = OnnxFile(path)
    spec = embedded_spec(file)
    assert spec is not None
    spec, graphs = emit_reader(file, spec, ())
    assert spec.widths == ()
    assert "Transpose" not in graphs[0].operators
    assert "Reshape" not in graphs[0].operators  # it would need to know the width
    write_model(tmp_path, {"model.json": graphs[0]}, {})
    random = np.random.default_rng(0)
    for batch, width in ((1, 32), (5, 64), (2, 736)):
        images = random.standard_normal((batch, 1, 32, width)).astype(np.float32)
        (got,) = NumpyRuntime().run(tmp_path / "model.json", [{"images": images}])
        np.testing.assert_allclose(got["scores"], OnnxRuntime(file).run({"images": images})["scores"], atol=1e-4)


def test_widths_share_one_weights_file(tmp_path: Path) -> None:
    path = export("light-gru", tmp_path / "reader.onnx")
    single = convert(path, tmp_path / "one", widths=(96,))
    report = convert(path, tmp_path / "many", widths=(160, 64, 96))
    assert list(report.models) == [64, 96, 160]
    assert ReaderSpec.load(tmp_path / "many" / "spec.json").widths == (64, 96, 160)
    manifests = [
        json.loads((tmp_path / "many" / m).read_text("utf-8"))["weightsManifest"] for m in report.models.values()
    ]
    assert manifests[0] == manifests[1] == manifests[2]
    shards = sum(p.stat().st_size for p in (tmp_path / "many").glob("*.bin"))
    alone = sum(p.stat().st_size for p in (tmp_path / "one").glob("*.bin"))
    assert shards < alone + 1000  # a few shapes more, no weights
    assert single.check.lines


def test_a_recurrent_network_without_a_width_says_what_to_do(tmp_path: Path) -> None:
    path = export("light-gru", tmp_path / "reader.onnx")
    with pytest.raises(ConversionError, match=r"GRU node .*--width 200,400"):
        convert(path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_charset_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = export("light-conv", tmp_path / "reader.onnx")
    with pytest.raises(ConversionError, match="4 classes"):
        convert(path, tmp_path / "bundle", spec=ReaderSpec(charset="abc"))
