"""ONNX's own backend tests, and random graphs, through the converter; the first make BACKEND.md.

    python packages/convert/tests/onnx_backend.py [--seed N] [--graphs N]     # writes packages/convert/BACKEND.md

Each test's model is converted and run by the numpy interpreter and by the TensorFlow.js that ships, on its wasm and cpu
backends in Node. A test counts as *passed* where all three give the expected outputs, as *refused* where the converter
says why it cannot be exact, as *wrong* where numbers differ, and as an *error* where anything else was raised; where
ONNX Runtime itself gives other numbers than ONNX expects, the converter is to give ONNX Runtime's. Where a model is
refused as it is, all its inputs but the first are made constants, as networks that are exported have them. Exit code 1
if anything was wrong or an error. Random graphs are compared with ONNX Runtime; their seed is printed.
"""

import argparse
import random
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from conftest import ShippedTfjs
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests

from linelet_common.errors import ConversionError, LineletError
from linelet_convert.assets import build_runtime
from linelet_convert.emit import safe_name
from linelet_convert.graphs import emit_graph
from linelet_convert.onnxfile import OnnxFile, element_type
from linelet_convert.runtimes import NumpyRuntime, OnnxRuntime
from linelet_convert.tfjs import write_model

Array = NDArray[Any]
TABLE = Path(__file__).parents[1] / "BACKEND.md"
# All but the large networks that a test would have to download.
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
ENDS = ("passed", "otherwise", "refused", "wrong", "error")
_FED = {"float32": np.float32, "int32": np.int32, "int64": np.int32, "bool": np.bool_}


class Bench:
    """Converts models in a folder of its own and runs them everywhere."""

    def __init__(self, folder: Path, tfjs: ShippedTfjs) -> None:
        self.folder, self._tfjs = folder, tfjs

    def convert(self, model: onnx.ModelProto) -> OnnxFile:
        """Write and convert a model. ConversionError as the converter raises it."""
        path = self.folder / "test.onnx"
        path.write_bytes(model.SerializeToString())
        file = OnnxFile(path)
        write_model(self.folder, {"model.json": emit_graph(file, ())}, {})
        return file

    def compare(self, file: OnnxFile, feeds: dict[str, Array], wanted: list[Array], rtol: float) -> str:
        """Nothing, or by what the converted model's outputs differ from those wanted, and where."""
        given = {}
        for value in file.inputs:
            array = feeds[value.name]
            if array.dtype.kind in "iu" and array.size and abs(array.astype(np.float64)).max() >= 2**31:
                raise ConversionError("the test feeds integers beyond 32 bits")
            given[safe_name(value.name)] = array.astype(_FED[element_type(value, file.path)])
        names = [safe_name(o.name) for o in file.proto.graph.output]
        for backend in ("interpreter", "wasm", "cpu"):
            self._tfjs.backend = backend
            runtime = NumpyRuntime() if backend == "interpreter" else self._tfjs
            (got,) = runtime.run(self.folder / "model.json", [given])
            for name, expected in zip(names, wanted, strict=True):
                try:
                    assert got[name].shape == expected.shape, f"shape {got[name].shape}, not {expected.shape}"
                    plain = [a.astype(np.float64) for a in (got[name], expected)]
                    np.testing.assert_allclose(*plain, rtol=rtol, atol=1e-4)
                except AssertionError as failure:
                    return f"{backend}: {' '.join(str(failure).split())[:200]}"
        return ""


def with_constants(model: onnx.ModelProto, feeds: dict[str, Array]) -> onnx.ModelProto:
    """The model with all its inputs but the first as constants."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    others = [i for i in fixed.graph.input if i.name in list(feeds)[1:]]
    for other in others:
        fixed.graph.input.remove(other)
        fixed.graph.initializer.append(numpy_helper.from_array(feeds[other.name], other.name))
    return fixed


def run_case(bench: Bench, case: Any) -> tuple[str, str]:
    """How a backend test ended, and why."""
    model = case.model
    if model is None:
        model = onnx.load(Path(case.model_dir) / "model.onnx")
    reason = ""
    for inputs, outputs in case.data_sets or _stored(case.model_dir, model):
        names = [i.name for i in model.graph.input][: len(inputs)]
        inputs, outputs = ([np.asarray(a) if isinstance(a, np.generic) else a for a in s] for s in (inputs, outputs))
        if any(not isinstance(a, np.ndarray) for a in [*inputs, *outputs]):
            return "refused", "takes or gives something else than one tensor"
        feeds = dict(zip(names, inputs, strict=True))
        half = any(a.dtype.itemsize == 2 and a.dtype.kind not in "iu" for a in [*inputs, *outputs])
        for attempt in (model, with_constants(model, feeds)) if len(names) > 1 else (model,):
            try:
                file = bench.convert(attempt)
                reason = bench.compare(file, feeds, outputs, max(case.rtol, 1e-2 if half else 1e-3))
                end = "wrong" if reason else "passed"
                own = {i.name: feeds[i.name] for i in file.inputs}
                if reason and not bench.compare(file, own, list(OnnxRuntime(file).run(own).values()), 1e-3):
                    end = "otherwise"
                break
            except LineletError as refusal:
                end, reason = "refused", str(refusal)
            except Exception as failure:  # what must not happen, whatever it is
                return "error", f"{type(failure).__name__}: {failure}"
        if end != "passed":
            return end, reason
    return "passed", reason


def _stored(folder: str, model: onnx.ModelProto) -> Iterator[tuple[list[Array], list[Array]]]:
    """The inputs and outputs in a test's folder."""
    for data in sorted(Path(folder).glob("test_data_set_*")):
        sides = []
        for side in ("input", "output"):
            count = len(list(data.glob(f"{side}_*.pb")))
            files = [data / f"{side}_{i}.pb" for i in range(count)]
            sides.append([numpy_helper.to_array(onnx.load_tensor(str(f))) for f in files])
        yield sides[0], sides[1]


def operator_of(case: Any) -> str:
    """The operator that a test of one node is about."""
    name = case.name.removeprefix("test_")
    nodes = case.model.graph.node if case.model is not None else []
    return nodes[0].op_type if len(nodes) == 1 else f"({name.split('_')[0]})"


def table(ends: dict[str, Counter[str]], operators: dict[str, Counter[str]]) -> str:
    """BACKEND.md."""
    lines = [
        "# ONNX's backend tests",
        "",
        f"Generated by `nox -s backend` with onnx {onnx.__version__}: its tests, converted and run by the numpy",
        "interpreter and by TensorFlow.js (wasm and cpu, in Node). Refused is what the converter says it cannot",
        "convert exactly; what was wrong, or raised anything else, fails the session.",
        "",
        "| tests | passed | as ONNX Runtime, unlike ONNX | refused | wrong | errors |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {kind} | {' | '.join(str(ends[kind][end]) for end in ENDS)} |" for kind in ends]
    total = sum(ends.values(), Counter())
    lines += [f"| **all** | {' | '.join(str(total[end]) for end in ENDS)} |", ""]
    lines += ["Tests of one node, by operator; the rest are by the first word of their name.", ""]
    lines += ["| operator | passed | refused |", "|---|---|---|"]
    lines += [f"| {name} | {c['passed'] + c['otherwise']} | {c['refused']} |" for name, c in sorted(operators.items())]
    return "\n".join(lines) + "\n"


def random_graph(rng: random.Random) -> onnx.ModelProto:
    """A graph of some ten operators on pictures of any batch, put together at random."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    shapes: dict[str, tuple[int, ...]] = {"x": (2, 4, 8, 12)}
    nodes: list[onnx.NodeProto] = []
    held: dict[str, Array] = {}

    def constant(shape: tuple[int, ...]) -> str:
        held[f"c{len(held)}"] = numbers.normal(0, 0.5, shape).astype(np.float32)
        return f"c{len(held) - 1}"

    def ints(*values: int) -> str:
        held[f"c{len(held)}"] = np.array(values, np.int64)
        return f"c{len(held) - 1}"

    def add(operator: str, inputs: list[str], shape: tuple[int, ...], **attributes: Any) -> None:
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        shapes[name] = shape

    for _ in range(rng.randrange(6, 14)):
        x = rng.choice(list(shapes)[-4:])
        n, c, h, w = shapes[x]
        axis = rng.randrange(1, 4)
        kind = rng.randrange(13)
        if kind == 0:
            add(
                rng.choice(["Relu", "Sigmoid", "Tanh", "HardSwish", "Softplus", "Abs", "Erf", "Neg"]), [x], (n, c, h, w)
            )
        elif kind == 1:
            other = rng.choice([v for v, s in shapes.items() if s == shapes[x]])
            add(rng.choice(["Add", "Sub", "Mul", "Max", "Min"]), [x, other], (n, c, h, w))
        elif kind == 2:
            add(rng.choice(["Add", "Mul", "Max"]), rng.sample([x, constant((c, 1, 1))], 2), (n, c, h, w))
        elif kind == 3:
            groups = c if rng.random() < 0.3 else 1
            count = c if groups > 1 else rng.choice([2, 4, 6])
            weights = constant((count, c // groups, 3, 3))
            step = rng.choice([1, 2])
            size = [(k - 1) // step + 1 for k in (h, w)]
            add(
                "Conv",
                [x, weights, constant((count,))],
                (n, count, *size),
                pads=[1] * 4,
                strides=[step] * 2,
                group=groups,
            )
        elif kind == 4 and min(h, w) > 1:
            add(
                rng.choice(["MaxPool", "AveragePool"]), [x], (n, c, h // 2, w // 2), kernel_shape=[2, 2], strides=[2, 2]
            )
        elif kind == 5:
            order = [0, *rng.sample([1, 2, 3], 3)]
            add("Transpose", [x], tuple(shapes[x][a] for a in order), perm=order)
        elif kind == 6:
            shape = rng.choice([(c * h, 1, w), (1, c, h * w), (h, c, w)])
            add("Reshape", [x, ints(0, *shape)], (n, *shape))
        elif kind == 7:
            other = rng.choice(
                [v for v, s in shapes.items() if np.delete(s, axis).tolist() == np.delete(shapes[x], axis).tolist()]
            )
            joined = list(shapes[x])
            joined[axis] += shapes[other][axis]
            add("Concat", [x, other], tuple(joined), axis=axis)
        elif kind == 8 and shapes[x][axis] > 2:
            cut = list(shapes[x])
            cut[axis] = (shapes[x][axis] - 1) // 2
            add("Slice", [x, ints(1), ints(1 + 2 * cut[axis]), ints(axis), ints(2)], tuple(cut))
        elif kind == 9:
            add(rng.choice(["Softmax", "LogSoftmax"]), [x], (n, c, h, w), axis=axis)
        elif kind == 10:
            kept = list(shapes[x])
            kept[axis] = 1
            add(rng.choice(["ReduceMean", "ReduceMax", "ReduceL2"]), [x], tuple(kept), axes=[axis])
        elif kind == 11:
            add("MatMul", [x, constant((w, 5))], (n, c, h, 5))
        elif kind == 12 and h * w < 200:
            add("Resize", [x, "", _scales(held)], (n, c, 2 * h, 2 * w),
                mode=rng.choice(["nearest", "linear"]), nearest_mode="floor",
                coordinate_transformation_mode="asymmetric")  # fmt: skip
    if not nodes:
        add("Relu", ["x"], shapes["x"])
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, 8, 12])
    tensors = [numpy_helper.from_array(a, name) for name, a in held.items()]
    graph = helper.make_graph(nodes, "random", [given], [onnx.ValueInfoProto(name=nodes[-1].output[0])], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _scales(held: dict[str, Array]) -> str:
    held["twice"] = np.array([1, 1, 2, 2], np.float32)
    return "twice"


def run_random(bench: Bench, seed: int, count: int) -> list[str]:
    """What went wrong with ``count`` random graphs; none of them may even be refused."""
    rng = random.Random(seed)
    problems = []
    for number in range(count):
        model = random_graph(rng)
        batch = rng.choice([1, 2, 7])
        x = np.random.default_rng(number).normal(size=(batch, 4, 8, 12)).astype(np.float32)
        try:
            file = bench.convert(model)
            reason = bench.compare(file, {"x": x}, list(OnnxRuntime(file).run({"x": x}).values()), 1e-3)
        except Exception as failure:  # a refusal too: these graphs hold nothing that is not supported
            reason = f"{type(failure).__name__}: {failure}"
        if reason:
            problems.append(f"random graph {number} of seed {seed}: {reason}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="of the random graphs")
    parser.add_argument("--graphs", type=int, default=200, help="how many of them")
    parser.add_argument("--only", default="", help="run the tests with this in their name only, and write no table")
    parser.add_argument("--reasons", action="store_true", help="print why each test was refused")
    given = parser.parse_args()
    ends: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    operators: dict[str, Counter[str]] = defaultdict(Counter)
    problems: list[str] = []
    tfjs = ShippedTfjs(build_runtime(), lambda: None)
    with tempfile.TemporaryDirectory(prefix="linelet-") as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bench = Bench(Path(scratch), tfjs)
        for kind in KINDS:
            for case in load_model_tests(kind=kind):
                if given.only not in case.name:
                    continue
                end, reason = run_case(bench, case)
                ends[kind][end] += 1
                if kind == "node":
                    operators[operator_of(case)][end] += 1
                if end in ("wrong", "error") or (given.reasons and reason):
                    print(f"{end}: {case.name}: {reason}", flush=True)
                problems += [case.name] if end in ("wrong", "error") else []
            print(kind, dict(ends[kind]), flush=True)
        print(f"random graphs of seed {given.seed}", flush=True)
        found = run_random(bench, given.seed, given.graphs)
        print(*found, f"{given.graphs - len(found)} of {given.graphs} random graphs are right", sep="\n")
    tfjs.close()
    if not given.only and not problems:
        TABLE.write_text(table(ends, operators), encoding="utf-8")
        print(f"wrote {TABLE}")
    return 1 if problems or found else 0


if __name__ == "__main__":
    sys.exit(main())
