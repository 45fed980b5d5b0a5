// Runs a graph model in Node for a conversion's check: node run_model.mjs request.json (see runtimes.py).
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { loadGraph } from "./graph_model.mjs";
import "./ends_with_starter.mjs";

const { modules, backend, model: file, folder, batches } = JSON.parse(await readFile(process.argv[2], "utf8"));

async function run() {
  const load = (name) => import(pathToFileURL(path.join(modules, `${name}.js`)).href);
  const tf = await load("core");
  const own = await load(backend);
  if (backend === "wasm") {
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    own.setWasmPaths(modules + path.sep);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  await tf.ready();

  const graph = await loadGraph(tf.GraphModel, file);
  const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };
  const names = Object.keys(graph.modelSignature.outputs);
  const answer = [];
  for (const [i, batch] of batches.entries()) {
    const feeds = {};
    for (const [name, { file, shape, dtype }] of Object.entries(batch)) {
      const data = await readFile(file);
      feeds[name] = tf.tensor(new arrays[dtype](data.buffer.slice(data.byteOffset, data.byteOffset + data.length)), shape, dtype);
    }
    const outputs = [graph.execute(feeds, names)].flat();
    const described = {};
    for (const [j, output] of outputs.entries()) {
      const data = await output.data();
      await writeFile(path.join(folder, `out-${i}-${j}.bin`), new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      described[names[j]] = { file: `out-${i}-${j}.bin`, shape: output.shape, dtype: output.dtype };
    }
    answer.push(described);
    tf.dispose(Object.values(feeds));
    tf.dispose(outputs);
  }
  return { outputs: answer };
}

const answer = await run().catch((failure) => ({ error: String(failure?.message ?? failure).split("\n")[0] }));
await writeFile(path.join(folder, "answer.json"), JSON.stringify(answer));
