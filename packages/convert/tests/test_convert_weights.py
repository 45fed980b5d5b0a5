"""By which lines smaller weights are judged, and which weights a conversion chooses by itself."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from linelet_common.codec import Reading
from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_convert.conversion import convert
from linelet_convert.quantise import MADE_LINES, Sample, measure, telling


def readings(sure, doubted, text="7"):
    return [Reading(text, 0.9, ())] * sure + [Reading(text, 0.1, ())] * doubted


def test_made_lines_that_the_reader_doubts_do_not_count_unless_it_doubts_most():
    made = Sample([], None, "synthetic lines")
    half = MADE_LINES // 2
    assert telling(readings(half, half), made) == list(range(half))
    assert telling(readings(3, MADE_LINES - 3), made) == list(range(MADE_LINES))
    changed = readings(half, 0) + readings(0, half, text="1")
    assert measure(readings(half, half), changed, made).changed == 0
    assert measure(readings(half, half), changed[::-1], made).changed == 1


def test_lines_with_labels_all_count():
    data = Sample([], ["7"] * 10, "data")
    assert telling(readings(5, 5), data) == list(range(10))
    harm = measure(readings(5, 5), readings(5, 0) + readings(0, 5, text="1"), data)
    assert (harm.exact_before, harm.exact_after) == (1.0, 0.5)


def test_a_confidence_that_enters_another_band_counts_though_the_text_stays():
    made = Sample([], None, "synthetic lines")
    before = [Reading("7", confidence, ()) for confidence in [0.95] * MADE_LINES]
    after = [Reading("7", confidence, ()) for confidence in [0.95] * (MADE_LINES - 2) + [0.91, 0.89]]
    harm = measure(before, after, made)
    assert (harm.changed, harm.moved) == (0, 1 / MADE_LINES)


def reader_onnx(path: Path, kernel: np.ndarray, bias: np.ndarray) -> Path:
    """A network of one convolution over columns of 4 pixels."""
    spec = ReaderSpec(charset="0123456789", height=kernel.shape[2])
    nodes = [
        helper.make_node("Conv", ["images", "kernel", "bias"], ["conv"], strides=[spec.height, 4]),
        helper.make_node("Squeeze", ["conv", "axis"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["scores"], perm=[0, 2, 1]),
    ]
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, spec.height, "W"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", "T", spec.classes])
    arrays = {"kernel": kernel, "bias": bias, "axis": np.array([2], dtype=np.int64)}
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "columns", [given], [scores], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, {ONNX_KEY: spec.to_json()})
    onnx.save(model, path)
    return path


HEIGHT = 104  # 11 classes of 4 columns: enough numbers for uint8


def test_the_smallest_harmless_weights_are_chosen_unasked(tmp_path: Path) -> None:
    """A network whose classes lie far apart bears uint8; it is named in the report, with the reason."""
    kernel = np.zeros((11, 1, HEIGHT, 4), np.float32)
    kernel[3] = 1.0
    bias = np.full(11, -50, np.float32)
    bias[3] = 50
    report = convert(reader_onnx(tmp_path / "m.onnx", kernel, bias), tmp_path / "out")
    assert report.weights["uint8"] == kernel.size
    assert re.fullmatch(
        r"the smallest weights that change none of \d+ texts and move no confidence past 0\.5 or 0\.9 "
        r"\(synthetic lines\)",
        report.why,
    )
    assert json.loads((tmp_path / "out/conversion.json").read_text())["why"] == report.why
    assert report.harm
    assert (report.harm.changed, report.harm.moved) == (0, 0)
    assert report.bytes < convert(tmp_path / "m.onnx", tmp_path / "whole", "float32").bytes - 2 * kernel.size


def test_weights_stay_whole_where_any_smaller_ones_change_a_text(tmp_path: Path) -> None:
    rows = np.random.default_rng(3).normal(0, 1, (1, 1, HEIGHT, 4)).astype(np.float32)
    steps = 1 + np.linspace(0, 1e-3, 11, dtype=np.float32).reshape(-1, 1, 1, 1)  # classes float16 cannot tell apart
    report = convert(reader_onnx(tmp_path / "m.onnx", rows * steps, np.zeros(11, np.float32)), tmp_path / "out")
    assert report.weights == {"float32": rows.size * 11 + 11, "int32": report.weights["int32"]}
    assert report.harm is None
    assert report.why.startswith("even float16 weights change ")
