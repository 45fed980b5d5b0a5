"""Networks that are not what their specs say: each is refused in one line, and none is read in silence."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from linelet_common.cli import main
from linelet_common.digests import SEAL_KEY
from linelet_common.reader import shipped_finder
from linelet_common.spec import ONNX_KEY
from linelet_read.shipped import HEALTH_APP

SCREENSHOT = Path(__file__).parents[1] / "docs" / "weight.png"


def shipped(path: Path) -> onnx.ModelProto:
    """A model without its seal."""
    model = onnx.load(path)
    kept = [entry for entry in model.metadata_props if entry.key != SEAL_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    return model


def respecified(**changes: object) -> onnx.ModelProto:
    """The shipped reader with another spec."""
    model = shipped(HEALTH_APP / "reader.onnx")
    entry = next(e for e in model.metadata_props if e.key == ONNX_KEY)
    entry.value = json.dumps({**json.loads(entry.value), **changes})
    return model


def other(nodes: list[onnx.NodeProto], *constants: onnx.TensorProto, kind: int = TensorProto.FLOAT) -> onnx.ModelProto:
    """Another graph under the shipped reader's spec."""
    model = shipped(HEALTH_APP / "reader.onnx")
    given, made = model.graph.input[0], helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph(nodes, "other", [given], [made], list(constants))
    changed = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    changed.metadata_props.extend(model.metadata_props)
    return changed


def node(kind: str, *names: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, list(names[:-1]), [names[-1]], **attributes)


def two_outputs() -> onnx.ModelProto:
    model = shipped(HEALTH_APP / "reader.onnx")
    model.graph.output.append(helper.make_tensor_value_info(model.graph.node[0].output[0], TensorProto.FLOAT, None))
    return model


GIVEN = shipped(HEALTH_APP / "reader.onnx").graph.input[0].name
MISFITS: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "fewer characters": (lambda: respecified(charset="0123", grammar=None, fields={}), "6 classes"),
    "more characters": (
        lambda: respecified(charset="".join(map(chr, range(0x4E00, 0x4F00))), grammar=None, fields={}),
        "258 classes",
    ),
    "another height": (lambda: respecified(height=48), "cannot read"),
    "another colour": (lambda: respecified(color="rgb", mean=[0.5] * 3, std=[0.5] * 3), "cannot read"),
    "other axes": (lambda: respecified(layout="TNC"), "not TNC"),
    "one number": (lambda: other([node("ReduceMean", GIVEN, "y", keepdims=0)]), r"gives \(\)"),
    "strings": (
        lambda: other(
            [node("Shape", GIVEN, "s"), node("Cast", "s", "y", to=TensorProto.STRING)], kind=TensorProto.STRING
        ),
        "gives no numbers",
    ),
    "a shape that does not fit": (
        lambda: other([node("Reshape", GIVEN, "k", "y")], numpy_helper.from_array(np.array([7, 13, 1017]), "k")),
        "cannot read",
    ),
    "NaN": (
        lambda: other([node("Mul", GIVEN, "n", "y")], numpy_helper.from_array(np.array(np.nan, np.float32), "n")),
        "gives NaN",
    ),
    "two outputs": (two_outputs, "1 inputs and 2 outputs"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_reader_that_is_not_what_its_spec_says_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, said = MISFITS[name]
    path = tmp_path / "reader.onnx"
    path.write_bytes(make().SerializeToString())
    assert main(["read", str(path), str(SCREENSHOT), "--line"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert re.search(f"reader.onnx.*{said}.*export it again", printed.err)


@pytest.mark.parametrize("scale", ["a whole pixel each", "rows only"])
def test_a_finder_that_is_not_what_its_spec_says_is_refused(
    scale: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, finder = tmp_path / "finder.onnx", shipped_finder()
    assert finder
    model = shipped(finder)
    made = model.graph.output[0].name
    sizes = {"a whole pixel each": [1, 1, 4, 4], "rows only": [1, 1, 4, 1]}[scale]
    model.graph.initializer.append(numpy_helper.from_array(np.array(sizes[-len(shape_of(model)) :], np.float32), "k"))
    model.graph.node.append(helper.make_node("Resize", [made, "", "k"], ["y"], mode="nearest"))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, None))
    path.write_bytes(model.SerializeToString())
    assert main(["read", "health-app", str(SCREENSHOT), "--screen", "--finder", str(path)]) == 2
    assert re.fullmatch(
        r"linelet read: .*finder\.onnx: the network gives .* export it again\n", capsys.readouterr().err
    )


def shape_of(model: onnx.ModelProto) -> list[object]:
    """The axes of a model's output."""
    return list(model.graph.output[0].type.tensor_type.shape.dim)
