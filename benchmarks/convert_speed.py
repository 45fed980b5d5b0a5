"""What a conversion costs, and what each simplification of the graph is worth.

    python benchmarks/convert_speed.py [--networks reference-gru,light-gru,light-conv] [--json FILE]

Networks are untrained: neither cost depends on the weights. Conversion: processor seconds (user and system, children
included) and peak memory of a fresh `linelet-convert`, check by TensorFlow.js included where Node is there. Graph:
nodes besides constants, and processor milliseconds a call on the wasm backend in Node, one thread, batch 1 and 16,
width 200, least of several runs; once with all simplifications and once with each left out. Needs torch, and Node with
the page's TensorFlow.js for the second table.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import onnx
import torch

from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_convert import assets
from linelet_convert.graphs import emit_reader
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.runtimes import find_node
from linelet_convert.tfjs import write_model
from linelet_convert.values import SIMPLIFICATIONS
from linelet_model.networks import network_class

WIDTH = 200
CHARSET = "".join(chr(0x4E00 + i) for i in range(78))
TIMER = """
import { readFile } from "node:fs/promises"; import path from "node:path"; import { pathToFileURL } from "node:url";
const [modules, ...files] = process.argv.slice(2);
const load = (n) => import(pathToFileURL(path.join(modules, n + ".js")).href);
const tf = await load("core"), wasm = await load("wasm");
tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false); wasm.setWasmPaths(modules + path.sep);
await tf.setBackend("wasm"); await tf.ready();
const graphs = [];
for (const file of files) {
  const json = JSON.parse(await readFile(file, "utf8")), group = json.weightsManifest[0];
  const bytes = Buffer.concat(await Promise.all(group.paths.map((p) => readFile(path.join(path.dirname(file), p)))));
  const graph = new tf.GraphModel({ load: async () => ({ modelTopology: json.modelTopology, signature: json.signature,
    weightSpecs: group.weights, weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) }) });
  await graph.load(); graphs.push(graph);
}
const least = files.map(() => [Infinity, Infinity]);
for (let round = 0; round < 4; round++)
  for (const [i, graph] of graphs.entries())
    for (const [j, n, calls] of [[0, 1, 8], [1, 16, 1]]) {
      const x = tf.tensor(new Float32Array(n * 32 * 200).fill(0.1), [n, 1, 32, 200]);
      const before = process.cpuUsage();
      for (let k = 0; k < calls; k++) { const y = graph.execute({ images: x }); y.dataSync(); y.dispose(); }
      const used = process.cpuUsage(before);
      least[i][j] = Math.min(least[i][j], (used.user + used.system) / 1000 / calls);
      x.dispose();
    }
console.log(JSON.stringify(least));
"""


def export(name: str, path: Path) -> None:
    torch.manual_seed(0)
    kind = network_class(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            kind(len(CHARSET) + 1).eval(), (torch.randn(1, 1, kind.height, WIDTH),), path, input_names=["images"],
            output_names=["scores"], dynamic_axes={"images": {0: "N", 3: "W"}, "scores": {0: "N", 1: "T"}},
            opset_version=17, dynamo=False,
        )  # fmt: skip
    model = onnx.load(path)
    spec = ReaderSpec(charset=CHARSET, widths=(WIDTH,), stride=kind.stride, frames_lost=kind.frames_lost)
    onnx.helper.set_model_props(model, {ONNX_KEY: spec.to_json()})
    onnx.save(model, path)


def conversion(path: Path, out: Path) -> dict[str, float]:
    # VmHWM, not ru_maxrss: the latter begins with what this process had when it forked.
    script = "import re,resource,sys; from linelet_convert.verbs import main; main(sys.argv[1:]);"
    script += "own=re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1];"
    script += "print(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", script, str(path), "--out", str(out)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    own, node = (int(n) / 1024 for n in done.stderr.splitlines()[-1].split())
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "megabytes": own, "node_megabytes": node}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="reference-gru,reference-lstm,light-gru,light-conv")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    node = find_node()
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "timer.mjs").write_text(TIMER)
        for name in given.networks.split(","):
            path = folder / f"{name}.onnx"
            export(name, path)
            cost = conversion(path, folder / f"{name}-bundle")
            print(
                f"{name}: {cost['seconds']:.1f} s, {cost['megabytes']:.0f} MB (Node: {cost['node_megabytes']:.0f} MB)"
            )
            result[name] = {"conversion": cost}
            if not node:
                continue
            assets.build_runtime()
            file = OnnxFile(path)
            variants: dict[str, frozenset[str]] = {"all": SIMPLIFICATIONS}
            variants |= {f"without {s}": SIMPLIFICATIONS - {s} for s in sorted(SIMPLIFICATIONS)}
            counts, models = [], []
            for label, simplifications in variants.items():
                spec = ReaderSpec.from_json(file.metadata[ONNX_KEY], str(path))
                _, graphs = emit_reader(file, spec, (WIDTH,), simplifications)
                place = folder / f"{name} {label}"
                place.mkdir()
                write_model(place, {"model.json": graphs[WIDTH]}, {})
                counts.append(sum(n.array is None for n in graphs[WIDTH].nodes))
                models.append(str(place / "model.json"))
            timer = [node, str(folder / "timer.mjs"), str(assets.RUNTIME), *models]
            least = json.loads(subprocess.run(timer, check=True, capture_output=True, text=True).stdout)
            for label, count, (one, many) in zip(variants, counts, least, strict=True):
                print(f"  {label:22} {count:5} nodes  {one:6.1f} ms  batch 16: {many:6.1f} ms")
                result[name][label] = {"nodes": count, "ms_1": one, "ms_16": many}  # type: ignore[index]
    if given.json:
        given.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
