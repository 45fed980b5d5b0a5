"""Constants that depend on the batch or the width: class tokens, position tables, masks, rotations, grids."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model

Array = NDArray[Any]
RNG = np.random.default_rng(7)


@dataclass
class Sized:
    """A network of tokens x: float32 (N, T, 4), N and T at any length, with tensors of its own."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    held: dict[str, Array] = field(default_factory=dict)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> "Sized":
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return self

    def hold(self, **arrays: Any) -> "Sized":
        self.held |= {name: np.asarray(array) for name, array in arrays.items()}
        return self

    def model(self) -> onnx.ModelProto:
        given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "T", 4])
        held = [numpy_helper.from_array(array, name) for name, array in self.held.items()]
        graph = helper.make_graph(self.nodes, "sized", [given], [onnx.ValueInfoProto(name="y")], held)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def length(network: Sized, axis: int, name: str) -> Sized:
    """The length of an axis of x as an int64 scalar ``name`` and a vector ``name``1."""
    network.hold(**{f"{name}_at": np.int64(axis), "zero": np.array([0]), "first": np.int64(0), "one": np.int64(1)})
    network.add("Shape", ["x"], f"{name}_shape").add("Gather", [f"{name}_shape", f"{name}_at"], name)
    return network.add("Unsqueeze", [name, "zero"], f"{name}1")


def class_token() -> Sized:
    network = length(Sized(), 0, "n").hold(token=RNG.normal(size=(1, 1, 4)).astype(np.float32), rest=np.array([1, 4]))
    network.add("Concat", ["n1", "rest"], "shape", axis=0).add("Expand", ["token", "shape"], "tokens")
    return network.add("Concat", ["tokens", "x"], "y", axis=1)


def position_table() -> Sized:
    network = length(Sized(), 1, "t").hold(table=RNG.normal(size=(1, 300, 4)).astype(np.float32), axis=np.array([1]))
    return network.add("Slice", ["table", "zero", "t1", "axis"], "places").add("Add", ["x", "places"], "y")


def looked_up_positions() -> Sized:
    network = length(Sized(), 1, "t").hold(table=RNG.normal(size=(300, 4)).astype(np.float32))
    network.add("Range", ["first", "t", "one"], "places").add("Gather", ["table", "places"], "rows")
    return network.add("Add", ["x", "rows"], "y")


def interpolated_positions() -> Sized:
    network = length(Sized(), 1, "t").hold(
        table=RNG.normal(size=(1, 4, 1, 8)).astype(np.float32), head=np.array([1, 4, 1]), axis=np.array([2])
    )
    network.add("Concat", ["head", "t1"], "size", axis=0)
    network.add("Resize", ["table", "", "", "size"], "resized", mode="linear")
    network.add("Squeeze", ["resized", "axis"], "flat").add("Transpose", ["flat"], "turned", perm=[0, 2, 1])
    return network.add("Add", ["x", "turned"], "y")


def rotation() -> Sized:
    network = length(Sized(), 1, "t").hold(speed=np.array([[1.0, 0.1, 0.3, 0.7]], np.float32), axis=np.array([1]))
    network.add("Range", ["first", "t", "one"], "steps").add("Cast", ["steps"], "times", to=1)
    network.add("Unsqueeze", ["times", "axis"], "column").add("MatMul", ["column", "speed"], "angles")
    network.add("Cos", ["angles"], "cos").add("Sin", ["angles"], "sin")
    return network.add("Mul", ["x", "cos"], "a").add("Mul", ["a", "sin"], "y")


def causal_mask() -> Sized:
    network = length(Sized(), 1, "t").hold(axis=np.array([1]), low=np.float32(-1e9), none=np.float32(0))
    network.add("Range", ["first", "t", "one"], "steps").add("Unsqueeze", ["steps", "axis"], "rows")
    network.add("Less", ["rows", "steps"], "later").add("Where", ["later", "low", "none"], "mask")
    network.add("Transpose", ["x"], "turned", perm=[0, 2, 1]).add("MatMul", ["x", "turned"], "scores")
    network.add("Add", ["scores", "mask"], "masked").add("Softmax", ["masked"], "weights", axis=-1)
    return network.add("MatMul", ["weights", "x"], "y")


NETWORKS: list[Callable[[], Sized]] = [
    class_token, position_table, looked_up_positions, interpolated_positions, rotation, causal_mask,
]  # fmt: skip


def check(network: Sized, folder: Path, runtime: Any, tolerance: float = 1e-4) -> None:
    """Convert once for every size, and compare with ONNX Runtime at sizes that the conversion did not see."""
    path = folder / "sized.onnx"
    path.write_bytes(network.model().SerializeToString())
    file = OnnxFile(path)
    write_model(folder, {"model.json": emit_graph(file, ())}, {})
    feeds = [{"x": RNG.normal(size=(n, t, 4)).astype(np.float32)} for n, t in ((1, 1), (1, 40), (4, 17), (2, 73))]
    for feed, got in zip(feeds, runtime.run(folder / "model.json", feeds), strict=True):
        np.testing.assert_allclose(got["y"], OnnxRuntime(file).run(feed)["y"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("make", NETWORKS)
def test_a_constant_that_depends_on_the_size_is_made_for_any_size(make: Callable[[], Sized], tmp_path: Path) -> None:
    check(make(), tmp_path, NumpyRuntime())


@pytest.mark.browser
@pytest.mark.parametrize("make", NETWORKS)
def test_tensorflow_js_makes_it_too(make: Callable[[], Sized], tmp_path: Path, tfjs: Any) -> None:
    check(make(), tmp_path, tfjs, 1e-3)  # graphics cards approximate the sine


def test_a_constant_that_no_operator_makes_at_run_time_names_the_width(tmp_path: Path) -> None:
    network = length(Sized(), 1, "t").hold(two=np.array([2]), axis=np.array([1]))
    network.add("Concat", ["t1", "t1"], "square", axis=0).add("ConstantOfShape", ["square"], "empty")
    network.add("EyeLike", ["empty"], "eye").add("MatMul", ["eye", "x"], "y")
    path = tmp_path / "eye.onnx"
    path.write_bytes(network.model().SerializeToString())
    with pytest.raises(ConversionError, match="--width"):
        emit_graph(OnnxFile(path), ())


def test_a_length_that_is_halved_often_is_still_told_from_a_fixed_one(tmp_path: Path) -> None:
    """A recogniser whose frames are 16 pixels wide: few widths in a row give the same number of frames."""
    held = {"w": RNG.normal(size=(6, 1, 8, 16)).astype(np.float32), "m": RNG.normal(size=(6, 5)).astype(np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[8, 16]),  # (N, 6, 1, T)
        helper.make_node("Squeeze", ["a", "axis"], ["b"]),
        helper.make_node("Transpose", ["b"], ["c"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["c", "m"], ["y"]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, "W"])
    tensors = [numpy_helper.from_array(array, name) for name, array in (held | {"axis": np.array([2])}).items()]
    graph = helper.make_graph(nodes, "frames", [given], [onnx.ValueInfoProto(name="y")], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "frames.onnx").write_bytes(model.SerializeToString())
    file = OnnxFile(tmp_path / "frames.onnx")
    write_model(tmp_path, {"model.json": emit_graph(file, ())}, {})
    feeds = [{"x": RNG.normal(size=(n, 1, 8, w)).astype(np.float32)} for n, w in ((1, 16), (3, 95), (2, 400))]
    for feed, got in zip(feeds, NumpyRuntime().run(tmp_path / "model.json", feeds), strict=True):
        np.testing.assert_allclose(got["y"], OnnxRuntime(file).run(feed)["y"], rtol=1e-4, atol=1e-4)


def test_a_table_of_few_places_is_no_obstacle(tmp_path: Path) -> None:
    """Positions for 120 tokens at most: a length beyond them fits no other."""
    network = length(Sized(), 1, "t").hold(table=RNG.normal(size=(1, 120, 4)).astype(np.float32), axis=np.array([1]))
    network.add("Slice", ["table", "zero", "t1", "axis"], "places").add("Add", ["x", "places"], "y")
    check(network, tmp_path, NumpyRuntime())


@pytest.mark.parametrize("to", [TensorProto.INT32, TensorProto.INT64])
def test_numbers_beyond_32_bits_become_the_nearest_integer_within(to: int, tmp_path: Path) -> None:
    node = helper.make_node("Cast", ["x"], ["y"], to=to)
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
    graph = helper.make_graph([node], "cast", [given], [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "cast.onnx").write_bytes(model.SerializeToString())
    write_model(tmp_path, {"model.json": emit_graph(OnnxFile(tmp_path / "cast.onnx"), ())}, {})
    x = np.array([3e9, -3e9, 1e30, 7.9], np.float32)
    (got,) = NumpyRuntime().run(tmp_path / "model.json", [{"x": x}])
    assert got["y"].tolist() == [2147483520, -(2**31), 2147483520, 7]
