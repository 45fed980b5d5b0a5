"""Integers and truths are moved as numbers are: operators that only move, by type, against ONNX Runtime."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

X = np.arange(-12, 12).reshape(2, 3, 4)
INT = np.int64
# Operator, attributes, further inputs.
MOVES: dict[str, tuple[str, dict[str, Any], list[np.ndarray]]] = {
    "part": ("Slice", {}, [np.array([1], INT), np.array([3], INT), np.array([2], INT)]),
    "every second": ("Slice", {}, [np.array([0], INT), np.array([4], INT), np.array([2], INT), np.array([2], INT)]),
    "backwards": ("Slice", {}, [np.array([-1], INT), np.array([-9], INT), np.array([1], INT), np.array([-1], INT)]),
    "gather": ("Gather", {"axis": 2}, [np.array([3, 0, -1], INT)]),
    "gather a table": ("Gather", {"axis": 1}, [np.array([[2, -1], [0, -3]], INT)]),
    "gather one": ("Gather", {"axis": 1}, [np.array(-2, INT)]),
    "transpose": ("Transpose", {"perm": [2, 0, 1]}, []),
    "reshape": ("Reshape", {}, [np.array([-1, 2, 6], INT)]),
    "pad": ("Pad", {}, [np.array([0, 1, 0, 0, 0, 2], INT)]),
    "tile": ("Tile", {}, [np.array([1, 2, 1], INT)]),
    "expand": ("Expand", {}, [np.array([2, 1, 3, 4], INT)]),
    "split": ("Split", {"axis": 2}, [np.array([1, 3], INT)]),
}


class Moved:
    """A model of one node on an input of a type; what ``compare`` wants of a case."""

    def __init__(self, move: str, kind: type) -> None:
        self.operator, self.attributes, self.further = MOVES[move]
        values = X % 3 == 0 if kind is np.bool_ else X
        self.inputs = {"x": values.astype(kind)}

    def model(self) -> onnx.ModelProto:
        kind = helper.np_dtype_to_tensor_dtype(self.inputs["x"].dtype)
        made = ["y", "z"] if self.operator == "Split" else ["y"]
        names = [f"c{i}" for i in range(len(self.further))]
        graph = helper.make_graph(
            [helper.make_node(self.operator, ["x", *names], made, **self.attributes)],
            "moved",
            [helper.make_tensor_value_info("x", kind, ["N", 3, 4])],
            [onnx.ValueInfoProto(name=name) for name in made],
            [numpy_helper.from_array(a, n) for n, a in zip(names, self.further, strict=True)],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def cases() -> list[Any]:
    kinds = (np.int32, np.int64, np.bool_)
    unknown = {("pad", np.bool_), ("tile", np.bool_)}  # of no use, and ONNX Runtime or TensorFlow.js has none
    return [pytest.param(m, k, id=f"{m}-{k.__name__}") for m in MOVES for k in kinds
            if (m, k) not in unknown]  # fmt: skip


@pytest.mark.parametrize(("move", "kind"), cases())
def test_a_move_by_the_interpreter(move: str, kind: type, compare: Any) -> None:
    compare(Moved(move, kind))


@pytest.mark.browser
@pytest.mark.parametrize(("move", "kind"), cases())
def test_a_move_by_tensorflow_js(move: str, kind: type, compare: Any, tfjs: Any) -> None:
    compare(Moved(move, kind), runtime=tfjs)
