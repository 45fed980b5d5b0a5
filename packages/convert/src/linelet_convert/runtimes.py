"""The three that run a network for a check: ONNX Runtime, our numpy interpreter, TensorFlow.js in Node."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from linelet_common.errors import ConversionError
from linelet_common.onnx_session import first_line, open_session
from linelet_common.processes import run_with_us
from linelet_convert.interpreter import Interpreter
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.tfgraph import Array

# Reading a check's lines takes a second or two; minutes mean that the network hangs.
NODE_SECONDS = 300

# process.getBuiltinModule, by which an ES module reads the wasm file.
_OLDEST_NODE = (20, 16)

Feeds = dict[str, Array]

# ONNX Runtime's names of the types that an input may have.
_KINDS: dict[str, type] = {
    "tensor(bool)": np.bool_,
    "tensor(double)": np.float64,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
}


class MissingKernelError(ConversionError):
    """The page's TensorFlow.js, built with recognisers' kernels only, lacks one that a network needs."""


class Runtime(Protocol):
    """Runs written models. name: how the report calls it."""

    name: str

    def run(self, model: Path, batches: list[Feeds]) -> list[dict[str, Array]]:
        """The outputs of a model.json for batches of inputs by name."""
        ...


class OnnxRuntime:
    """The reference. One thread, no optimisation that changes numbers is switched off: it is what others run.

    as_given: the file itself, nothing widened, rewritten or left out. further: values to put out besides its outputs.
    """

    def __init__(self, file: OnnxFile, as_given: bool = False, further: Sequence[str] = ()) -> None:
        # ONNX Runtime would also compute what no output needs, and nobody has looked at the size of that.
        self._session = open_session(file.path if as_given else file.needed(further), str(file.path), ConversionError)
        self._path = file.path
        self._inputs = {i.name: i for i in self._session.get_inputs()}

    def run(self, feeds: Feeds) -> dict[str, Array]:
        """All outputs by name. A batch goes one by one through a network exported for a batch of 1."""
        typed: Feeds = {n: np.asarray(a, dtype=_KINDS.get(self._inputs[n].type, np.float32)) for n, a in feeds.items()}
        names = [o.name for o in self._session.get_outputs()]
        try:
            return dict(zip(names, self._session.run(None, typed), strict=True))
        except Exception as failure:  # onnxruntime raises its own kinds, derived from Exception only
            raise ConversionError(
                f"{self._path} cannot be run by ONNX Runtime ({first_line(failure)}); export again", place=self._path
            ) from None

    def fixed_batch(self, name: str) -> bool:
        """Whether an input takes a batch of 1 only."""
        shape = self._inputs[name].shape
        return bool(shape) and shape[0] == 1


class NumpyRuntime:
    """Our interpreter of the written graph."""

    name = "numpy interpreter"

    def run(self, model: Path, batches: list[Feeds]) -> list[dict[str, Array]]:
        """See Runtime."""
        interpreter = Interpreter(model)
        return [interpreter.run(batch) for batch in batches]


class NodeRuntime:
    """TensorFlow.js in Node, from a folder of ES modules ``core.js`` and ``<backend>.js`` (a bundle's ``tfjs``)."""

    def __init__(self, node: str, modules: Path, backend: str = "wasm") -> None:
        self.name = f"TensorFlow.js ({backend}) in Node"
        self._node, self._modules, self._backend = node, modules, backend

    def run(self, model: Path, batches: list[Feeds]) -> list[dict[str, Array]]:
        """See Runtime. ConversionError with TensorFlow.js's own words if it cannot run the model."""
        with tempfile.TemporaryDirectory(prefix="linelet-") as scratch:
            folder = Path(scratch)
            request: dict[str, Any] = {
                "modules": str(self._modules.resolve()),
                "backend": self._backend,
                "model": str(model.resolve()),
                "folder": scratch,
            }
            request["batches"] = [
                {name: _write(folder / f"in-{i}-{j}.bin", array) for j, (name, array) in enumerate(batch.items())}
                for i, batch in enumerate(batches)
            ]
            (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
            script = Path(__file__).parent / "web" / "runtime" / "run_model.mjs"
            try:
                done = run_with_us([self._node, str(script), str(folder / "request.json")], NODE_SECONDS)
            except subprocess.TimeoutExpired:
                raise ConversionError(
                    f"{model.name} ran over {NODE_SECONDS} s in TensorFlow.js; convert on an idle machine, or a "
                    "smaller network"
                ) from None
            if done.returncode:
                raise ConversionError(
                    f"Node failed to run {model.name} (exit code {done.returncode}); repair or remove Node"
                )
            answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
            if "error" in answer:
                kind = MissingKernelError if "not registered" in answer["error"] else ConversionError
                raise kind(
                    f"{model.name} cannot be run by the page's TensorFlow.js ({answer['error']}); see OPERATORS.md"
                )
            answer = answer["outputs"]
            return [{name: _read(folder, info) for name, info in batch.items()} for batch in answer]


def find_node() -> str | None:
    """Node, where one is installed that is new enough for the page's TensorFlow.js."""
    node = shutil.which("node")
    if node is None:
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.match(r"v(\d+)\.(\d+)", said)
    return node if numbers and (int(numbers[1]), int(numbers[2])) >= _OLDEST_NODE else None


def _write(path: Path, array: Array) -> dict[str, Any]:
    dtype = {"f": "float32", "i": "int32", "u": "int32", "b": "bool"}[array.dtype.kind]
    array.astype({"float32": "<f4", "int32": "<i4", "bool": "u1"}[dtype]).tofile(path)
    return {"file": str(path), "shape": list(array.shape), "dtype": dtype}


def _read(folder: Path, info: dict[str, Any]) -> Array:
    kind = {"float32": "<f4", "int32": "<i4", "bool": "u1"}[info["dtype"]]
    flat: Array = np.fromfile(folder / info["file"], kind)
    return flat.reshape(info["shape"])
