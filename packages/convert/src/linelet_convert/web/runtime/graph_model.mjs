// Loads a graph model from a file in Node, where TensorFlow.js itself knows only how to fetch.
import { readFile } from "node:fs/promises";
import path from "node:path";

export async function loadGraph(GraphModel, file) {
  const json = JSON.parse(await readFile(file, "utf8"));
  const names = json.weightsManifest.flatMap((group) => group.paths);
  const bytes = Buffer.concat(await Promise.all(names.map((name) => readFile(path.join(path.dirname(file), name)))));
  const graph = new GraphModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      signature: json.signature,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    }),
  });
  await graph.load();
  return graph;
}
