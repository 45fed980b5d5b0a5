"""Smaller weights of bare graphs, judged by what they give for pictures."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from linelet_common.errors import ConversionError
from linelet_convert.conversion import convert
from linelet_convert.drift import Drift, Trial, measure, trial
from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.third_party import Hints


def save(path: Path, nodes: list[onnx.NodeProto], shape: list[int | str], **held: np.ndarray) -> Path:
    """A network from pictures x to y."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    tensors = [numpy_helper.from_array(array, name) for name, array in held.items()]
    graph = helper.make_graph(nodes, "g", [given], [onnx.ValueInfoProto(name="y")], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def detector(path: Path, outlier: float = 0.0) -> Path:
    """From pictures (N, 3, H, W) to maps (N, 1, H / 4, W / 4) of what is dark; an outlier spoils uint8."""
    rng = np.random.default_rng(0)
    dark = rng.normal(0, 0.01, (64, 3, 7, 7)).astype(np.float32) - 0.05
    dark[0, 0, 0, 0] += outlier
    last = np.full((1, 64, 1, 1), 0.05, np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "dark"], ["a"], pads=[3] * 4, strides=[4, 4]),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "last"], ["c"]), helper.make_node("Sigmoid", ["c"], ["y"]),
    ]  # fmt: skip
    return save(path, nodes, ["N", 3, "H", "W"], dark=dark, last=last)


def test_a_detectors_weights_become_uint8_where_its_map_bears_it(tmp_path: Path) -> None:
    path = detector(tmp_path / "detector.onnx")
    whole = convert(path, tmp_path / "whole", "float32")
    assert (whole.harm, whole.why) == (None, "asked for")
    small = convert(path, tmp_path / "small", "uint8")
    assert isinstance(small.harm, Drift)
    assert small.harm.judged_on == "synthetic screens"
    assert small.harm.outputs is None  # there is a map only
    assert small.harm.boxes
    assert small.harm.loss <= 0.05
    assert small.weights["uint8"] == 64 * 3 * 7 * 7
    assert small.bytes < whole.bytes / 2
    written = json.loads((tmp_path / "small" / "conversion.json").read_text("utf-8"))
    assert written["harm"]["text"] == small.harm.text


def test_unasked_the_smallest_weights_are_taken_that_move_no_box(tmp_path: Path) -> None:
    """An outlier leaves the other numbers one level: then float16 it is."""
    report = convert(detector(tmp_path / "even.onnx"), tmp_path / "even")
    assert report.weights["uint8"] == 64 * 3 * 7 * 7
    assert report.why.startswith("the smallest weights that do nothing noticeable: ")
    report = convert(detector(tmp_path / "spoilt.onnx", -3e4), tmp_path / "spoilt")
    assert report.weights["float16"] == 64 * 3 * 7 * 7 + 64
    assert "uint8" not in report.weights
    assert isinstance(report.harm, Drift)
    assert report.harm.harmless


def test_weights_that_move_the_outputs_too_far_are_refused(tmp_path: Path) -> None:
    path = detector(tmp_path / "detector.onnx")
    with pytest.raises(
        ConversionError,
        match=r"with float16 weights \d\.\d\d% of the map's text changes, "
        r".*\(synthetic screens\), 0\.0% is allowed; .*--",
    ):
        convert(path, tmp_path / "out", "float16", tolerance=0.0)
    assert not (tmp_path / "out").exists()


def recogniser(path: Path, height: int | str = 32) -> Path:
    """From lines (N, 1, H, W) of 32 pixels' height to probabilities (N, W / 4, 40)."""
    kernel = np.random.default_rng(1).normal(0, 0.1, (40, 1, 32, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["a"], strides=[32, 4]),
        helper.make_node("Squeeze", ["a", "two"], ["b"]),
        helper.make_node("Transpose", ["b"], ["c"], perm=[0, 2, 1]),
        helper.make_node("Softmax", ["c"], ["y"], axis=2),
    ]
    return save(path, nodes, ["N", 1, height, "W"], kernel=kernel, two=np.array([2], np.int64))


def test_a_recognisers_weights_are_judged_by_the_relative_difference_of_its_scores(tmp_path: Path) -> None:
    report = convert(recogniser(tmp_path / "m.onnx"), tmp_path / "out", "uint8")
    assert isinstance(report.harm, Drift)
    assert (report.harm.judged_on, report.harm.text, report.harm.boxes, report.harm.moved) == (
        "synthetic lines", None, None, None,
    )  # fmt: skip
    assert report.harm.outputs
    assert 0 < report.harm.outputs <= 0.05
    assert report.weights["uint8"] == 40 * 32 * 4


def test_uint8_weights_that_were_asked_for_are_no_float16(tmp_path: Path) -> None:
    path = detector(tmp_path / "spoilt.onnx", -3e4)
    with pytest.raises(
        ConversionError, match=r"with uint8 weights .* of the map's text changes, .*; use larger weights"
    ):
        convert(path, tmp_path / "out", "uint8")


def test_a_bare_graphs_weights_are_rounded_by_what_they_are_multiplied_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recogniser(tmp_path / "m.onnx")
    adapted = convert(path, tmp_path / "adapted", "uint8")
    monkeypatch.setattr("linelet_convert.conversion.round_network", lambda *_: ({}, {}))
    nearest = convert(path, tmp_path / "nearest", "uint8")
    assert isinstance(adapted.harm, Drift)
    assert isinstance(nearest.harm, Drift)
    assert adapted.harm.outputs
    assert nearest.harm.outputs
    assert adapted.harm.outputs < nearest.harm.outputs


def test_a_datasets_pictures_judge_a_bare_graph(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 256, (20, 60 + 20 * i, 3), np.uint8)
        Image.fromarray(pixels).save(data / "images" / f"{i}.png")
    (data / "labels.txt").write_text("".join(f"images/{i}.png\tx\n" for i in range(3)), "utf-8")
    report = convert(recogniser(tmp_path / "m.onnx"), tmp_path / "out", "uint8", data=data)
    assert isinstance(report.harm, Drift)
    assert (report.harm.judged_on, report.harm.inputs) == (str(data), 3)
    numbers = save(tmp_path / "n.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], ["N", 80],
                   w=np.random.default_rng(0).normal(0, 1, (80, 80)).astype(np.float32))  # fmt: skip
    with pytest.raises(ConversionError, match=r"takes no pictures .*; leave out --data$"):
        convert(numbers, tmp_path / "none", "uint8", data=data)
    report = convert(numbers, tmp_path / "noise", "uint8")
    assert isinstance(report.harm, Drift)
    assert report.harm.judged_on == "noise"


def test_pictures_reach_the_network_as_it_was_trained(tmp_path: Path) -> None:
    """The mean is subtracted per channel, in the network's order of colours."""
    file = OnnxFile(detector(tmp_path / "m.onnx"))
    shapes = {"x": emit_graph(file, ()).inputs["x"].shape}
    plain = trial(file, shapes, Hints(mean=(0.0,), std=(1.0,)), None)
    turned = trial(file, shapes, Hints(color="bgr", mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.2)), None)
    assert len(plain.feeds) == len(plain.sizes) == 3
    for a, b, size in zip(plain.feeds, turned.feeds, plain.sizes, strict=True):
        assert a["x"].shape == (1, 3, *size)
        assert a["x"].min() >= 0
        assert a["x"].max() <= 1
        means, deviations = (np.array(v, np.float32).reshape(1, 3, 1, 1) for v in ((0.1, 0.2, 0.3), (0.5, 0.25, 0.2)))
        np.testing.assert_allclose(b["x"], (a["x"][:, ::-1] - means) / deviations, rtol=1e-4, atol=1e-5)


def test_maps_are_judged_by_text_and_boxes() -> None:
    """Two boxes of 4 x 8 pixels, of which one loses a column, then all but its rim."""
    before = np.zeros((1, 1, 16, 32), np.float32)
    before[0, 0, 2:6, 2:10] = before[0, 0, 9:13, 12:20] = 0.9
    tried = Trial([{}], [], "synthetic screens", [(16, 32)])
    narrower, gone = before.copy(), before.copy()
    narrower[0, 0, 2:6, 2] = 0.2
    gone[0, 0, 2:6, 3:10] = 0.2
    drift = measure(tried, [{"y": before}], [{"y": narrower}])
    assert (drift.text, drift.boxes, drift.moved, drift.outputs) == (4 / 64, 2, 0.0, None)
    assert not drift.harmless  # more of the text than a rim
    drift = measure(tried, [{"y": before}], [{"y": gone}])
    assert (drift.text, drift.moved) == (28 / 64, 1 / 3)  # one of two boxes before, none of one after
    assert drift.loss == 28 / 64


def test_other_outputs_are_judged_by_length_and_by_how_many_differ() -> None:
    tried = Trial([{}], [], "noise", [(0, 0)])
    scores = np.array([[3.0, 4.0]], np.float32)
    moved = scores + np.array([0.5, 0], np.float32)
    assert measure(tried, [{"y": scores}], [{"y": moved}]).outputs == pytest.approx(0.1)
    assert measure(tried, [{"y": np.array([1, 2])}], [{"y": np.array([1, 3])}]).outputs == 0.5
    assert measure(tried, [{"y": scores}], [{"y": np.full_like(scores, np.inf)}]).loss == float("inf")
    infinite = np.array([[np.inf, 4.0]], np.float32)
    assert measure(tried, [{"y": infinite}], [{"y": infinite}]).loss == 0
    assert measure(tried, [{"y": scores * 0}], [{"y": scores * 0}]).loss == 0


def test_an_open_height_is_named_with_height(tmp_path: Path) -> None:
    """Squeeze demands that one row is left, which only the height of 32 leaves."""
    path = recogniser(tmp_path / "m.onnx", "H")
    with pytest.raises(ConversionError, match=r"if it takes pictures of one height only, name it with --height$"):
        convert(path, tmp_path / "out")
    report = convert(path, tmp_path / "out", hints=Hints(height=32))
    assert report.bare
    assert report.check.max_difference < 1e-4
