"""Networks for LiteRT: written directly, stored as small as TensorFlow.js's, and read by LiteRT itself."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_convert import tflite
from linelet_convert.conversion import convert
from linelet_convert.tflite import operators
from linelet_convert.verbs import main

SPEC = ReaderSpec(charset="abcdefghijk", stride=4)


def reader(path: Path, wide: bool = False) -> Path:
    """A small reader: convolutions of each kind of padding, a pool, a residual and a Softmax at the end."""
    random = np.random.default_rng(3)
    many = 80 if wide else 8
    shapes = {"a": (many, 1, 3, 3), "b": (many, many, 3, 3), "c": (many, 1, 1, 9), "d": (12, many, 8, 1)}
    held = {name: (random.normal(size=s) / np.sqrt(np.prod(s[1:]))).astype(np.float32) for name, s in shapes.items()}
    held |= {"bias": random.normal(size=12).astype(np.float32)}
    nodes = [
        helper.make_node("Conv", ["images", "a"], ["1"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["1"], ["2"]),
        helper.make_node("Conv", ["2", "b"], ["3"], pads=[1, 1, 1, 1]),
        helper.make_node("MaxPool", ["3"], ["4"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["4", "c"], ["5"], pads=[0, 4, 0, 4], group=many),
        helper.make_node("Add", ["4", "5"], ["6"]),
        helper.make_node("Conv", ["6", "d", "bias"], ["7"]),
        helper.make_node("Squeeze", ["7", "axis"], ["8"]),
        helper.make_node("Transpose", ["8"], ["9"], perm=[0, 2, 1]),
        helper.make_node("Mul", ["9", "sharp"], ["scores"]),
    ]
    held |= {"axis": np.array([2]), "sharp": np.array(9, np.float32)}
    graph = helper.make_graph(
        nodes, "reader", [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 32, "W"])],
        [onnx.ValueInfoProto(name="scores")], [numpy_helper.from_array(a, n) for n, a in held.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {ONNX_KEY: SPEC.to_json()})
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("weights", ["float32", "float16", "uint8"])
def test_litert_reads_what_tensorflow_js_reads(weights: Any, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    report = convert(reader(tmp_path / "m.onnx", True), tmp_path / "out", weights, tflite=[64, 200], tolerance=1.0)
    assert [lite.file for lite in report.tflite] == ["model-64.tflite", "model-200.tflite"]
    for lite in report.tflite:
        assert lite.check is not None
        assert lite.check.max_difference < 1e-5
        assert lite.check.texts_equal == lite.check.lines > 0
        numbers = 61_000  # of the weights
        assert lite.bytes < numbers * {"float32": 4, "float16": 2, "uint8": 1}[weights] * 1.3 + 4000


def test_without_litert_the_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    out = tmp_path / "out"
    assert main([str(reader(tmp_path / "m.onnx")), "--out", str(out), "--tflite", "96", "--no-finder"]) == 0
    said = capsys.readouterr().out
    assert "LiteRT: model-96.tflite, 0.0" in said
    assert tflite.UNCHECKED in said
    assert (out / "model-96.tflite").read_bytes()[4:8] == b"TFL3"


def test_a_difference_to_tensorflow_js_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")
    run = tflite.LiteRtRuntime.run
    monkeypatch.setattr(
        tflite.LiteRtRuntime, "run", lambda *a: [{n: s + 1e-2 for n, s in outputs.items()} for outputs in run(*a)]
    )
    with pytest.raises(ConversionError, match=r"scores differ by 0.00.* from .*\(LiteRT\)"):
        convert(reader(tmp_path / "m.onnx"), tmp_path / "out", tflite=[96])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (96, 128), "tflite": [64]}, "takes no lines of width 64, but 96, 128; name one of them"),
        ({"tflite": [2]}, "takes no lines of width 2, but 4 pixels and more"),
        ({"tflite": [64], "bare": True}, "becomes a bare graph, and .tflite is for readers"),
    ],
)
def test_what_cannot_be_written_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=message):
        convert(reader(tmp_path / "m.onnx"), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_what_litert_lacks_is_named(tmp_path: Path) -> None:
    model = onnx.load(reader(tmp_path / "m.onnx"))
    model.graph.node[1].op_type = "Erf"
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ConversionError, match="at width 64: no LiteRT operator for Erf; convert without --tflite"):
        convert(tmp_path / "m.onnx", tmp_path / "out", tflite=[64])


def test_operators_and_options_have_litert_s_numbers() -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    code, options = schema.BuiltinOperator, schema.BuiltinOptions
    names = {"AddV2": "ADD", "RealDiv": "DIV", "AvgPool": "AVERAGE_POOL_2D", "MaxPool": "MAX_POOL_2D",
             "Sigmoid": "LOGISTIC", "PadV2": "PADV2", "ReverseV2": "REVERSE_V2", "Max": "REDUCE_MAX",
             "Min": "REDUCE_MIN", "Prod": "REDUCE_PROD", "GatherNd": "GATHER_ND"}  # fmt: skip
    for op, number in [*operators.PLAIN.items(), *operators.POOLS.items(), *operators.REDUCTIONS.items()]:
        assert getattr(code, names.get(op, op.upper())) == number, op
    for op, (number, kind) in operators.ARITHMETIC.items():
        name = names.get(op, op.upper())
        assert (getattr(code, name), getattr(options, f"{name.capitalize()}Options")) == (number, kind), op
    assert (code.CONV_2D, options.Conv2DOptions) == operators.CONV
    assert (code.DEPTHWISE_CONV_2D, options.DepthwiseConv2DOptions) == operators.DEPTHWISE
    assert (options.Pool2DOptions, options.ReducerOptions) == (operators.POOL, operators.REDUCER)
    assert (operators.PAD, operators.RESHAPE, operators.DEQUANTIZE) == (code.PAD, code.RESHAPE, code.DEQUANTIZE)
    assert (code.SOFTMAX, options.SoftmaxOptions) == operators.SOFTMAX
    assert (code.CONCATENATION, options.ConcatenationOptions) == operators.CONCATENATION
    assert (code.LEAKY_RELU, options.LeakyReluOptions) == operators.LEAKY
    assert (code.BATCH_MATMUL, options.BatchMatMulOptions) == operators.PRODUCT
    assert (code.SPLIT_V, options.SplitVOptions) == operators.SPLIT
    assert operators.RESIZES["ResizeBilinear"][:2] == (code.RESIZE_BILINEAR, options.ResizeBilinearOptions)
    nearest = (code.RESIZE_NEAREST_NEIGHBOR, options.ResizeNearestNeighborOptions)
    assert operators.RESIZES["ResizeNearestNeighbor"][:2] == nearest
