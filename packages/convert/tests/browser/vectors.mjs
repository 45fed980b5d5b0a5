// Runs the reader's pure modules on vectors that test_browser_vectors.py made: JSON in, JSON out. Pixels are base64.
import { readFileSync } from "node:fs";

const { web, cases } = JSON.parse(readFileSync(0, "utf8"));
const { prepare, resize, crop } = await import(new URL("preprocess.js", web));
const { compile } = await import(new URL("grammar.js", web));
const { decode } = await import(new URL("decode.js", web));
const { placeCharacters } = await import(new URL("places.js", web));
const { parseSpec } = await import(new URL("spec.js", web));
const { onnxMetadata } = await import(new URL("engine-onnx.js", web));

const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const floats = (text) => new Float32Array(bytes(text).buffer);
const base64 = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
const whole = ({ width, height }) => ({ x: 0, y: 0, width, height });

const textsOf = (automaton, state) => [
  ...(automaton[state].accepting ? [""] : []),
  ...[...automaton[state].edges].flatMap(([character, to]) => textsOf(automaton, to).map((rest) => character + rest)),
];

const run = {
  grey: ({ picture }) => base64(crop(picture, whole(picture), 1).data),
  resize: ({ raster, width, height }) => base64(resize(raster, width, height).data),
  prepare: ({ picture, spec }) => {
    const { data, channels, height, width } = prepare(picture, whole(picture), parseSpec(spec, "spec"));
    return { data: base64(data), shape: [channels, height, width] };
  },
  decode: ({ scores, shape, spec, decoding }) => decode(floats(scores), shape, parseSpec(spec, "spec"), decoding),
  texts: ({ grammar }) => textsOf(compile(grammar), 0),
  places: ({ characters, line, spec }) => placeCharacters(characters, line, parseSpec(spec, "spec")),
  spec: ({ spec }) => parseSpec(spec, "spec"),
  metadata: ({ onnx }) => Object.fromEntries(onnxMetadata(bytes(onnx))),
};
const results = cases.map(({ kind, ...rest }) => {
  for (const key of ["picture", "raster"]) if (rest[key]) rest[key].data = bytes(rest[key].data);
  try {
    return { result: run[kind](rest) };
  } catch (failure) {
    return { error: failure.message, name: failure.name };
  }
});
process.stdout.write(JSON.stringify(results));
