"""Conversion through onnx-tf: the unrolled graph, and what onnx-tf and tensorflowjs make of it (marker ``onnx_tf``)."""

import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from linelet_common.errors import ConversionError
from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_convert.conversion import convert
from linelet_convert.onnx_tf.unroll import unrolled
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NodeRuntime, OnnxRuntime

CHARSET = "abcdef"


def recurrent(path: Path, kind: str, both: bool = True) -> Path:
    """A small reader: a convolution, a recurrence as PyTorch exports it, a linear layer."""
    random = np.random.default_rng(5)
    hidden, gates, count = 6, 3 if kind == "GRU" else 4, 2 if both else 1

    def held(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array((random.standard_normal(shape) * 0.4).astype(np.float32), name)

    weights = [
        held("k", 8, 1, 32, 4), held("w", count, gates * hidden, 8), held("r", count, gates * hidden, hidden),
        held("b", count, 2 * gates * hidden), held("m", count * hidden, 7), held("n", 7),
        numpy_helper.from_array(np.array([2], np.int64), "two"),
        numpy_helper.from_array(np.array([0, 0, -1], np.int64), "joined"),
    ]  # fmt: skip
    node = helper.make_node
    direction = {"direction": "bidirectional" if both else "forward"}
    before = {"linear_before_reset": 1} if kind == "GRU" else {}
    nodes = [
        node("Conv", ["images", "k"], ["c"], strides=[1, 4]), node("Relu", ["c"], ["d"]),
        node("Squeeze", ["d", "two"], ["e"]), node("Transpose", ["e"], ["f"], perm=[2, 0, 1]),
        node(kind, ["f", "w", "r", "b"], ["g"], name="rnn", hidden_size=hidden, **direction, **before),
        node("Transpose", ["g"], ["h"], perm=[0, 2, 1, 3]), node("Reshape", ["h", "joined"], ["i"]),
        node("Transpose", ["i"], ["j"], perm=[1, 0, 2]), node("MatMul", ["j", "m"], ["l"]),
        node("Add", ["l", "n"], ["scores"]),
    ]  # fmt: skip
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 32, "W"])
    made = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", "T", 7])
    graph = helper.make_graph(nodes, "g", [given], [made], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    entry = model.metadata_props.add()
    entry.key, entry.value = ONNX_KEY, ReaderSpec(charset=CHARSET, widths=(64,)).to_json()
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_the_unrolled_graph_is_the_same_network(kind: str, both: bool, tmp_path: Path) -> None:
    file = OnnxFile(recurrent(tmp_path / "m.onnx", kind, both))
    model = unrolled(file, 64)
    operators = {n.op_type for n in model.graph.node}
    assert not operators & {"GRU", "LSTM", "Slice", "Gather", "Reshape"}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(1).standard_normal((3, 1, 32, 64)).astype(np.float32)
    wanted = OnnxRuntime(file).run({"images": images})["scores"]
    np.testing.assert_allclose(session.run(None, {"images": images})[0], wanted, atol=1e-5)


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = recurrent(tmp_path / "m.onnx", "GRU")
    with pytest.raises(ConversionError, match="nowhere: no such file"):
        convert(path, tmp_path / "out", via_python=tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


@pytest.mark.onnx_tf
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_both_ways_give_the_same_scores(kind: str, tmp_path: Path) -> None:
    python = os.environ.get("LINELET_ONNX_TF_PYTHON")
    node = shutil.which("node")
    if not python or not node:
        pytest.skip("set LINELET_ONNX_TF_PYTHON to the Python of onnx-tf's environment; Node is needed too")
    path = recurrent(tmp_path / "m.onnx", kind)
    direct = convert(path, tmp_path / "direct")
    known = convert(path, tmp_path / "known", via_python=Path(python))
    assert (direct.via, known.via) == ("direct", "onnx-tf")
    images = np.random.default_rng(2).standard_normal((4, 1, 32, 64)).astype(np.float32)
    scores = [
        NodeRuntime(node, bundle / "tfjs").run(bundle / "model.json", [{"images": images}])[0]["scores"]
        for bundle in (tmp_path / "direct", tmp_path / "known")
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)
    np.testing.assert_array_equal(scores[0].argmax(2), scores[1].argmax(2))
