"""Networks that choose among numbers as good as equal: rounding's choice is no fault of the conversion."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_convert.choices import Reference, choices
from linelet_convert.conversion import convert
from linelet_convert.emit import emit
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime
from linelet_convert.tfjs import write_model
from linelet_convert.verify import check_choices


def equals(path: Path, chooser: str, kept: int = 1) -> Path:
    """Sixty scores that are equal but for rounding; the network puts out rows of a table by the best ones."""
    random = np.random.default_rng(0)
    scale = random.uniform(0.5, 2, 60).astype(np.float32)
    held = {
        "w": np.outer(random.normal(size=64), scale).astype(np.float32), "scale": scale, "k": np.array([9]),
        "table": random.normal(size=(60, 3)).astype(np.float32),
    }  # fmt: skip
    nodes = [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Div", ["a", "scale"], ["scores"])]
    if chooser == "TopK":
        nodes.append(helper.make_node("TopK", ["scores", "k"], ["best", "places"]))
    else:
        nodes.append(helper.make_node(chooser, ["scores"], ["places"], axis=1, keepdims=kept))
    nodes.append(helper.make_node("Gather", ["table", "places"], ["y"], axis=0))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 64])
    tensors = [numpy_helper.from_array(array, name) for name, array in held.items()]
    graph = helper.make_graph(nodes, "equals", [given], [onnx.ValueInfoProto(name="y")], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(("chooser", "kept"), [("TopK", 1), ("ArgMax", 1), ("ArgMin", 0)])
def test_a_choice_among_equals_is_checked_in_parts(chooser: str, kept: int, tmp_path: Path) -> None:
    report = convert(equals(tmp_path / "m.onnx", chooser, kept), tmp_path / "out")
    assert report.check.max_difference < 1e-5
    assert any(note.startswith("1 node chooses among numbers as good as equal") for note in report.notes)
    assert report.weights["uint8" if "uint8" in report.weights else "float16"]  # smaller ones are judged all the same


@pytest.mark.parametrize("part", ["w", "table"])
def test_what_is_wrong_before_or_behind_the_choice_is_noticed(part: str, tmp_path: Path) -> None:
    file = OnnxFile(equals(tmp_path / "m.onnx", "TopK"))
    made = choices(file)
    graph = emit(file, {"x": np.array([[2, 64], [3, 64], [5, 64]])}, follow=made)
    reference = Reference(file, graph, made)
    feeds = [{"x": np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32)}]
    write_model(tmp_path, {"model.json": graph}, {})
    check_choices(file, feeds, {"x": "x", "y": "y"}, tmp_path / "model.json", NumpyRuntime(), reference)
    size = file.initializers[part].size
    (node,) = [n for n in graph.constants if n.array is not None and n.array.size == size]
    assert node.array is not None
    node.array = node.array * np.linspace(0.9, 1.1, size, dtype=np.float32).reshape(node.array.shape)
    write_model(tmp_path, {"model.json": graph}, {})
    with pytest.raises(ConversionError, match="outputs differ by"):
        check_choices(file, feeds, {"x": "x", "y": "y"}, tmp_path / "model.json", NumpyRuntime(), reference)


def test_a_choice_that_is_not_the_best_is_noticed(tmp_path: Path) -> None:
    """Scores that differ, and a runtime that picks the worst."""
    path = equals(tmp_path / "m.onnx", "TopK")
    model = onnx.load(path)
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.linspace(1, 9, 60, dtype=np.float32), "scale"))
    onnx.save(model, path)
    file = OnnxFile(path)
    made = choices(file)
    graph = emit(file, {"x": np.array([[2, 64], [3, 64], [5, 64]])}, follow=made)
    write_model(tmp_path, {"model.json": graph}, {})

    class Worst(NumpyRuntime):
        def run(self, model: Path, batches: list[Any]) -> list[Any]:
            outputs = super().run(model, batches)
            return [o | {"own_0": np.sort(o["among_0"], axis=1)[:, :9]} for o in outputs]

    feeds = [{"x": np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32)}]
    names = {"x": "x", "y": "y"}
    with pytest.raises(ConversionError, match="outputs differ by"):
        check_choices(file, feeds, names, tmp_path / "model.json", Worst(), Reference(file, graph, made))


def test_a_choice_that_nobody_reads_needs_no_following(tmp_path: Path) -> None:
    path = equals(tmp_path / "m.onnx", "TopK")
    model = onnx.load(path)
    model.graph.node[-1].CopyFrom(helper.make_node("Identity", ["best"], ["y"]))
    onnx.save(model, path)
    assert choices(OnnxFile(path)) == []
