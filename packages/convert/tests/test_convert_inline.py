"""Graphs inside graphs: the branch of an If whose condition is known."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model


def branches(inner: str = "b") -> dict[str, onnx.GraphProto]:
    """Two branches that read x from outside: y = relu(x) + 1, or -x; their names are the same."""
    one = numpy_helper.from_array(np.ones(1, np.float32), "one")
    made = [onnx.ValueInfoProto(name=inner)]
    then = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Add", ["a", "one"], [inner])]
    other = [helper.make_node("Neg", ["x"], ["a"]), helper.make_node("Identity", ["a"], [inner])]
    return {
        "then_branch": helper.make_graph(then, "then", [], made, [one]),
        "else_branch": helper.make_graph(other, "else", [], made),
    }


def save(path: Path, nodes: list[onnx.NodeProto], **held: np.ndarray) -> OnnxFile:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "W"])
    tensors = [numpy_helper.from_array(np.asarray(a), n) for n, a in held.items()]
    graph = helper.make_graph(nodes, "g", [given], [onnx.ValueInfoProto(name="y")], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return OnnxFile(path)


def check(file: OnnxFile, folder: Path) -> list[str]:
    graph = emit_graph(file, ())
    write_model(folder, {"model.json": graph}, {})
    x = np.random.default_rng(0).normal(size=(2, 3, 7)).astype(np.float32)
    (got,) = NumpyRuntime().run(folder / "model.json", [{"x": x}])
    np.testing.assert_allclose(got["y"], OnnxRuntime(file).run({"x": x})["y"], atol=1e-6)
    return graph.operators


@pytest.mark.parametrize("truth", [True, False])
def test_the_branch_of_a_constant_condition_stands_in_its_place(truth: bool, tmp_path: Path) -> None:
    nodes = [helper.make_node("If", ["c"], ["i"], **branches()), helper.make_node("Mul", ["i", "x"], ["y"])]
    operators = check(save(tmp_path / "if.onnx", nodes, c=np.array(truth)), tmp_path)
    assert ("Relu" in operators) == truth
    assert ("Neg" in operators) != truth


def test_a_condition_on_a_shape_is_known_where_all_sizes_agree(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]), helper.make_node("Gather", ["s", "at"], ["n"]),
        helper.make_node("Equal", ["n", "three"], ["c"]), helper.make_node("If", ["c"], ["y"], **branches()),
    ]  # fmt: skip
    assert "Relu" in check(save(tmp_path / "if.onnx", nodes, at=np.int64(1), three=np.int64(3)), tmp_path)


def test_an_if_inside_an_if_reads_what_lies_outside_both(tmp_path: Path) -> None:
    made = [onnx.ValueInfoProto(name="b")]
    inner = helper.make_node("If", ["d"], ["b"], **branches())
    outer = {name: helper.make_graph([inner], name, [], made) for name in ("then_branch", "else_branch")}
    nodes = [helper.make_node("If", ["c"], ["first"], **outer), helper.make_node("If", ["d"], ["second"], **branches()),
             helper.make_node("Add", ["first", "second"], ["y"])]  # fmt: skip
    check(save(tmp_path / "if.onnx", nodes, c=np.array(True), d=np.array(False)), tmp_path)


def test_a_condition_that_the_networks_numbers_decide_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["top"], keepdims=0), helper.make_node("Greater", ["top", "zero"], ["c"]),
        helper.make_node("If", ["c"], ["y"], name="choice", **branches()),
    ]  # fmt: skip
    with pytest.raises(ConversionError, match=r"If node 'choice': its condition depends on .*--width"):
        emit_graph(save(tmp_path / "if.onnx", nodes, zero=np.float32(0)), ())


def test_what_a_branch_cannot_convert_is_named(tmp_path: Path) -> None:
    given = branches()
    given["then_branch"].node[0].op_type = "Det"
    with pytest.raises(ConversionError, match="no converter for Det"):
        emit_graph(save(tmp_path / "if.onnx", [helper.make_node("If", ["c"], ["y"], **given)], c=np.array(True)), ())
