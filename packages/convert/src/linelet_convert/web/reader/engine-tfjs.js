/**
 * Scores lines with TensorFlow.js. The bundle carries a build with just the kernels in use (folder tfjs/); a page that
 * already has TensorFlow.js can pass its own as `module`.
 *
 * @typedef {object} Engine what the reader needs of a network: see also engine-onnx.js
 * @property {string} name
 * @property {string} backend what the network runs on
 * @property {(data: Float32Array, shape: number[]) => Promise<{data: Float32Array, shape: number[]}>} run
 *   input (N, channels, height, W), W a width that the spec allows -> the network's output
 * @property {() => void} dispose frees the network's memory
 */
import { BackendError, LineletError, inOrder, invalidFile, reason } from "./errors.js";
import { IN_NODE, fetchBytes, inside, nodeModule } from "./files.js";

const LONGEST_WAIT = 60_000; // milliseconds for a batch: whatever takes longer will never end
const WASM_FILES = ["", "-simd", "-threaded-simd"].map((kind) => `tfjs-backend-wasm${kind}.wasm`);

export const BACKENDS = ["wasm", "webgl", "webgpu", "cpu"];

/**
 * The TensorFlow.js of the bundle, or the caller's.
 * @param {URL} assets folder that holds tfjs/ @param {any} own the caller's module
 */
async function loadRuntime(assets, own) {
  if (own) return { tf: own, load: async () => {}, folder: null };
  const folder = inside("tfjs/", assets);
  const load = async (name) => {
    const url = inside(`${name}.js`, folder);
    try {
      return await import(/* @vite-ignore */ /* webpackIgnore: true */ url.href);
    } catch (failure) {
      throw new LineletError(
        `${url.href} cannot be loaded (${reason(failure)}); where Node is installed, ` +
          "'python -m linelet_convert.assets BUNDLE' adds the runtime to the bundle",
        { code: "file-unreachable", about: { file: url.href, reason: reason(failure) }, cause: failure },
      );
    }
  };
  return { tf: await load("core"), load, folder };
}

const obstacle = (code, message, about = {}) => new BackendError(message, { code, about });

/** Why a backend cannot run here; null if nothing speaks against it. TensorFlow.js itself only says false. */
const OBSTACLES = {
  cpu: async () => null,
  wasm: async () => {
    if (typeof WebAssembly === "undefined") return obstacle("no-webassembly", "this browser has no WebAssembly");
    try {
      await WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])); // the empty module
      return null;
    } catch (failure) {
      const why = `WebAssembly is refused (${reason(failure)}); the page's CSP needs script-src 'wasm-unsafe-eval'`;
      return obstacle("wasm-refused", why);
    }
  },
  webgl: async () => {
    if (IN_NODE) return obstacle("no-webgl", "Node has no WebGL");
    const canvas = typeof OffscreenCanvas === "undefined" ? document.createElement("canvas") : new OffscreenCanvas(1, 1);
    const context = /** @type {WebGLRenderingContext | null} */ (canvas.getContext("webgl2") ?? canvas.getContext("webgl"));
    context?.getExtension("WEBGL_lose_context")?.loseContext();
    const why = "the browser gives no WebGL context (blocklisted driver or disabled)";
    return context ? null : obstacle("no-webgl", why);
  },
  webgpu: async () => {
    const gpu = /** @type {any} */ (globalThis.navigator)?.gpu;
    if (!gpu) return obstacle("no-webgpu", "no navigator.gpu (it needs a recent browser and HTTPS or localhost)");
    return (await gpu.requestAdapter()) ? null : obstacle("no-adapter", "the browser finds no WebGPU adapter");
  },
};

/** Why a backend did not start though nothing spoke against it. */
async function diagnose(name, folder) {
  try {
    if (name === "wasm" && folder) await fetchBytes(inside("tfjs-backend-wasm-simd.wasm", folder));
  } catch (failure) {
    const { code, about } = /** @type {LineletError} */ (failure);
    return obstacle(code, reason(failure), about);
  }
  return obstacle("not-started", "TensorFlow.js could not start it; its console message says more");
}

/**
 * @param {{url: URL, files: import("./files.js").Files, spec: import("./spec.js").Spec}} bundle
 * @param {string} backend @param {{assets: URL, module?: any, threads: boolean, onProgress?: Function}} options
 * @returns {Promise<Engine>}
 */
export async function tfjsEngine(bundle, backend, { assets, module, threads, onProgress }) {
  const { tf, load, folder } = await loadRuntime(assets, module);
  const found = await OBSTACLES[backend]();
  if (found) throw found;
  if (module && !tf.findBackendFactory(backend)) {
    throw new BackendError(`the TensorFlow.js given has no backend ${backend}; import it`, { code: "not-started" });
  }
  const runtime = await load(backend);
  if (backend === "wasm") {
    // Threads need cross-origin isolation and workers from blob: URLs; without the latter the page would hang.
    if (!threads) tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    runtime?.setWasmPaths(wasmPaths(folder));
  }
  if (!(await inTurn(() => tf.setBackend(backend)))) throw await diagnose(backend, folder);

  const guard = new Guard(tf, backend);
  const models = new Models(tf, bundle, onProgress);
  const run = async (data, shape) => {
    const model = await models.forWidth(shape[3]);
    return inTurn(() => guard.run(async () => {
      if (tf.getBackend() !== backend) await tf.setBackend(backend);
      const input = tf.tensor(data, shape, "float32");
      let output;
      try {
        output = model.execute({ [model.inputs[0].name]: input });
        return { data: new Float32Array(await output.data()), shape: output.shape };
      } finally {
        input.dispose();
        output?.dispose();
      }
    }));
  };
  // One network is fetched now, so that a broken bundle is noticed before it is needed.
  await models.forWidth(bundle.spec.widths[0] ?? 0);
  return { name: "tfjs", backend, run, dispose: () => models.dispose() };
}

let turn = Promise.resolve();

/**
 * One after another, for all readers of this page: the backend is TensorFlow.js's global state, and a second setBackend
 * while the first is under way makes that one fail.
 * @template T @param {() => Promise<T>} act @returns {Promise<T>}
 */
function inTurn(act) {
  const result = turn.then(act);
  turn = result.then(() => {}, () => {});
  return result;
}

/** Where each wasm file lies: in Node it is read from disk by path, in a browser fetched by URL. */
function wasmPaths(folder) {
  const place = (url) => (IN_NODE ? nodeModule("node:url").fileURLToPath(url) : url.href);
  return Object.fromEntries(WASM_FILES.map((name) => [name, place(inside(name, folder))]));
}

/**
 * Sees to it that every run on a backend ends: a graphics context that the browser takes away, or a driver that hangs,
 * would leave it unsettled, and with it all readers of the page, which run one after another.
 */
class Guard {
  constructor(tf, backend) {
    this.tf = tf;
    this.backend = backend;
    this.own = this.instance();
    /** @type {BackendError | null} */
    this.dead = null;
    /** @type {((failure: Error) => void) | null} */
    this.abort = null;
    const lost = "the browser took the WebGL context away (too many pages use it, or the driver was restarted)";
    this.own?.gpgpu?.gl?.canvas?.addEventListener("webglcontextlost", () => this.die("context-lost", lost), { once: true });
    this.own?.device?.lost?.then(({ message }) => this.die("context-lost", `the WebGPU device was lost (${message})`));
  }

  instance() {
    return this.tf.engine().registry?.[this.backend];
  }

  /** Ends the run under way, and makes room for a fresh start of the backend. */
  die(code, cause) {
    if (this.dead) return;
    this.dead = new BackendError(`${this.backend}: ${cause}; load the reader again`, {
      code, about: { backend: this.backend },
    });
    const engine = this.tf.engine();
    const registered = engine.registryFactory?.[this.backend];
    if (registered && this.instance() === this.own) {
      try {
        engine.removeBackend(this.backend);
      } catch {
        // What is left of it cannot be freed.
      }
      engine.registerBackend(this.backend, registered.factory, registered.priority);
    }
    this.abort?.(this.dead);
  }

  /** @template T @param {() => Promise<T>} act @returns {Promise<T>} */
  async run(act) {
    if (this.instance() !== this.own) this.die("context-lost", "it was started anew, without this reader's weights");
    if (this.dead) throw this.dead;
    try {
      return await new Promise((resolve, reject) => {
        this.abort = reject;
        const late = () => this.die("no-answer", `no answer within ${LONGEST_WAIT / 1000} s`);
        const timer = setTimeout(late, LONGEST_WAIT);
        act().then(resolve, reject).finally(() => clearTimeout(timer));
      });
    } catch (failure) {
      if (this.own?.gpgpu?.gl?.isContextLost?.()) this.die("context-lost", "the WebGL context is lost");
      throw this.dead ?? failure;
    } finally {
      this.abort = null;
    }
  }
}

/** The networks of a bundle: one for any width, or one a width, which share their weights. */
class Models {
  constructor(tf, { url, files, spec }, onProgress) {
    this.tf = tf;
    this.url = url;
    this.files = files;
    this.widths = spec.widths;
    this.onProgress = onProgress;
    this.models = new Map(); // file name -> promise of a GraphModel
    this.shards = new Map(); // path -> promise of bytes
    this.weights = new Map(); // weight specs -> tensors by name
  }

  forWidth(width) {
    const name = this.widths.length ? `model-${width}.json` : "model.json";
    if (!this.models.has(name)) {
      const loading = this.load(inside(name, this.url));
      loading.catch(() => this.models.delete(name)); // so that a lost connection can be tried again
      this.models.set(name, loading);
    }
    return this.models.get(name);
  }

  async load(url) {
    const json = parseModel(await this.files.text(url), url);
    const specs = json.weightsManifest.flatMap((group) => group.weights);
    const artifacts = {
      modelTopology: json.modelTopology,
      signature: json.signature,
      userDefinedMetadata: json.userDefinedMetadata,
      weightSpecs: specs,
    };
    const key = JSON.stringify(specs) + json.weightsManifest.flatMap((group) => group.paths).join();
    const shared = this.weights.get(key);
    const handler = { load: async () => ({ ...artifacts, weightData: await this.bytes(json.weightsManifest, url) }) };
    const model = new this.tf.GraphModel(handler);
    try {
      if (shared) model.loadWithWeightMap(artifacts, shared);
      else await model.load();
    } catch (failure) {
      if (failure instanceof LineletError) throw failure;
      throw invalidFile(url.href, ` cannot be run by TensorFlow.js: ${reason(failure)}`);
    }
    if (!shared) {
      this.weights.set(key, Object.fromEntries(Object.entries(model.weights).map(([name, [tensor]]) => [name, tensor])));
    }
    return model;
  }

  /** The weights' bytes in the manifest's order. */
  async bytes(manifest, url) {
    const paths = manifest.flatMap((group) => group.paths);
    let done = 0;
    const parts = await inOrder(
      paths.map(async (path) => {
        if (!this.shards.has(path)) this.shards.set(path, this.files.bytes(inside(path, url)));
        try {
          const bytes = await this.shards.get(path);
          this.onProgress?.({ file: path, done: ++done, of: paths.length });
          return bytes;
        } catch (failure) {
          this.shards.delete(path);
          throw failure;
        }
      }),
    );
    const expected = manifest.flatMap((group) => group.weights).reduce((sum, weight) => sum + byteLength(weight), 0);
    const joined = new Uint8Array(await new Blob(parts).arrayBuffer());
    if (joined.length !== expected) {
      throw new LineletError(
        `${paths.map((path) => new URL(path, url).href).join(", ")}: ${joined.length} bytes of weights, ` +
          `${url.pathname.split("/").pop()} wants ${expected}; copy the whole folder or convert again`,
        { code: "file-invalid", about: { file: url.href } },
      );
    }
    return joined.buffer;
  }

  dispose() {
    for (const loading of this.models.values()) loading.then((model) => model.dispose()).catch(() => {});
    this.models.clear();
    this.shards.clear();
    this.weights.clear();
  }
}

function parseModel(text, url) {
  let json;
  try {
    json = JSON.parse(text);
  } catch (failure) {
    throw invalidFile(url.href, ` is not JSON (${reason(failure)})`, "copy the whole folder or convert again");
  }
  if (!json?.modelTopology || !Array.isArray(json.weightsManifest)) {
    throw invalidFile(url.href, " is not a TensorFlow.js graph model");
  }
  return json;
}

const BYTES = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 };

function byteLength({ shape, dtype, quantization }) {
  return shape.reduce((size, extent) => size * extent, 1) * BYTES[quantization?.dtype ?? dtype];
}
