/**
 * The reader: pictures of text lines and of whole screens -> text, in the browser or in Node.
 *
 *     import { loadReader } from "./bundle/linelet.js";
 *     const reader = await loadReader("bundle/");
 *     const { text, confidence, characters } = await reader.read(image, { box });
 *     const { lines, fields } = await reader.readScreen(screenshot);
 *
 * Types and every option: linelet.d.ts.
 */
import * as forms from "./automata.js";
import { decode } from "./decode.js";
import { BACKENDS, tfjsEngine } from "./engine-tfjs.js";
import { PROVIDERS, checkSeal, onnxEngine, onnxMetadata } from "./engine-onnx.js";
import { BackendError, LineletError, disposed, inOrder, invalidFile, reason, refuseUnknown } from "./errors.js";
import { readFields } from "./fields.js";
import { Files, IN_NODE, asFolder, fetchBytes, inside, resolve } from "./files.js";
import { readPixels, toPixels, wholePixels } from "./pixels.js";
import { placeCharacters } from "./places.js";
import { prepare } from "./preprocess.js";
import { RemoteReader } from "./remote.js";
import { openFinder, readScreen } from "./screen.js";
import { parseSpec } from "./spec.js";

export { LineletError } from "./errors.js";

const LOAD_OPTIONS = ["engine", "module", "backend", "assets", "threads", "worker", "onProgress"];
const READ_OPTIONS = ["box", "boxes", "input", "decoding"];
const SCREEN_OPTIONS = ["unknown", "minConfidence", "decoding", "onLine"];
const BOX_KEYS = ["x", "y", "width", "height"];
const BATCH = 16; // more lines at once gain nothing but memory

/**
 * Load the reader of a bundle folder, or of an ONNX file with the engine "onnxruntime".
 * @param {string | URL} address @param {import("./linelet.js").LoadOptions} [options]
 * @returns {Promise<import("./linelet.js").Reader>}
 */
export async function loadReader(address, options = {}) {
  refuseWrong(options);
  const { engine = "tfjs", backend = "auto", threads = false, worker = false, onProgress } = options;
  const wanted = backendOrder(backend, engine);
  /** @type {any} */
  const source = await (engine === "tfjs" ? openBundle : openOnnx)(address);
  const assets = options.assets === undefined ? inside(".", source.url) : asFolder(await resolve(options.assets));
  if (worker) {
    const module = typeof options.module === "string" && (await resolve(options.module)).href;
    const remote = { engine, backend, threads, assets: assets.href, ...(module && { module }) };
    return RemoteReader.start(source.url.href, remote, inside("worker.js", assets), onProgress);
  }
  const module = typeof options.module === "string" ? await import(/* @vite-ignore */ /* webpackIgnore: true */ options.module) : options.module;
  const start = engine === "tfjs" ? tfjsEngine : onnxEngine;
  const run = (network, name) => start(network, name, { assets, module, threads, onProgress });
  const reader = new LocalReader(source, engine, run);
  await reader.choose(wanted, backend === "fastest");
  return reader;
}

/** @param {import("./linelet.js").LoadOptions} options */
function refuseWrong(options) {
  refuseUnknown(options, LOAD_OPTIONS, "loadReader's options");
  const { engine = "tfjs", module, worker } = options;
  if (engine !== "tfjs" && engine !== "onnxruntime") {
    throw new LineletError(`unknown engine '${engine}'; known are tfjs, onnxruntime`);
  }
  if (engine === "onnxruntime" && !module) {
    throw new LineletError("engine 'onnxruntime' needs option 'module': import * as module from 'onnxruntime-web'");
  }
  if (worker && module && typeof module !== "string") {
    throw new LineletError("a module object cannot be sent to a worker; give option 'module' as a URL");
  }
}

/** The backends to try, in their order. */
function backendOrder(backend, engine) {
  const known = engine === "tfjs" ? BACKENDS : PROVIDERS;
  // In Node only these two exist, and ONNX Runtime for Node calls its own "cpu".
  const usable = IN_NODE ? (engine === "tfjs" ? ["wasm", "cpu"] : ["cpu", "wasm"]) : known;
  if (backend === "auto" || backend === "fastest") return usable;
  const names = Array.isArray(backend) ? backend : [backend];
  for (const name of names) {
    if (!known.includes(name)) {
      throw new LineletError(`unknown backend '${name}'; known are auto, fastest, ${known.join(", ")}`);
    }
  }
  if (!names.length) throw new LineletError("the list of backends is empty; name at least one");
  return names;
}

async function openBundle(address) {
  const url = asFolder(await resolve(address));
  const [where, compiled] = [inside("spec.json", url), inside(forms.FILE_NAME, url)];
  const files = await Files.open(url);
  const [text, automata] = await inOrder([files.text(where), files.text(compiled)]);
  const spec = parseSpec(text, where.href);
  return { url, files, verified: files.verified, spec, automata: forms.parseAutomata(automata, spec, compiled.href) };
}

async function openOnnx(address) {
  const url = await resolve(address);
  const bytes = await fetchBytes(url);
  const verified = await checkSeal(bytes, url);
  const metadata = onnxMetadata(bytes);
  const text = metadata.get("linelet_spec");
  if (!text) throw invalidFile(url.href, " carries no reader spec", "give a file that 'linelet export' wrote");
  const spec = parseSpec(text, url.href);
  // Files of former versions have none; they read lines all the same.
  const automata = metadata.get(forms.ONNX_KEY);
  return { url, bytes, verified, spec, automata: automata ? forms.parseAutomata(automata, spec, url.href) : null };
}

/** A reader on this thread. */
class LocalReader {
  /**
   * @param {{url: URL, spec: import("./spec.js").Spec, automata: forms.Automata | null, verified: boolean}} source
   * @param {string} kind of engine
   * @param {(network: object, backend: string) => Promise<any>} start an engine for a network
   */
  constructor(source, kind, start) {
    this.source = source;
    this.spec = source.spec;
    this.automata = source.automata;
    this.verified = source.verified;
    this.kind = kind;
    this.failures = [];
    this.start = start;
    /** @type {Promise<import("./screen.js").Finder | null> | undefined} */
    this.finder = undefined;
    /** @type {{backend: string, engine: Promise<any>} | undefined} */
    this.finderEngine = undefined;
    this.untried = [];
    /** @type {Promise<void> | undefined} */
    this.replacing = undefined;
  }

  /** Start the first backend that works, or measure all and keep the fastest. */
  async choose(names, fastest) {
    const timings = [];
    this.untried = [...names];
    for (const name of names) {
      this.untried.shift();
      try {
        const engine = await this.start(this.source, name);
        const milliseconds = await timeEngine(engine, this.spec, fastest ? 3 : 1);
        timings.push({ engine, milliseconds });
        if (!fastest) break;
      } catch (failure) {
        // What is wrong with the bundle is wrong on every backend; anything else may work on the next.
        if (failure instanceof LineletError && !(failure instanceof BackendError)) throw failure;
        this.failures.push(described(name, failure));
      }
    }
    if (!timings.length) {
      const list = this.failures.map(({ backend, cause }) => `${backend}: ${cause}`).join("; ");
      throw new LineletError(`no backend works here: ${list}`, {
        code: "no-backend", about: { failures: this.failures },
      });
    }
    timings.sort((a, b) => a.milliseconds - b.milliseconds);
    this.engineInUse = timings[0].engine;
    this.timings = Object.fromEntries(timings.map(({ engine, milliseconds }) => [engine.backend, milliseconds]));
    for (const { engine } of timings.slice(1)) engine.dispose();
  }

  get engine() {
    return this.engineInUse.name;
  }

  get backend() {
    return this.engineInUse.backend;
  }

  async read(image, options = {}) {
    refuseUnknown(options, READ_OPTIONS, "read's options");
    this.refuseDisposed();
    if (Array.isArray(image)) {
      if (options.box || options.boxes) throw new LineletError("boxes belong to one picture; give one, or no boxes");
      const pictures = await inOrder(image.map(toPixels));
      return this.readCrops(pictures.map((picture) => ({ picture, box: whole(picture) })), options);
    }
    if (options.box && options.boxes) throw new LineletError("give 'box' or 'boxes', not both");
    const asked = options.boxes ?? (options.box && [options.box]);
    for (const box of asked ?? []) refuseUnknown(box, BOX_KEYS, "a box");
    // Only the part that holds the boxes is converted to pixels.
    const { picture, x, y, width, height } = await readPixels(image, asked);
    const boxes = (asked ?? [whole({ width, height })]).map((box) => wholePixels(box, { width, height }));
    const crops = boxes.map((box) => ({ picture, box, part: { ...box, x: box.x - x, y: box.y - y } }));
    const readings = await this.readCrops(crops, options);
    return options.boxes ? readings : readings[0];
  }

  /** Whether a finder of lines lies beside the reader. What goes wrong on the way is tried again at the next call. */
  async hasFinder() {
    return (await this.openFinder()) !== null;
  }

  openFinder() {
    this.finder ??= openFinder(this.source, this.kind).catch((failure) => {
      this.finder = undefined;
      throw failure;
    });
    return this.finder;
  }

  async readScreen(image, options = {}) {
    refuseUnknown(options, SCREEN_OPTIONS, "readScreen's options");
    this.refuseDisposed();
    const finder = await this.openFinder();
    if (!finder) {
      const where = new URL("finder/", this.source.url).href;
      throw new LineletError(`${where} holds no finder of lines; convert again with one, or read boxes of your own`, {
        code: "no-finder",
      });
    }
    const [, picture] = await inOrder([this.startFinder(finder), toPixels(image)]);
    const run = (data, shape) => this.run(() => this.startFinder(finder), data, shape);
    const read = (boxes, onReading) => {
      this.refuseDisposed();
      return this.readCrops(boxes.map((box) => ({ picture, box })), options, onReading);
    };
    return readScreen(picture, { spec: finder.spec, run }, this, read, options);
  }

  readFields(lines) {
    return readFields(lines, this);
  }

  /** The finder's engine on the backend in use. */
  startFinder(finder) {
    if (this.finderEngine?.backend !== this.backend) {
      const engine = this.start(finder.source, this.backend);
      const started = { backend: this.backend, engine };
      engine.catch(() => {
        if (this.finderEngine === started) this.finderEngine = undefined; // so that it can be tried again
      });
      this.finderEngine = started;
    }
    return this.finderEngine.engine;
  }

  /** Run a network. If its backend dies, the next one that was to be tried takes over. */
  async run(start, data, shape) {
    for (;;) {
      this.refuseDisposed();
      const { backend } = this;
      try {
        return await (await start()).run(data, shape);
      } catch (failure) {
        if (!(failure instanceof BackendError) || !this.engineInUse) throw failure;
        if (this.backend === backend) await this.replace(failure);
      }
    }
  }

  replace(failure) {
    this.replacing ??= this.takeNext(failure).finally(() => (this.replacing = undefined));
    return this.replacing;
  }

  async takeNext(failure) {
    if (!this.untried.length) throw failure;
    const dead = this.engineInUse;
    this.failures.push(described(dead.backend, failure));
    await this.choose(this.untried, false);
    dead.dispose();
  }

  refuseDisposed() {
    if (!this.engineInUse) throw disposed();
  }

  /** Lines are batched with lines of the same padded width, so a line's reading never depends on its neighbours. */
  async readCrops(crops, { input: withInput = false, decoding = "greedy" }, onReading) {
    const lines = crops.map(({ picture, box, part = box }) => ({ box, ...prepare(picture, part, this.spec) }));
    const byWidth = new Map();
    lines.forEach((line, i) => byWidth.set(line.width, [...(byWidth.get(line.width) ?? []), i]));
    const readings = new Array(lines.length);
    for (const indices of byWidth.values()) {
      for (let start = 0; start < indices.length; start += BATCH) {
        const chunk = indices.slice(start, start + BATCH);
        const [input, size] = stack(chunk.map((i) => lines[i]));
        const { data, shape } = await this.run(() => this.engineInUse, input, size);
        this.refuseDisposed();
        decode(data, shape, this.spec, decoding, this.automata).forEach((decoded, k) => {
          readings[chunk[k]] = this.describe(decoded, lines[chunk[k]], withInput);
          onReading?.(readings[chunk[k]], chunk[k]);
        });
      }
    }
    return readings;
  }

  describe(/** @type {import("./decode.js").Decoded} */ { text, confidence, characters, inGrammar }, line, withInput) {
    const places = placeCharacters(characters, line, this.spec);
    return {
      text,
      confidence,
      box: line.box,
      characters: characters.map((character, i) => ({
        text: character.text,
        confidence: character.confidence,
        box: places[i],
      })),
      ...(inGrammar !== undefined && { inGrammar }),
      ...(withInput && { input: { data: line.data, shape: [line.channels, line.height, line.width] } }),
    };
  }

  dispose() {
    this.engineInUse?.dispose();
    this.engineInUse = null;
    this.finderEngine?.engine.then((engine) => engine.dispose()).catch(() => {});
    this.finderEngine = undefined;
  }
}

/** What a reader tells of a backend that cannot be used. */
const described = (backend, failure) => ({
  backend, cause: reason(failure), code: failure.code ?? "not-started", about: failure.about ?? {},
});

const whole = ({ width, height }) => ({ x: 0, y: 0, width, height });

/** One batch of prepared lines: data and shape (N, channels, height, width). */
function stack(lines) {
  const size = lines[0].data.length;
  const data = new Float32Array(size * lines.length);
  lines.forEach((line, n) => data.set(line.data, n * size));
  return [data, [lines.length, lines[0].channels, lines[0].height, lines[0].width]];
}

/**
 * The least milliseconds of an empty line: the first run also compiles kernels and shaders. Refuses a network whose output
 * is not what the spec says.
 */
async function timeEngine(engine, spec, repeats) {
  const width = spec.widths[0] ?? spec.width_step * Math.ceil(128 / spec.width_step);
  const channels = spec.color === "grey" ? 1 : 3;
  const input = () => [new Float32Array(channels * spec.height * width).fill(spec.pad), [1, channels, spec.height, width]];
  let best = Infinity;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    const { data, shape } = await engine.run(...input());
    decode(data, shape, spec);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
