"""Random graphs of several nodes: storage orders, folding and fusing must never change what comes out."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfgraph import SETTINGS, prune
from linelet_convert.tfjs import write_model
from linelet_convert.values import SIMPLIFICATIONS, Emitter


class Graph:
    """A graph that grows; of every value the lengths of its axes are known, None where the input decides."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.random = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.nodes: list[onnx.NodeProto] = []
        self.held: list[TensorProto] = []
        self.values: list[tuple[str, tuple[int | None, ...]]] = [("x", (None, 3, 4, None))]

    def constant(self, *shape: int, ints: list[int] | None = None) -> str:
        name = f"c{len(self.held)}"
        array = np.array(ints, np.int64) if ints is not None else self.random.uniform(-1, 1, shape).astype(np.float32)
        self.held.append(numpy_helper.from_array(array, name))
        return name

    def add(self, operator: str, inputs: list[str], shape: tuple[int | None, ...], **attributes: Any) -> None:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        self.values.append((name, shape))

    def grow(self) -> None:
        """One more node on a value made lately."""
        draw = self.draw
        name, shape = self.values[-1] if draw(st.booleans()) else draw(st.sampled_from(self.values[-3:]))
        rank = len(shape)
        axis = draw(st.integers(0, rank - 1)) if rank else 0
        kind = draw(st.sampled_from(STEPS))
        if kind == "conv" and rank == 4 and shape[1]:
            count = draw(st.integers(1, 4))
            filters = self.constant(count, shape[1], 1, 3)
            self.add("Conv", [name, filters], (shape[0], count, *shape[2:]), pads=[0, 1, 0, 1])
        elif kind == "norm" and rank > 2 and shape[1]:
            held = [self.constant(shape[1]) for _ in range(3)]
            self.held.append(numpy_helper.from_array(np.full(shape[1], 0.7, np.float32), f"c{len(self.held)}"))
            self.add("BatchNormalization", [name, *held, self.held[-1].name], shape)
        elif kind == "unary":
            self.add(draw(st.sampled_from(["Relu", "Sigmoid", "LeakyRelu", "Tanh"])), [name], shape)
        elif kind == "transpose":
            order = draw(st.permutations(range(rank)))
            self.add("Transpose", [name], tuple(shape[a] for a in order), perm=order)
        elif kind == "affine":
            sizes = [n if n and draw(st.booleans()) else 1 for n in shape]
            held = self.constant(*sizes[draw(st.integers(0, rank)) :])
            pair = [name, held] if draw(st.booleans()) else [held, name]
            self.add(draw(st.sampled_from(["Add", "Mul", "Sub"])), pair, shape)
        elif kind == "softmax" and rank:
            self.add("Softmax", [name], shape, axis=axis)
        elif kind == "reduce" and rank > 1:
            keep = draw(st.integers(0, 1))
            left = tuple(1 if a == axis else n for a, n in enumerate(shape) if keep or a != axis)
            self.add("ReduceMean", [name], left, axes=[axis], keepdims=keep)
        elif kind == "unsqueeze" and rank < 5:
            self.add("Unsqueeze", [name, self.constant(ints=[axis])], (*shape[:axis], 1, *shape[axis:]))
        elif kind == "squeeze" and 1 in shape and rank > 1:
            axis = shape.index(1)
            self.add("Squeeze", [name, self.constant(ints=[axis])], (*shape[:axis], *shape[axis + 1 :]))
        elif kind == "merge" and rank > 1:
            last = None if None in shape[-2:] else shape[-2] * shape[-1]  # type: ignore[operator]
            self.add("Reshape", [name, self.constant(ints=[0] * (rank - 2) + [-1])], (*shape[:-2], last))
        elif kind == "cut" and shape and (shape[axis] or 0) > 1:
            held = [self.constant(ints=[v]) for v in (1, 2**62, axis)]
            self.add("Slice", [name, *held], tuple(n - 1 if a == axis and n else n for a, n in enumerate(shape)))
        elif kind == "double" and rank:
            doubled = tuple(n * 2 if a == axis and n else n for a, n in enumerate(shape))
            if shape[axis]:
                self.add("Concat", [name, name], doubled, axis=axis)
        elif kind == "matmul" and rank > 1 and shape[-1]:
            count = draw(st.integers(1, 4))
            self.add("MatMul", [name, self.constant(shape[-1], count)], (*shape[:-1], count))
        elif kind == "residual":
            same = [n for n, s in self.values if s == shape and s.count(None) <= 1]
            if same:
                self.add("Add", [name, draw(st.sampled_from(same))], shape)

    def model(self) -> onnx.ModelProto:
        last = self.values[-1][0]
        given_ = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 4, "W"])
        graph = helper.make_graph(self.nodes, "g", [given_], [onnx.ValueInfoProto(name=last)], self.held)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


STEPS = ["conv", "conv", "norm", "unary", "transpose", "affine", "softmax", "reduce", "unsqueeze", "squeeze", "merge",
         "cut", "double", "matmul", "residual"]  # fmt: skip


@st.composite
def graphs(draw: Any) -> onnx.ModelProto:
    graph = Graph(draw)
    while len(graph.nodes) < 2:
        for _ in range(draw(st.integers(2, 9))):
            graph.grow()
    return graph.model()


def check(
    model: onnx.ModelProto, folder: Path, runtime: Any, simplifications: frozenset[str] = SIMPLIFICATIONS
) -> None:
    path = folder / "m.onnx"
    onnx.save(model, path)
    file = OnnxFile(path)
    write_model(folder, {"model.json": emit_graph(file, (), simplifications)}, {})
    reference = OnnxRuntime(file)
    name = model.graph.output[0].name
    for batch, width in ((1, 5), (2, 8)):
        x = np.random.default_rng(width).standard_normal((batch, 3, 4, width)).astype(np.float32)
        (got,) = runtime.run(folder / "model.json", [{"x": x}])
        np.testing.assert_allclose(got[name], reference.run({"x": x})[name], atol=1e-4, rtol=1e-4)


QUIET = list(HealthCheck)


def test_random_graphs(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("graphs")

    @settings(deadline=None, max_examples=150, suppress_health_check=QUIET, derandomize=True)
    @given(graphs())
    def run(model: onnx.ModelProto) -> None:
        check(model, folder, NumpyRuntime())

    run()


@pytest.mark.parametrize("left_out", sorted(SIMPLIFICATIONS))
def test_simplifications_change_nothing(left_out: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("graphs")

    @settings(deadline=None, max_examples=25, suppress_health_check=QUIET, derandomize=True)
    @given(graphs())
    def run(model: onnx.ModelProto) -> None:
        check(model, folder, NumpyRuntime(), SIMPLIFICATIONS - {left_out})

    run()


@pytest.mark.browser
def test_random_graphs_in_tensorflow_js(tfjs: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("graphs")

    @settings(deadline=None, max_examples=60, suppress_health_check=QUIET, derandomize=True)
    @given(graphs())
    def run(model: onnx.ModelProto) -> None:
        check(model, folder, tfjs)

    run()


def test_a_constant_is_never_both_a_setting_and_a_number() -> None:
    """On WebGPU a bound that is multiplied with too would be read back from the card at each run."""
    g = Emitter(3)
    shape = np.full((3, 1), 6, dtype=np.int64)
    x = g.placeholder("x", shape, "float32")
    two = g.scalar(2.0, "float32")
    clipped = g.node("ClipByValue", [x, g.scalar(0.0, "float32"), two], shape)
    lengths = g.binary("Mul", g.node("Shape", [clipped], g.rows([1]), "int32"), g.ints([2]))
    twice = g.node("Tile", [g.binary("Mul", clipped, two), lengths], shape * 12)
    picked = g.node("GatherV2", [twice, g.ints([2]), g.scalar(0)], g.rows([1]), batch_dims=0)
    graph = prune(g.nodes, {"x": x}, {"y": picked})
    read = {op: [t.node.name for t in n.inputs] for n in graph.nodes for op in [n.op] if op in SETTINGS}
    computed = {t.node.name for n in graph.nodes if n.op == "Mul" and n.inputs[0].dtype == "float32" for t in n.inputs}
    computed.add(read["GatherV2"][1])
    assert read["ClipByValue"][2].removesuffix("_setting") in computed
    assert not computed & {*read["ClipByValue"][1:], *read["Tile"][1:], *read["GatherV2"][2:]}
    (product,) = (n for n in graph.nodes if n.op == "Mul" and n.inputs[0].dtype == "int32")
    assert product.inputs[1].node.name == f"{read['GatherV2'][1]}_setting"
    assert [n for n in graph.nodes if n.name.endswith("_setting")] == graph.nodes[:2]
