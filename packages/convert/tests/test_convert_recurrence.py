"""GRU, LSTM and RNN as torch exports them, by both of its exporters: layers, directions, initial states, layouts."""

import itertools
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model

torch = pytest.importorskip("torch")
nn = torch.nn

STEPS, SIZE, HIDDEN = 7, 5, 4


class Recurrent(nn.Module):
    """A recurrence between two linear layers; ``states``: whether its initial states are learned."""

    def __init__(self, kind: str, layers: int, both: bool, first: bool, states: bool) -> None:
        super().__init__()
        self.before = nn.Linear(SIZE, SIZE)
        self.rnn = getattr(nn, kind)(SIZE, HIDDEN, layers, bidirectional=both, batch_first=first)
        self.after = nn.Linear(HIDDEN * (2 if both else 1), 3)
        count = layers * (2 if both else 1)
        self.states = nn.Parameter(torch.randn(count, 1, HIDDEN)) if states else None
        self.lstm, self.first = kind == "LSTM", first

    def forward(self, x):
        x = self.before(x)
        if self.states is None:
            return self.after(self.rnn(x)[0])
        state = self.states.expand(-1, x.shape[0 if self.first else 1], -1).contiguous()
        return self.after(self.rnn(x, (state, state * 0.5) if self.lstm else state)[0])


def export(network: Any, path: Path, first: bool, dynamo: bool) -> None:
    shape = (3, STEPS, SIZE) if first else (STEPS, 3, SIZE)
    axis = 0 if first else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            logging.disable(logging.WARNING)
            batch = torch.export.Dim("batch", min=1, max=64)
            torch.onnx.export(
                network, (torch.randn(shape),), path, input_names=["x"], output_names=["y"], dynamo=True, verbose=False,
                dynamic_shapes=({axis: batch},), external_data=False,
            )  # fmt: skip
            logging.disable(logging.NOTSET)
        else:
            torch.onnx.export(
                network, (torch.randn(shape),), path, input_names=["x"], output_names=["y"], dynamo=False,
                opset_version=17, dynamic_axes={"x": {axis: "N"}, "y": {axis: "N"}},
            )  # fmt: skip


def assert_converts(path: Path, first: bool, runtime: Any = None) -> None:
    file = OnnxFile(path)
    write_model(path.parent, {"model.json": emit_graph(file, ())}, {})
    for batch in (1, 4):
        x = np.random.default_rng(batch).standard_normal((batch, STEPS, SIZE)).astype(np.float32)
        x = x if first else x.transpose(1, 0, 2)
        (got,) = (runtime or NumpyRuntime()).run(path.parent / "model.json", [{"x": x}])
        np.testing.assert_allclose(got["y"], OnnxRuntime(file).run({"x": x})["y"], atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "layers", "both", "first", "states"),
    list(itertools.product(("GRU", "LSTM", "RNN"), (1, 2), (False, True), (False, True), (False, True))),
)
def test_the_torchscript_exporter(
    kind: str, layers: int, both: bool, first: bool, states: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    export(Recurrent(kind, layers, both, first, states).eval(), tmp_path / "m.onnx", first, dynamo=False)
    assert_converts(tmp_path / "m.onnx", first)


@pytest.mark.parametrize(
    ("kind", "layers", "both", "states"), [("GRU", 1, True, False), ("GRU", 2, False, True), ("LSTM", 2, True, False),
                                           ("LSTM", 1, False, True), ("GRU", 2, True, True)],
)  # fmt: skip
def test_the_dynamo_exporter(kind: str, layers: int, both: bool, states: bool, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    export(Recurrent(kind, layers, both, True, states).eval(), tmp_path / "m.onnx", True, dynamo=True)
    kinds = {n.op_type for n in onnx.load(tmp_path / "m.onnx").graph.node}
    assert kinds & {"GRU", "LSTM"}
    assert_converts(tmp_path / "m.onnx", True)


@pytest.mark.browser
@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_two_layers_in_tensorflow_js(kind: str, tfjs: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    export(Recurrent(kind, 2, True, True, False).eval(), tmp_path / "m.onnx", True, dynamo=False)
    assert_converts(tmp_path / "m.onnx", True, tfjs)


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_nothing_reads_a_whole_tensor_to_cut_it(kind: str, tmp_path: Path) -> None:
    """The wasm backend copies a tensor to slice it, and turns one around element by element."""
    torch.manual_seed(0)
    export(Recurrent(kind, 2, True, True, False).eval(), tmp_path / "m.onnx", True, dynamo=False)
    graph = emit_graph(OnnxFile(tmp_path / "m.onnx"), ())
    operators = {n.op for n in graph.nodes}
    assert "GatherNd" in operators
    assert not operators & {"Slice", "StridedSlice", "Split", "SplitV", "Unpack", "ReverseV2"}
