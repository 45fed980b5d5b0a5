// Runs graph models on the TensorFlow.js that ships: one JSON request a line on stdin, one answer a line on stdout.
// Usage: node server.mjs FOLDER (that holds core.js, wasm.js, cpu.js)
import path from "node:path";
import readline from "node:readline";
import { pathToFileURL } from "node:url";
import { loadGraph } from "../../src/linelet_convert/web/runtime/graph_model.mjs";

const folder = path.resolve(process.argv[2]);
const load = (name) => import(pathToFileURL(path.join(folder, `${name}.js`)).href);
const log = console.log;
console.log = console.info = console.warn = () => {}; // stdout is for answers
const tf = await load("core");
await load("cpu");
const wasm = await load("wasm");
const { GraphModel } = tf;
tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
wasm.setWasmPaths(folder + path.sep);

async function run({ model, backend, batches }) {
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  const graph = await loadGraph(GraphModel, model);
  const outputs = [];
  const wanted = Object.keys(graph.modelSignature.outputs);
  for (const batch of batches) {
    const feeds = Object.fromEntries(
      Object.entries(batch).map(([name, { data, shape, dtype }]) => [name, tf.tensor(dtype === "float32" ? data.map(Number) : data, shape, dtype)]),
    );
    const results = [graph.execute(feeds, wanted)].flat();
    outputs.push(
      Object.fromEntries(
        results.map((t, i) => [wanted[i], { data: [...t.dataSync()], shape: t.shape, dtype: t.dtype }]),
      ),
    );
    tf.dispose([Object.values(feeds), results]);
  }
  graph.dispose();
  return outputs;
}

// JSON has neither NaN nor infinities; Python reads these words.
const text = (answer) =>
  JSON.stringify(answer, (_, v) => (typeof v === "number" && !Number.isFinite(v) ? `@${v}` : v)).replace(/"@(-?\w+)"/g, "$1");

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    log(text({ outputs: await run(JSON.parse(line)) }));
  } catch (failure) {
    log(JSON.stringify({ error: String(failure?.stack ?? failure) }));
  }
}
