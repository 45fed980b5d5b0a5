"""Networks that round to 8 bits while they run, made by ONNX Runtime's own tools: converted without the roundings."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from linelet_common.errors import ConversionError
from linelet_convert.conversion import convert
from linelet_convert.drift import Drift
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.roundings import leave_out
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import restore, store

HEIGHT = 16


def recogniser(path: Path, lstm: bool = False) -> Path:
    """From lines (N, 1, 16, W) to probabilities (N, W / 4, 20): two convolutions, a product, an LSTM on request."""
    rng = np.random.default_rng(0)
    held = {
        "k1": rng.normal(0, 0.3, (16, 1, 3, 3)), "b1": rng.normal(0, 0.1, 16),
        "k2": rng.normal(0, 0.1, (32, 16, 4, 4)), "m": rng.normal(0, 0.3, (32, 20)), "b3": rng.normal(0, 0.1, 20),
        "W": rng.normal(0, 0.2, (1, 64, 32)), "R": rng.normal(0, 0.2, (1, 64, 16)), "B": rng.normal(0, 0.1, (1, 128)),
        "m2": rng.normal(0, 0.5, (16, 20)),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "k1", "b1"], ["a"], pads=[1] * 4), helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "k2"], ["c"], strides=[4, 4]), helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("ReduceMean", ["d"], ["e"], axes=[2], keepdims=0),
    ]  # fmt: skip
    if lstm:
        nodes += [
            helper.make_node("Transpose", ["e"], ["f"], perm=[2, 0, 1]),
            helper.make_node("LSTM", ["f", "W", "R", "B"], ["g", "", ""], hidden_size=16),
            helper.make_node("Squeeze", ["g", "one"], ["h"]),
            helper.make_node("Transpose", ["h"], ["i"], perm=[1, 0, 2]),
            helper.make_node("MatMul", ["i", "m2"], ["j"]),
        ]  # fmt: skip
    else:
        nodes += [
            helper.make_node("Transpose", ["e"], ["f"], perm=[0, 2, 1]), helper.make_node("MatMul", ["f", "m"], ["j"]),
        ]  # fmt: skip
    nodes += [helper.make_node("Add", ["j", "b3"], ["l"]), helper.make_node("Softmax", ["l"], ["y"], axis=2)]
    tensors = [numpy_helper.from_array(a.astype(np.float32), n) for n, a in held.items()]
    tensors.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, HEIGHT, 48 if lstm else "W"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "T", 20])],
        [t for t in tensors if t.name in used],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


class Lines(CalibrationDataReader):  # type: ignore[misc]
    """Noise to calibrate on."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.lines: Iterator[dict[str, np.ndarray]] = iter(
            {"x": rng.uniform(-1, 1, (2, 1, HEIGHT, 48)).astype(np.float32)} for _ in range(8)
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.lines, None)


def compare(out: Path, quantised: Path, whole: Path) -> tuple[float, float]:
    """The converted graph's relative distance to the quantised and to the original network, both by ONNX Runtime."""
    x = np.random.default_rng(2).uniform(-1, 1, (3, 1, HEIGHT, 48)).astype(np.float32)
    (got,) = NumpyRuntime().run(out / "model.json", [{"x": x}])
    wanted = [OnnxRuntime(OnnxFile(path), as_given=True).run({"x": x})["y"] for path in (quantised, whole)]
    return tuple(float(np.linalg.norm(got["y"] - w) / np.linalg.norm(w)) for w in wanted)  # type: ignore[return-value]


@pytest.mark.parametrize("activations", [QuantType.QUInt8, QuantType.QInt8])
@pytest.mark.parametrize("per_channel", [False, True])
def test_a_statically_quantised_network_is_its_weights_and_limits(
    activations: QuantType, per_channel: bool, tmp_path: Path
) -> None:
    whole, path = recogniser(tmp_path / "whole.onnx"), tmp_path / "quantised.onnx"
    quantize_static(
        whole, path, Lines(), quant_format=QuantFormat.QDQ, per_channel=per_channel, activation_type=activations,
        weight_type=QuantType.QInt8,
    )  # fmt: skip
    assert {"QuantizeLinear", "DequantizeLinear"} <= {n.op_type for n in onnx.load(path).graph.node}
    report = convert(path, tmp_path / "out", "float32")
    assert report.check.max_difference < 1e-4
    assert any("roundings to 8 bits while it runs are left out" in note for note in report.notes)
    assert any(note.startswith("without its roundings to 8 bits outputs move by ") for note in report.notes)
    to_quantised, to_whole = compare(tmp_path / "out", path, whole)
    assert 0 < to_quantised < 0.05
    assert 0 < to_whole < 0.05


def test_quantised_weights_lie_in_uint8_as_they_were(tmp_path: Path) -> None:
    whole, path = recogniser(tmp_path / "whole.onnx"), tmp_path / "quantised.onnx"
    quantize_static(
        whole, path, Lines(), quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
        weight_type=QuantType.QUInt8,
    )  # fmt: skip
    report = convert(path, tmp_path / "out", "uint8")
    assert report.weights["uint8"] == 32 * 16 * 4 * 4
    assert isinstance(report.harm, Drift)
    assert report.harm.outputs is not None
    assert report.harm.outputs < 1e-3  # what float16 does to the smaller tensors
    rng = np.random.default_rng(0)
    levels = np.array([[0, 255, *rng.integers(0, 256, 5000)]], np.uint8)
    for used in (levels, levels[:, 2:] // 4 + 7):  # all levels, and some of them
        numbers = (used.astype(np.float32) - 131) * np.float32(0.0137)
        stored = store(numbers, "uint8")
        kept = restore(stored.data, {"shape": numbers.shape, "dtype": "float32", "quantization": stored.quantization})
        np.testing.assert_allclose(kept, numbers, rtol=0, atol=1e-6)


@pytest.mark.parametrize("lstm", [False, True])
def test_a_dynamically_quantised_network_becomes_float32(lstm: bool, tmp_path: Path) -> None:
    whole, path = recogniser(tmp_path / "whole.onnx", lstm), tmp_path / "quantised.onnx"
    quantize_dynamic(whole, path, weight_type=QuantType.QUInt8)
    used = {n.op_type for n in onnx.load(path).graph.node}
    assert {"DynamicQuantizeLinear", "MatMulInteger", "ConvInteger"} <= used
    assert ("DynamicQuantizeLSTM" in used) == lstm
    report = convert(path, tmp_path / "out", "float32")
    assert report.check.max_difference < 1e-4
    to_quantised, to_whole = compare(tmp_path / "out", path, whole)
    assert 0 < to_quantised < 0.08
    assert 0 < to_whole < 0.08


def test_limits_stay_where_roundings_go() -> None:
    """uint8 at a zero point of 0 holds 0 to 2.55: what is beyond is cut, as before."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    arrays = {"s": np.array(0.01, np.float32), "z": np.array(0, np.uint8)}
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])
    graph = helper.make_graph(nodes, "g", [given], [onnx.ValueInfoProto(name="y")],
                              [numpy_helper.from_array(a, n) for n, a in arrays.items()])  # fmt: skip
    assert leave_out(graph, arrays) == 1
    clip = graph.node[1]
    assert clip.op_type == "Clip"
    assert [float(arrays[name]) for name in clip.input[1:]] == pytest.approx([0, 2.55])


@pytest.mark.parametrize("change", ["scale", "computed", "weights"])
def test_what_is_no_rounding_of_activations_is_left_as_it_is(change: str) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["w" if change == "weights" else "x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", {"scale": "t", "computed": "u"}.get(change, "s"), "z"], ["y"]),
    ]
    arrays = {"s": np.array(0.01, np.float32), "t": np.array(0.02, np.float32), "z": np.array(0, np.uint8)}
    arrays["w"] = np.ones(3, np.float32)
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [3]), ("u", []))]
    graph = helper.make_graph(nodes, "g", given, [onnx.ValueInfoProto(name="y")],
                              [numpy_helper.from_array(a, n) for n, a in arrays.items()])  # fmt: skip
    assert leave_out(graph, arrays) == 0
    assert [n.op_type for n in graph.node] == ["QuantizeLinear", "DequantizeLinear"]


def test_quantised_operators_are_refused_with_what_to_do(tmp_path: Path) -> None:
    whole, path = recogniser(tmp_path / "whole.onnx"), tmp_path / "quantised.onnx"
    quantize_static(whole, path, Lines(), quant_format=QuantFormat.QOperator)
    with pytest.raises(ConversionError, match=r"QLinearConv .*; convert the network as it was before quant"):
        convert(path, tmp_path / "out")
