"""Networks as .tflite, for LiteRT on phones: the same graph that TensorFlow.js gets, at one width and a batch of 1.

Written directly, without TensorFlow; checked by LiteRT itself where ai-edge-litert is installed.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linelet_common.spec import ReaderSpec
from linelet_convert.emit import emit
from linelet_convert.lines import check_lines
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import Feeds, Runtime
from linelet_convert.tfgraph import Array
from linelet_convert.tfjs import Stored
from linelet_convert.tflite.operators import translate
from linelet_convert.verify import LINES, Check, batched, check_against

UNCHECKED = "LiteRT itself was not run; pip install 'linelet-convert[tflite]' and convert again to be sure"


@dataclass(frozen=True)
class Lite:
    """A network for LiteRT: file, width in pixels, size in bytes, and the check, None where LiteRT is missing."""

    file: str
    width: int
    bytes: int
    check: Check | None


class LiteRtRuntime:
    """LiteRT itself, a Runtime of .tflite files, which take one line at a time."""

    name = "LiteRT"

    def run(self, model: Path, batches: list[Feeds]) -> list[dict[str, Array]]:
        """See Runtime."""
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(model), num_threads=1)
        interpreter.allocate_tensors()
        given = {d["name"]: d["index"] for d in interpreter.get_input_details()}
        made = {d["name"]: d["index"] for d in interpreter.get_output_details()}
        outputs = []
        for batch in batches:
            for name, array in batch.items():
                interpreter.set_tensor(given[name], np.asarray(array, order="C"))
            interpreter.invoke()
            outputs.append({name: interpreter.get_tensor(index) for name, index in made.items()})
        return outputs


def write_tflite(path: Path, file: OnnxFile, spec: ReaderSpec, width: int, kinds: Mapping[str, str | Stored]) -> None:
    """Write a reader at a width, in pixels. kinds: how constants are stored, by name; float32 where one is not named.

    ConversionError naming the operators that LiteRT lacks.
    """
    given, output = file.inputs[0].name, file.proto.graph.output[0].name
    shape = np.array([[1, spec.channels, spec.height, width]], dtype=np.int64)
    graph = emit(file, {given: shape}, names={given: "images", output: "scores"})
    path.write_bytes(translate(graph, kinds, f"{file.path} at width {width}").to_bytes())


def add_tflite(
    folder: Path,
    file: OnnxFile,
    spec: ReaderSpec,
    kinds: Mapping[str, str | Stored],
    models: Mapping[int, str],
    runtime: Runtime,
    widths: tuple[int, ...],
) -> list[Lite]:
    """Put ``model-W.tflite`` for each width beside a reader's models (by width, 0: any), stored as they are.

    runtime: what runs those, which LiteRT is compared with. ConversionError if they differ.
    """
    written = []
    for width in widths:
        path = folder / f"model-{width}.tflite"
        write_tflite(path, file, spec, width, kinds)
        check = None
        if importlib.util.find_spec("ai_edge_litert") is not None:
            own = spec.model_copy(update={"widths": (width,)})
            lines = [line[None] for images, _ in batched(check_lines(spec, LINES, width), own) for line in images]
            feeds = [{"images": line} for line in lines]
            wanted = runtime.run(folder / models.get(width, models.get(0, "")), feeds)
            got = LiteRtRuntime().run(path, feeds)
            pairs = [(a["scores"], b["scores"]) for a, b in zip(wanted, got, strict=True)]
            check = check_against(file, spec, pairs, LiteRtRuntime.name, runtime.name)
        written.append(Lite(path.name, width, path.stat().st_size, check))
    return written
