// Builds Linelet's own TensorFlow.js: ES modules with just the kernels that a converted network can use, one entry a
// backend over a shared core, so that a page downloads only what it runs. Usage: node build.mjs OUT_FOLDER
// (after `npm ci` in this folder; `python -m linelet_convert.assets` does both).
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { build } from "esbuild";

const out = path.resolve(process.argv[2] ?? "tfjs");
const require = createRequire(import.meta.url);
const packages = path.resolve(path.dirname(require.resolve("@tensorflow/tfjs-core/package.json")), "..");
/**
 * What the runtime holds: `operators` of a graph model that the converter writes, and the further ones that `onnx_tf`'s
 * graphs have, each with the kernels it runs; `functions` of tfjs-core that run them; a file for each of `backends`.
 */
const wanted = JSON.parse(await readFile(new URL("kernels.json", import.meta.url), "utf8"));
const kernels = new Set([wanted.operators, wanted.onnx_tf].flatMap((table) => Object.values(table).flat()));

/** The kernel that a file registers, by the name in its configuration: the file's own name differs between backends. */
async function kernelOf(file) {
  const source = await readFile(file, "utf8");
  const names = [...source.matchAll(/(?:kernelName:\s*|KernelConfig\()'?(\w+)'?/g)].map(([, name]) => name);
  if (names.length !== 1) throw new Error(`${file} registers ${names.length} kernels, not one: look at it, mend build.mjs`);
  return names[0];
}

/** Keeps the wanted kernels of a backend's register_all_kernels.js: one import and one list entry each. */
async function keepKernels(source, file) {
  const imports = [...source.matchAll(/^import \{ (?:\w+ as )?(\w+) \} from '(\.\/kernels\/\w+)';$/gm)];
  const found = new Map();
  for (const [line, config, kernel] of imports) {
    found.set(await kernelOf(path.join(path.dirname(file), `${kernel}.js`)), { line, config });
  }
  const missing = [...kernels].filter((name) => !found.has(name));
  if (missing.length) throw new Error(`error: ${file} lacks the kernels ${missing.join(", ")} of kernels.json`);
  const kept = [...kernels].map((name) => found.get(name));
  const configs = new Set(kept.map(({ config }) => config));
  const lines = new Set(kept.map(({ line }) => line));
  return source
    .replace(/^import \{ .* \} from '\.\/kernels\/\w+';$/gm, (line) => (lines.has(line) ? line : ""))
    .replace(/^ {4}(\w+),?$/gm, (line, config) => (configs.has(config) ? `    ${config},` : ""));
}

/** Keeps the wanted functions of tfjs-core's list, which the graph executor would otherwise pull in whole. */
const keepOps = (source) =>
  source
    .replace(/^export \{ (\w+) \} from .*$/gm, (line, op) => (wanted.functions.includes(op) ? line : ""))
    .replace(/^export \{ image, .* \};$/m, "export { fused };\nexport const image = { resizeBilinear, resizeNearestNeighbor };")
    .replace(/^const image = \{[^}]*\};$/m, "");

const trim = {
  name: "trim-tfjs",
  setup(builder) {
    const filtered = (filter, keep) =>
      builder.onLoad({ filter }, async ({ path: file }) => ({ contents: await keep(await readFile(file, "utf8"), file) }));
    filtered(/tfjs-backend-\w+[\\/]dist[\\/]register_all_kernels\.js$/, keepKernels);
    builder.onResolve({ filter: /dist\/ops\/ops_for_converter$/ }, () => ({
      path: "converter-ops",
      namespace: "linelet",
    }));
    builder.onLoad({ filter: /^converter-ops$/, namespace: "linelet" }, async () => ({
      contents: keepOps(await readFile(path.join(packages, "tfjs-core/dist/ops/ops.js"), "utf8")),
      resolveDir: path.join(packages, "tfjs-core/dist/ops"),
    }));
    // The plain entry also registers optimisers, which only training needs.
    builder.onResolve({ filter: /^@tensorflow\/tfjs-core$/ }, () => ({ path: "core", namespace: "linelet" }));
    builder.onLoad({ filter: /^core$/, namespace: "linelet" }, () => ({
      contents: "import './base_side_effects'; export * from './base';",
      resolveDir: path.join(packages, "tfjs-core/dist"),
    }));
  },
};

const entries = {
  core: `
    export { dispose, engine, env, getBackend, getKernelsForBackend, memory, profile, ready, removeBackend, setBackend, tensor, tidy }
      from "@tensorflow/tfjs-core";
    import "@tensorflow/tfjs-converter/dist/flags";
    export { GraphModel } from "@tensorflow/tfjs-converter/dist/executor/graph_model";`,
  ...Object.fromEntries(
    wanted.backends.map((name) => [
      name,
      `import "@tensorflow/tfjs-backend-${name}";` +
        (name === "wasm" ? `export { setWasmPaths, setThreadsCount } from "@tensorflow/tfjs-backend-wasm";` : ""),
    ]),
  ),
};
const virtualEntries = {
  name: "entries",
  setup(builder) {
    builder.onResolve({ filter: /^entry:/ }, ({ path: name }) => ({ path: name.slice(6), namespace: "entry" }));
    builder.onLoad({ filter: /.*/, namespace: "entry" }, ({ path: name }) => ({
      contents: entries[name],
      resolveDir: path.dirname(packages),
    }));
  },
};

await mkdir(out, { recursive: true });
const { outputFiles } = await build({
  write: false,
  entryPoints: Object.keys(entries).map((name) => ({ in: `entry:${name}`, out: name })),
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2020",
  minify: true,
  legalComments: "none",
  plugins: [virtualEntries, trim],
  // Node's own modules are asked for only in Node. There is no `require` in an ES module: make one.
  external: ["fs", "path", "os", "util", "perf_hooks", "worker_threads", "node-fetch", "crypto"],
  banner: {
    js: [
      "/* TensorFlow.js 4.22.0, Apache-2.0, https://github.com/tensorflow/tfjs; trimmed by Linelet's build.mjs */",
      'const require=globalThis.process?.getBuiltinModule?.("node:module").createRequire(import.meta.url);',
      "const __dirname=import.meta.dirname;",
    ].join("\n"),
  },
});
// Shared parts get names that stay, so that the page can ask for them before a module that imports them has arrived.
const shared = outputFiles.map((file) => path.basename(file.path)).filter((name) => name.startsWith("chunk-"));
shared.sort((a, b) => sizeOf(b) - sizeOf(a));
function sizeOf(name) {
  return outputFiles.find((file) => file.path.endsWith(name)).contents.length;
}
const renamed = (text) => shared.reduce((result, name, i) => result.replaceAll(name, `shared-${i}.js`), text);
for (const file of outputFiles) await writeFile(path.join(out, renamed(path.basename(file.path))), renamed(file.text));

const wasm = path.join(packages, "tfjs-backend-wasm/dist");
for (const kind of ["", "-simd", "-threaded-simd"]) {
  await copyFile(path.join(wasm, `tfjs-backend-wasm${kind}.wasm`), path.join(out, `tfjs-backend-wasm${kind}.wasm`));
}
// Of TensorFlow.js and of `long`, which it uses: Apache-2.0 wants its text to travel along.
await copyFile(new URL("LICENSE.txt", import.meta.url), path.join(out, "LICENSE.txt"));
