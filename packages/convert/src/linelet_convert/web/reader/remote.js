/** A reader that lives in a Web Worker (worker.js, a real file: no blob: URL, which a strict CSP would refuse). */
import { LineletError, disposed, inOrder, reason } from "./errors.js";
import { readFields } from "./fields.js";
import { IN_NODE } from "./files.js";
import { toPixels } from "./pixels.js";

function startWorker(script) {
  try {
    return new Worker(script, { type: "module" });
  } catch (failure) {
    throw new LineletError(
      `the worker ${script.href} cannot start (${reason(failure)}); it must come from the page's own origin: ` +
        "serve the bundle there, or leave option 'worker' out",
      { code: "worker", about: { file: script.href }, cause: failure },
    );
  }
}

export class RemoteReader {
  /**
   * @param {string} address of the bundle @param {object} options for loadReader there
   * @param {URL} script worker.js beside the bundle's model @param {Function} [onProgress]
   */
  static async start(address, options, script, onProgress) {
    if (IN_NODE || typeof Worker === "undefined") {
      throw new LineletError("option 'worker' needs Web Workers; leave it out here");
    }
    const reader = new RemoteReader(startWorker(script), script, onProgress);
    try {
      Object.assign(reader, await reader.ask("load", [address, options]));
    } catch (failure) {
      reader.dispose();
      throw failure;
    }
    return reader;
  }

  constructor(worker, script, onProgress) {
    /** @type {Worker | null} */
    this.worker = worker;
    // What the reader there says of itself, once it has loaded.
    /** @type {any} */
    this.spec = null;
    /** @type {any} */
    this.automata = null;
    /** @type {any} */
    this.engine = null;
    /** @type {any} */
    this.backend = null;
    this.failures = [];
    this.timings = {};
    this.verified = false;
    this.pending = new Map();
    this.count = 0;
    worker.onmessage = ({ data: { id, progress, line, result, error } }) => {
      if (progress) return onProgress?.(progress);
      const { resolve, reject, onLine } = this.pending.get(id) ?? {};
      if (line) return onLine?.(...line);
      this.pending.delete(id);
      error === undefined ? resolve?.(result) : reject?.(new LineletError(error.message, error));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const cause = event.message || "its file is missing, from another origin, or the CSP lacks worker-src 'self'";
      const problem = `the worker ${script.href} cannot run (${cause}); leave option 'worker' out or correct this`;
      this.fail(new LineletError(problem, { code: "worker", about: { file: script.href } }));
    };
  }

  fail(failure) {
    for (const { reject } of this.pending.values()) reject(failure);
    this.pending.clear();
  }

  ask(method, parameters, transfer = [], onLine = undefined) {
    if (!this.worker) return Promise.reject(disposed());
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject, onLine });
      this.worker.postMessage({ id, method, parameters }, transfer);
    });
  }

  async read(image, options = {}) {
    const sent = await inOrder([image].flat().map(ownPixels));
    return this.ask("read", [Array.isArray(image) ? sent : sent[0], options], sent.map(({ data }) => data.buffer));
  }

  hasFinder() {
    return this.ask("hasFinder", []);
  }

  async readScreen(image, /** @type {{onLine?: Function}} */ { onLine, ...options } = {}) {
    const sent = await ownPixels(image);
    return this.ask("readScreen", [sent, options], [sent.data.buffer], onLine);
  }

  readFields(lines) {
    return readFields(lines, this);
  }

  dispose() {
    this.worker?.terminate();
    this.worker = null;
    this.fail(disposed());
  }
}

/** Copied once here and then handed over, so that the caller keeps its own pixels. */
async function ownPixels(image) {
  const { data, width, height } = await toPixels(image);
  return { data: data.slice(), width, height };
}
