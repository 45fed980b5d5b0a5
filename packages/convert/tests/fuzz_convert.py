"""Feeds the converter mutated files: every one must convert or be refused in one line, in bounded time.

python packages/convert/tests/fuzz_convert.py --count 10000 [--seed 0] [MODEL.onnx ...]

A worker process converts, so that a crash of native code is seen and counted too. A short seeded run is a test.
"""

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# A mutated file of a few kilobytes can ask for a large picture; what takes longer than this hangs.
SECONDS = 60.0


def seeds() -> dict[str, bytes]:
    """Small models that use much of ONNX: a convolutional reader, a recurrent one, shape arithmetic, external data."""
    random_ = np.random.default_rng(0)

    def held(**shapes: tuple[int, ...]) -> list[TensorProto]:
        return [numpy_helper.from_array(random_.standard_normal(s).astype(np.float32), n) for n, s in shapes.items()]

    def model(
        nodes: list[onnx.NodeProto], weights: list[TensorProto], shape: list[int | str], opset: int = 17
    ) -> bytes:
        graph = helper.make_graph(
            nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", opset)]
        return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())

    node = helper.make_node
    conv = [
        node("Conv", ["x", "w", "b"], ["a"], strides=[2, 1], pads=[1, 1, 1, 1]), node("Relu", ["a"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("BatchNormalization", ["p", "s", "s", "s", "s2"], ["n"]), node("GlobalAveragePool", ["n"], ["q"]),
        node("Flatten", ["q"], ["f"]), node("Gemm", ["f", "m", "s"], ["y"], transB=1),
    ]  # fmt: skip
    ones = numpy_helper.from_array(np.ones(4, np.float32), "s2")
    weights = [*held(w=(4, 1, 3, 3), b=(4,), s=(4,), m=(4, 4)), ones]
    recurrent = [
        node("Transpose", ["x"], ["t"], perm=[1, 0, 2]), node("Shape", ["t"], ["h"]), node("Gather", ["h", "i"], ["n"]),
        node("Concat", ["one", "n", "three"], ["c"], axis=0), node("ConstantOfShape", ["c"], ["z"]),
        node("GRU", ["t", "w", "r", "", "", "z"], ["a", "l"], hidden_size=3, linear_before_reset=1),
        node("Squeeze", ["a", "one"], ["s"]), node("Slice", ["s", "i", "three", "i"], ["d"]),
        node("Softmax", ["d"], ["y"], axis=2),
    ]  # fmt: skip
    ints = [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in (("i", [1]), ("one", [1]), ("three", [3]))]
    shapes = [
        node("Shape", ["x"], ["h"]), node("Cast", ["h"], ["f"], to=1), node("Mul", ["f", "k"], ["d"]),
        node("Cast", ["d"], ["e"], to=7), node("Range", ["o", "p", "q"], ["g"]), node("Expand", ["x", "e"], ["u"]),
        node("Pad", ["u", "pads"], ["v"]), node("Tile", ["v", "e"], ["y"]),
    ]  # fmt: skip
    shape_weights = [numpy_helper.from_array(np.array([1, 1], np.float32), "k")]
    shape_weights += [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in (("o", 0), ("p", 5), ("q", 1))]
    shape_weights += [numpy_helper.from_array(np.array([0, 1, 0, 1]), "pads")]
    return {
        "conv": model(conv, weights, ["N", 1, 8, 16]),
        "recurrent": model(recurrent, held(w=(1, 9, 3), r=(1, 9, 3)) + ints, ["N", 4, 3], 14),
        "shapes": model(shapes, shape_weights, [2, 3]),
    }


def mutate(data: bytes, random_: random.Random) -> bytes:
    """Flip, insert, delete, repeat or cut bytes, or change the parsed model, and write it again."""
    if random_.random() < 0.4:
        return _mutate_model(data, random_)
    changed = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 4, 16))):
        at = random_.randrange(len(changed) or 1)
        kind = random_.randrange(6) if changed else 2
        if kind == 0:
            changed[at : at + 1] = bytes([random_.randrange(256)])
        elif kind == 1:
            changed[at : at + 1] = bytes([changed[at] ^ (1 << random_.randrange(8))]) if changed else b""
        elif kind == 2:
            changed[at:at] = random_.randbytes(random_.randrange(1, 9))
        elif kind == 3:
            del changed[at : at + random_.randrange(1, 9)]
        elif kind == 4:
            changed[at:at] = changed[at : at + random_.randrange(1, 64)]
        else:
            del changed[at:]
    return bytes(changed)


def _mutate_model(data: bytes, random_: random.Random) -> bytes:
    model = onnx.ModelProto.FromString(data)
    graph = model.graph
    numbers = (0, 1, -1, 2, 7, 2**31, -(2**31), 2**62, -(2**63), 1000)
    for _ in range(random_.choice((1, 1, 2, 3))):
        kind = random_.randrange(8)
        target = random_.choice(graph.node)
        names = [o for n in graph.node for o in n.output] + [i.name for i in graph.initializer] + ["x", "y", ""]
        if kind == 0 and target.input:
            target.input[random_.randrange(len(target.input))] = random_.choice(names)
        elif kind == 1 and target.output:
            target.output[random_.randrange(len(target.output))] = random_.choice(names)
        elif kind == 2:
            others = ["Loop", "If", "Reshape", "Concat", "Conv", ""]
            target.op_type = random_.choice([n.op_type for n in graph.node] + others)
        elif kind == 3 and target.attribute:
            attribute = random_.choice(target.attribute)
            attribute.i = random_.choice(numbers)
            for i in range(len(attribute.ints)):
                attribute.ints[i] = random_.choice(numbers)
        elif kind == 4 and graph.initializer:
            tensor = random_.choice(graph.initializer)
            tensor.dims[:] = [random_.choice(numbers) for _ in tensor.dims]
        elif kind == 5 and graph.initializer:
            tensor = random_.choice(graph.initializer)
            count = len(tensor.raw_data) // 8
            if tensor.data_type == TensorProto.INT64 and count:
                tensor.raw_data = np.array([random_.choice(numbers) for _ in range(count)], np.int64).tobytes()
            else:
                tensor.data_type = random_.randrange(24)
        elif kind == 6:
            for dim in graph.input[0].type.tensor_type.shape.dim:
                if random_.random() < 0.4:
                    dim.dim_value = random_.choice(numbers)
        elif kind == 7:
            model.opset_import[0].version = random_.choice((0, 9, 11, 13, 18, 21, 24, 99))
    return bytes(model.SerializeToString())


def _serve(pipe: Connection, folder: str) -> None:
    """Converts what comes through the pipe, answers how it ended."""
    from linelet_common.errors import LineletError
    from linelet_convert.conversion import convert

    path, out = Path(folder) / "model.onnx", Path(folder) / "out"
    while True:
        data = pipe.recv_bytes()
        path.write_bytes(data)
        try:
            convert(path, out, bare=True)
            pipe.send("converted")
        except LineletError as failure:
            message = str(failure)
            whole = not out.exists() or (out / "conversion.json").exists()
            left = [p for p in Path(folder).iterdir() if p.name.startswith(".")]
            pipe.send("refused" if "\n" not in message and whole and not left else f"untidy: {message!r} {left}")
        except BaseException as failure:
            import traceback

            pipe.send(f"failed: {type(failure).__name__}: {failure} {traceback.format_exc().splitlines()[-3:-1]}")


class Worker:
    """A process that converts, started again when it dies or hangs."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, self.folder.name), daemon=True)
        self.process.start()
        other.close()

    def run(self, data: bytes) -> str:
        """How a file ended: converted, refused, or what went wrong."""
        try:
            self.pipe.send_bytes(data)
            if self.pipe.poll(SECONDS):
                return str(self.pipe.recv())
            answer = "hang"
        except (EOFError, OSError):
            self.process.join(5)
            answer = f"crash: exit code {self.process.exitcode}"
        self.close()
        self._start()
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.folder.cleanup()


def fuzz(count: int, seed: int, models: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """How each of ``count`` mutated files ended, with the file."""
    random_ = random.Random(seed)
    worker = Worker()
    worker.run(next(iter(models.values())))  # imports take their time
    names = sorted(models)
    try:
        for _ in range(count):
            data = mutate(models[random_.choice(names)], random_)
            yield worker.run(data), data
    finally:
        worker.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that went wrong")
    given = parser.parse_args()
    models = {p.name: p.read_bytes() for p in given.models} or seeds()
    ends: Counter[str] = Counter()
    started = time.monotonic()
    for number, (end, data) in enumerate(fuzz(given.count, given.seed, models)):
        ends[end if end in ("converted", "refused", "hang") else end.split(":")[0]] += 1
        if end not in ("converted", "refused"):
            print(f"{number}: {end}", flush=True)
            if given.keep:
                given.keep.mkdir(parents=True, exist_ok=True)
                (given.keep / f"{number}.onnx").write_bytes(data)
    print(f"{given.count} files in {time.monotonic() - started:.0f} s: {dict(ends)}")
    return 0 if set(ends) <= {"converted", "refused"} else 1


if __name__ == "__main__":
    sys.exit(main())
