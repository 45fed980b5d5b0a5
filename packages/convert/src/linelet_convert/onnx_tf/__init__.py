"""The way through onnx-tf and tensorflowjs_converter, in their pinned environment (environment.txt).

They run in a Python of their own, fed with our unrolled graph: see unroll.py for what they would make of a GRU.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import onnx

from linelet_common.errors import ConversionError
from linelet_common.processes import run_with_us
from linelet_convert.onnx_tf.unroll import unrolled
from linelet_convert.onnxfile import OnnxFile

# 107 s for the reference CRNN on two idle cores.
SECONDS = 1800


def convert_via(file: OnnxFile, python: Path, width: int, folder: Path, names: dict[str, str]) -> list[str]:
    """Write model.json and its shards into ``folder``; returns the names of the shards.

    names: what the only input and output are called in the bundle, by the file's names. ConversionError with the tools'
    last words if they fail, or if ``python`` is not theirs.
    """
    if not python.is_file():
        raise ConversionError(
            f"{python}: no such file; make onnx-tf's environment from onnx_tf/environment.txt (see README)"
        )
    with tempfile.TemporaryDirectory(prefix="linelet-") as scratch:
        model = Path(scratch) / "model.onnx"
        onnx.save(unrolled(file, width), str(model))
        script = Path(__file__).with_name("chain.py")
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        try:
            done = run_with_us([str(python), str(script), str(model), scratch], SECONDS, environment)
        except subprocess.TimeoutExpired:
            raise ConversionError(
                f"{file.path}: onnx-tf took over {SECONDS} s; convert without --via", place=file.path
            ) from None
        except OSError as failure:
            raise ConversionError(
                f"{python} cannot be run ({failure.strerror}); name the Python of onnx-tf's environment"
            ) from None
        written = Path(scratch) / "tfjs"
        if done.returncode or not (written / "model.json").exists():
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ConversionError(
                f"{file.path}: onnx-tf and tensorflowjs_converter failed ({reason}); convert without --via",
                place=file.path,
            )
        graph = json.loads((written / "model.json").read_text(encoding="utf-8"))
        graph["signature"] = _renamed(graph["signature"], names, file)
        shards = [path for group in graph["weightsManifest"] for path in group["paths"]]
        (folder / "model.json").write_text(json.dumps(graph), encoding="utf-8")
        for shard in shards:
            shutil.copyfile(written / shard, folder / shard)
        return shards


def _renamed(signature: dict[str, Any], names: dict[str, str], file: OnnxFile) -> dict[str, Any]:
    """The signature with our names: TensorFlow calls outputs by numbers."""
    given, made = list(signature["inputs"].values()), list(signature["outputs"].values())
    if len(given) != 1 or len(made) != 1:
        raise ConversionError(f"{file.path}: tensorflowjs_converter gives {len(given)} inputs and {len(made)} outputs; "
                              "convert without --via", place=file.path)  # fmt: skip
    input_name, output_name = (names[v.name] for v in (file.inputs[0], file.proto.graph.output[0]))
    return {"inputs": {input_name: given[0]}, "outputs": {output_name: made[0]}}
