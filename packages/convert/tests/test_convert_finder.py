"""A finder of lines: a feature pyramid of any height and width, converted exactly, as small as its boxes bear."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from linelet_common.boxes import ONNX_KEY, FinderSpec
from linelet_common.errors import ConversionError
from linelet_convert import finder
from linelet_convert.finder import convert_finder, emit_finder, moved
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model

torch = pytest.importorskip("torch")
nn = torch.nn


def block(inputs: int, outputs: int, stride: int = 1) -> Any:
    """Depthwise, then pointwise, each normalised."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 5, stride, 2, groups=inputs, bias=False), nn.BatchNorm2d(inputs),
        nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
    )  # fmt: skip


class Pyramid(nn.Module):
    """(N, 1, H, W) -> probabilities (N, H / 4, W / 4), from features at 1/4, 1/8 and 1/16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 24, 3, 2, 1), nn.ReLU())
        self.eighth, self.sixteenth = block(24, 40, 2), block(40, 64, 2)
        self.sides = nn.ModuleList(nn.Conv2d(c, 24, 1) for c in (24, 40, 64))
        self.smooth = block(24, 24)
        self.scores = nn.Conv2d(24, 1, 1)

    def forward(self, x: Any) -> Any:
        fine = self.stem(x)
        middle = self.eighth(fine)
        y = self.sides[2](self.sixteenth(middle))
        for side, features in ((self.sides[1], middle), (self.sides[0], fine)):
            y = side(features) + nn.functional.interpolate(y, scale_factor=2.0, mode="nearest")
        return (self.scores(y + self.smooth(y)) * 8).sigmoid().squeeze(1)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("finder") / "finder.onnx"
    axes = {"screens": {0: "N", 2: "H", 3: "W"}, "map": {0: "N", 1: "h", 2: "w"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Pyramid().eval(), (torch.zeros(1, 1, 64, 96),), path, input_names=["screens"], output_names=["map"],
            dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {ONNX_KEY: FinderSpec(step=16).to_json()})
    onnx.save(model, path)
    return path


def assert_exact(path: Path, folder: Path, runtime: Any) -> None:
    file = OnnxFile(path)
    write_model(folder, {"model.json": emit_finder(file, FinderSpec(step=16))}, {})
    for batch, height, width in ((1, 16, 16), (2, 48, 160), (1, 208, 96)):
        screens = np.random.default_rng(height).uniform(-1, 1, (batch, 1, height, width)).astype(np.float32)
        (got,) = runtime.run(folder / "model.json", [{"screens": screens}])
        np.testing.assert_allclose(got["map"], OnnxRuntime(file).run({"screens": screens})["map"], atol=1e-5)


def test_a_finder_takes_screens_of_any_size(path: Path, tmp_path: Path) -> None:
    assert_exact(path, tmp_path, NumpyRuntime())


def test_a_finder_moves_no_pixels_but_to_enlarge_maps(path: Path) -> None:
    operators = set(emit_finder(OnnxFile(path), FinderSpec(step=16)).operators)
    assert "ResizeNearestNeighbor" in operators
    assert not operators & {"Transpose", "Tile", "GatherV2"}


@pytest.mark.browser
def test_a_finder_in_tensorflow_js(path: Path, tmp_path: Path, tfjs: Any) -> None:
    assert_exact(path, tmp_path, tfjs)


def test_a_bundles_finder_is_as_small_as_its_boxes_bear(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder, "SCREENS", 1)
    report = convert_finder(path, tmp_path, NumpyRuntime())
    assert report.max_difference < 1e-4
    assert report.weights in ("uint8", "float16", "float32")
    assert report.moved <= 0.005
    folder = tmp_path / "finder"
    assert {p.suffix for p in folder.iterdir()} == {".json", ".bin"}
    assert FinderSpec.from_json((folder / "finder.json").read_bytes(), "finder.json") == FinderSpec(step=16)
    assert report.bytes == sum(p.stat().st_size for p in folder.iterdir())


def test_a_file_that_is_no_finder_is_refused(path: Path, tmp_path: Path) -> None:
    model = onnx.load(path)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ConversionError, match="carries no finder's spec"):
        convert_finder(tmp_path / "other.onnx", tmp_path, NumpyRuntime())


def test_boxes_that_no_other_side_has_count_as_moved() -> None:
    from linelet_common.boxes import Box

    line, other, wider = Box(0, 0, 100, 20), Box(0, 50, 100, 20), Box(0, 0, 104, 20)
    assert moved([[line, other]], [[wider, other]]) == 0
    assert moved([[line]], [[other]]) == 1
    assert moved([[line, other]], [[line]]) == pytest.approx(1 / 3)
