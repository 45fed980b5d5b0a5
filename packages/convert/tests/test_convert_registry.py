"""The registry, its table, and what happens to operators it does not know."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_convert import registry
from linelet_convert.conversion import convert
from linelet_convert.operators.__main__ import table

PACKAGE = Path(__file__).parents[1]


def test_operators_md_is_what_the_registry_says() -> None:
    written = (PACKAGE / "OPERATORS.md").read_text("utf-8")
    assert written == table(), "run python -m linelet_convert.operators > packages/convert/OPERATORS.md"


def test_a_second_converter_for_an_operator_raises() -> None:

    with pytest.raises(ValueError, match=r"Conv has a converter already, in convolution\.py"):
        registry.converter("Conv", since=1)(lambda node, g: node.input(0))


def test_since_is_a_version_that_onnx_knows() -> None:
    for entry in registry.entries():
        # Operators newer than the installed onnx are none that it could know.
        if not entry.domain and entry.since <= onnx.defs.onnx_opset_version():
            schema = onnx.defs.get_schema(entry.operator, max_inclusive_version=onnx.defs.onnx_opset_version())
            assert entry.since <= schema.since_version, entry.operator


def _save(path: Path, nodes: list[onnx.NodeProto], held: dict[str, np.ndarray] | None = None) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, n) for n, a in (held or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.domain", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def test_all_unknown_operators_and_refusals_are_named_at_once(tmp_path: Path) -> None:
    path = _save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Det", ["x"], ["a"], name="first"),
            helper.make_node("Relu", ["a"], ["b"], name="fine"),
            helper.make_node("Magic", ["b"], ["c"], name="second", domain="my.domain"),
            helper.make_node("Det", ["x"], ["d"], name="third"),
            helper.make_node("MaxPool", ["x"], ["e"], name="fourth", kernel_shape=[2]),
            helper.make_node("Sum", ["c", "d", "e"], ["y"], name="last"),
        ],
    )
    with pytest.raises(ConversionError) as refusal:
        convert(path, tmp_path / "out")
    message = str(refusal.value)
    assert "Det (nodes 'first', 'third')" in message
    assert "my.domain.Magic (node 'second')" in message
    assert "MaxPool node 'fourth'" in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


def test_arithmetic_on_shapes_is_done_at_conversion(tmp_path: Path) -> None:
    path = _save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Shape", ["x"], ["s"]),
            helper.make_node("Gather", ["s", "zero"], ["n"]),
            helper.make_node("Concat", ["n", "rest"], ["t"], axis=0),
            helper.make_node("Reshape", ["x", "t"], ["y"]),
        ],
        {"zero": np.array([0]), "rest": np.array([2, 2])},
    )
    report = convert(path, tmp_path / "out")
    assert report.operators == ["Const", "Identity", "Placeholder", "Reshape"]


def test_every_opset_from_11_to_the_newest_is_taken(tmp_path: Path) -> None:
    for opset in range(11, onnx.defs.onnx_opset_version() + 1):
        path = _save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])])
        model = onnx.load(path)
        model.opset_import[0].version = opset
        onnx.save(model, path)
        try:
            convert(path, tmp_path / f"out{opset}")
        except ConversionError as failure:
            assert "ONNX Runtime" in str(failure)  # noqa: PT017  # an opset newer than the installed onnxruntime's
