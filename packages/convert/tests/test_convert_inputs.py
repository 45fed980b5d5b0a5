"""Files as others write them: float16, old opsets, whole-number inputs, one line each for what cannot be."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_common.spec import ReaderSpec
from linelet_convert import convert
from linelet_convert.feeds import make_feeds
from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.verify import _within, relative

RNG = np.random.default_rng(5)
WEIGHTS = RNG.normal(0, 0.3, (5, 3, 8, 3))


def save(
    path: Path, nodes: list[onnx.NodeProto], held: dict[str, np.ndarray], kind: int = TensorProto.FLOAT,
    shape: tuple[str | int, ...] = ("N", 3, 8, "W"), opset: int = 17, made: int = TensorProto.FLOAT,
) -> Path:  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", made, None)],
        [numpy_helper.from_array(a, n) for n, a in held.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    return path


def conv(path: Path, dtype: type = np.float32, scale: float = 1.0) -> Path:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return save(
        path, [helper.make_node("Conv", ["x", "w"], ["y"])], {"w": (WEIGHTS * scale).astype(dtype)}, kind, made=kind
    )


def test_float16_is_widened_and_said(tmp_path: Path) -> None:
    report = convert(conv(tmp_path / "m.onnx", np.float16), tmp_path / "out")
    assert report.check.max_difference < 1e-5
    assert any("float16 widened to float32" in note for note in report.notes)


def test_float64_is_narrowed_and_said(tmp_path: Path) -> None:
    """Not every operator of ONNX Runtime takes float64, which torch.double networks are exported with."""
    report = convert(conv(tmp_path / "m.onnx", np.float64), tmp_path / "out")
    assert report.check.max_difference < 1e-5
    assert any("float64 narrowed to float32" in note for note in report.notes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(200), r"a network for LiteRT \(\.tflite\)"),
        (b"PK\x03\x04" + b"\x02" * 200, "a zip file, as PyTorch's .pt"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
    ],
)
def test_what_is_no_onnx_file_is_called_what_it_is(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ConversionError, match=f"is {words}.*; name an ONNX file"):
        OnnxFile(tmp_path / "m.onnx")


def test_an_element_type_has_its_name(tmp_path: Path) -> None:
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)
    path = save(tmp_path / "m.onnx", [node], {}, made=TensorProto.FLOAT8E4M3FN, opset=19)
    with pytest.raises(ConversionError, match=r"casts to FLOAT8E4M3FN, which TensorFlow.js lacks"):
        convert(path, tmp_path / "out")
    strings = save(tmp_path / "s.onnx", [helper.make_node("Identity", ["x"], ["y"])], {}, TensorProto.STRING)
    with pytest.raises(ConversionError, match=r"input 'x' has element type STRING, which TensorFlow.js lacks"):
        convert(strings, tmp_path / "out")


def test_opset_9_is_brought_to_11(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Upsample", ["a", "s"], ["y"], mode="nearest")]
    path = save(tmp_path / "m.onnx", nodes, {"s": np.array([1, 1, 2, 2], np.float32)}, opset=9)
    report = convert(path, tmp_path / "out")
    assert report.opset == 11
    assert "the file: brought from opset 9 to 11" in report.notes


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.int64])
def test_a_picture_of_whole_numbers(kind: type, tmp_path: Path) -> None:
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT), helper.make_node("Conv", ["f", "w"], ["y"])]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    path = save(tmp_path / "m.onnx", nodes, {"w": WEIGHTS.astype(np.float32)}, element)
    assert convert(path, tmp_path / "out").check.max_difference < 1e-4
    with pytest.raises(ConversionError, match="a reader is fed float32"):
        convert(path, tmp_path / "reader", spec=ReaderSpec(charset="abcd", color="rgb", height=8))


@pytest.mark.parametrize(("batch", "sizes"), [("N", {(2, 0), (3, 1), (1, 2), (16, 0)}), (1, {(1, 0), (1, 1), (1, 2)})])
def test_every_length_that_was_probed_is_run_too(batch: str | int, sizes: set[tuple[int, int]], tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    file = OnnxFile(save(tmp_path / "m.onnx", nodes, {"w": WEIGHTS.astype(np.float32)}, shape=(batch, 3, 8, "W")))
    shapes = {"x": emit_graph(file, ()).inputs["x"].shape}
    feeds = make_feeds(file, shapes, OnnxRuntime(file))
    widths = [int(n) for n in shapes["x"][:, 3]]
    assert {(feed["x"].shape[0], widths.index(feed["x"].shape[3])) for feed in feeds} == sizes


def test_large_scores_are_compared_relative_to_their_size(tmp_path: Path) -> None:
    report = convert(conv(tmp_path / "m.onnx", scale=1e5), tmp_path / "out")
    assert report.check.max_difference < 1e-5


def test_indices_computed_while_the_network_runs_may_be_negative(tmp_path: Path) -> None:
    table = np.arange(40, dtype=np.float32).reshape(10, 4)
    path = save(tmp_path / "m.onnx", [helper.make_node("Gather", ["table", "x"], ["y"])], {"table": table},
                TensorProto.INT64, ("N", 3))  # fmt: skip
    assert convert(path, tmp_path / "out").check.max_difference == 0


def test_what_is_wrong_for_a_batch_of_one_is_refused(tmp_path: Path) -> None:
    bounds = {"a": np.array([0]), "b": np.array([2]), "axes": np.array([0])}
    node = helper.make_node("Slice", ["x", "a", "b", "axes"], ["y"])
    path = save(tmp_path / "m.onnx", [node], bounds, shape=("N", 4))
    with pytest.raises(ConversionError, match=r"gives shape \(2, .* instead of \(1, |takes \[2, 4\] of \[1, 4\]"):
        convert(path, tmp_path / "out")


def test_split_by_an_attribute(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Split", ["x"], ["a", "b"], axis=1, split=[1, 2]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    assert convert(save(tmp_path / "m.onnx", nodes, {}, opset=11), tmp_path / "out").check.max_difference == 0


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_clip_by_bounds_that_are_computed(kind: type, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["top"], keepdims=0),
        helper.make_node("Sub", ["top", "one"], ["high"]),
        helper.make_node("Clip", ["x", "", "high"], ["y"]),
    ]
    element = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    path = save(tmp_path / "m.onnx", nodes, {"one": np.array(1, kind)}, element, made=element)
    assert convert(path, tmp_path / "out").check.max_difference == 0


def test_infinite_weights_are_named(tmp_path: Path) -> None:
    weights = WEIGHTS.astype(np.float32)
    weights[0, 0, 0, 0] = np.inf
    path = save(tmp_path / "m.onnx", [helper.make_node("Conv", ["x", "w"], ["y"])], {"w": weights})
    with pytest.raises(ConversionError, match=r"1 of 2 numbers .* NaN \(weights 'w' hold infinite numbers\)"):
        relative(np.array([np.nan, 1], np.float32), np.array([0, 1], np.float32), OnnxFile(path))


def test_a_newer_ir_version_is_named(tmp_path: Path) -> None:
    model = onnx.load(conv(tmp_path / "m.onnx"))
    model.ir_version = 99
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConversionError, match=r"has ONNX's IR version 99, the installed onnx knows \d+ at most"):
        convert(tmp_path / "m.onnx", tmp_path / "out")


def test_a_reader_of_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "m.onnx", [helper.make_node("Conv", ["x", "w"], ["y"])], {"w": WEIGHTS.astype(np.float32)},
                shape=(4, 3, 8, "W"))  # fmt: skip
    with pytest.raises(ConversionError, match=r"takes batches of 4 only.*export it with a dynamic batch"):
        convert(path, tmp_path / "out", spec=ReaderSpec(charset="abcd", color="rgb", height=8))


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "model.json").write_text("{}")
    (project / "thesis.txt").write_text("years of work")
    path = conv(tmp_path / "m.onnx")
    with pytest.raises(Exception, match="nothing proves that Linelet wrote it"):
        convert(path, project)
    assert (project / "thesis.txt").read_text() == "years of work"
    convert(path, tmp_path / "bundle")
    (tmp_path / "bundle" / "notes.txt").write_text("mine")
    with pytest.raises(Exception, match=r"holds notes\.txt, which Linelet did not write"):
        convert(path, tmp_path / "bundle")


def test_a_bundle_never_replaces_the_file_it_comes_from(tmp_path: Path) -> None:
    convert(conv(tmp_path / "m.onnx"), tmp_path / "bundle", keep_onnx=True)
    with pytest.raises(Exception, match="would overwrite the input"):
        convert(tmp_path / "bundle" / "model.onnx", tmp_path / "bundle")
    assert (tmp_path / "bundle" / "model.onnx").exists()


@pytest.mark.parametrize(
    ("count", "by", "allowed"), [(2, 5e-4, True), (3, 5e-4, False), (1, 2e-3, False), (900, 5e-5, True)]
)
def test_a_few_steep_numbers_may_differ_by_what_rounding_can_come_to(
    count: int, by: float, allowed: bool, tmp_path: Path
) -> None:
    file = OnnxFile(conv(tmp_path / "m.onnx"))
    expected = RNG.uniform(0, 1, 1000).astype(np.float32)
    actual = expected.copy()
    actual[:count] += np.float32(by)
    if allowed:
        assert _within(file, [(expected, actual)], NumpyRuntime()).max_difference == pytest.approx(by, rel=0.01)
    else:
        with pytest.raises(ConversionError, match="outputs differ by"):
            _within(file, [(expected, actual)], NumpyRuntime())
