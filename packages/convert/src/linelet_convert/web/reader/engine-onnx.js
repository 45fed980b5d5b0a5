/**
 * Scores lines with ONNX Runtime (onnxruntime-web, onnxruntime-node), which the caller brings: it is larger than all the
 * rest of the reader together. It runs the ONNX file itself, not the TensorFlow.js bundle.
 */
import { BackendError, LineletError, reason } from "./errors.js";
import { sha256 } from "./files.js";

export const PROVIDERS = ["wasm", "webgl", "webgpu", "cpu"];

/**
 * @param {{bytes: Uint8Array, url: URL}} model @param {string} provider
 * @param {{module: any, threads: boolean}} options @returns {Promise<import("./engine-tfjs.js").Engine>}
 */
export async function onnxEngine(model, provider, { module: ort, threads }) {
  if (!threads && ort.env?.wasm) ort.env.wasm.numThreads = 1;
  let session;
  try {
    session = await ort.InferenceSession.create(model.bytes, { executionProviders: [provider] });
  } catch (failure) {
    throw new BackendError(`ONNX Runtime cannot run ${model.url.href}: ${reason(failure)}`, {
      code: "not-started", cause: failure,
    });
  }
  const run = async (data, shape) => {
    const results = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", data, shape) });
    const output = results[session.outputNames[0]];
    return { data: await output.getData(), shape: [...output.dims] };
  };
  return { name: "onnxruntime", backend: provider, run, dispose: () => void session.release() };
}

/**
 * The metadata entries of an ONNX file. ONNX Runtime for the web does not show them, so the protobuf is walked here:
 * ModelProto.metadata_props is field 14, its entries' key and value are fields 1 and 2, all length-delimited.
 * @param {Uint8Array} bytes @returns {Map<string, string>}
 */
export function onnxMetadata(bytes) {
  const text = new TextDecoder();
  const entries = new Map();
  for (const [field, value] of lengthDelimited(bytes)) {
    if (field !== 14) continue;
    const pair = new Map(lengthDelimited(value));
    entries.set(text.decode(pair.get(1)), text.decode(pair.get(2)));
  }
  return entries;
}

const SEAL = "linelet_sha256";

/**
 * Whether an ONNX file's SHA-256 was compared with the one that `linelet export` sealed it with: its last metadata entry,
 * over all bytes before that. False without a seal, and where the browser computes none (neither HTTPS nor localhost).
 * @param {Uint8Array} bytes @param {URL} url
 */
export async function checkSeal(bytes, url) {
  const sealed = onnxMetadata(bytes).get(SEAL);
  if (sealed === undefined || !globalThis.crypto?.subtle) return false;
  // Tag and length of the entry, of its key and of its value take two bytes each.
  const end = bytes.length - (6 + SEAL.length + 64);
  if ((await sha256(bytes.subarray(0, end))) !== sealed) {
    throw new LineletError(
      `${url.href} was changed since it was exported: its SHA-256 is not the one in its metadata; export or copy it again`,
      { code: "file-changed", about: { file: url.href } },
    );
  }
  return true;
}

/** [field number, bytes] of a protobuf message's length-delimited fields; other fields are skipped. */
function* lengthDelimited(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length) throw new LineletError("the ONNX file is cut off; export it again");
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new LineletError("the ONNX file is cut off; export it again");
      yield /** @type {[number, Uint8Array]} */ ([Math.floor(tag / 8), bytes.subarray(at, at + length)]);
      at += length;
    } else throw new LineletError("this is not an ONNX file; give one that 'linelet export' wrote");
  }
}
