/** The other side of remote.js: loads one reader and reads with it. */
import { reason } from "./errors.js";
import { loadReader } from "./linelet.js";

let reader;

const methods = {
  async load(id, address, options) {
    const onProgress = (progress) => postMessage({ progress });
    reader = await loadReader(address, { ...options, onProgress });
    const { spec, automata, engine, backend, failures, timings, verified } = /** @type {any} */ (reader);
    return { spec, automata, engine, backend, failures, timings, verified };
  },
  read: (id, image, options) => reader.read(image, options),
  hasFinder: () => reader.hasFinder(),
  readScreen: (id, image, options) =>
    reader.readScreen(image, { ...options, onLine: (...line) => postMessage({ id, line }) }),
};

self.onmessage = async ({ data: { id, method, parameters } }) => {
  try {
    postMessage({ id, result: await methods[method](id, ...parameters) });
  } catch (failure) {
    const { code, about } = /** @type {any} */ (failure);
    postMessage({ id, error: { message: reason(failure), code, about } });
  }
};
