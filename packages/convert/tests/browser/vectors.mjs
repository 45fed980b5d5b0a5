// Runs the reader's pure modules on vectors that test_browser_vectors.py made: JSON in, JSON out. Pixels are base64.
import { readFileSync } from "node:fs";

const { web, cases } = JSON.parse(readFileSync(0, "utf8"));
const { prepare, resize, crop } = await import(new URL("preprocess.js", web));
const { parseAutomata } = await import(new URL("automata.js", web));
const { decode } = await import(new URL("decode.js", web));
const { readingOrder } = await import(new URL("bidi.js", web));
const { placeCharacters } = await import(new URL("places.js", web));
const { parseSpec } = await import(new URL("spec.js", web));
const { readFields } = await import(new URL("fields.js", web));
const boxes = await import(new URL("boxes.js", web));
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
  grey: ({ picture, offset = 0 }) => {
    const within = new Uint8Array(offset + picture.data.length);
    within.set(picture.data, offset);
    return base64(crop({ ...picture, data: within.subarray(offset) }, whole(picture), 1).data);
  },
  resize: ({ raster, width, height }) => base64(resize(raster, width, height).data),
  prepare: ({ picture, spec }) => {
    const { data, channels, height, width } = prepare(picture, whole(picture), parseSpec(spec, "spec"));
    return { data: base64(data), shape: [channels, height, width] };
  },
  decode: ({ scores, shape, spec, decoding, automata }) => {
    const parsed = parseSpec(spec, "spec");
    const own = automata && parseAutomata(automata, parsed, "automata");
    return decode(floats(scores), shape, parsed, decoding, own);
  },
  texts: ({ spec, automata }) => textsOf(parseAutomata(automata, parseSpec(spec, "spec"), "automata").grammar, 0),
  places: ({ characters, line, spec }) => placeCharacters(characters, line, parseSpec(spec, "spec")),
  read: ({ seen }) => readingOrder([...seen]).map(({ index, mirrored }) => [index, mirrored]),
  spec: ({ spec }) => parseSpec(spec, "spec"),
  fields: ({ lines, spec, automata }) => {
    const parsed = parseSpec(spec, "spec");
    return readFields(lines, { spec: parsed, automata: parseAutomata(automata, parsed, "automata") });
  },
  finderSpec: ({ spec }) => boxes.parseFinderSpec(spec, "finder"),
  shrink: ({ grey, spec }) => base64(boxes.prepareScreen(grey, boxes.parseFinderSpec(spec, "finder")).data),
  boxes: ({ levels, grey, spec }) => boxes.findBoxes(levels, grey, boxes.parseFinderSpec(spec, "finder")),
  // A network that says how light the first pixel of each cell is.
  lines: async ({ picture, spec }) => {
    const own = boxes.parseFinderSpec(spec, "finder");
    const score = async (data, [, , height, width]) => {
      const cells = [];
      for (let y = 0; y < height; y += own.stride) {
        for (let x = 0; x < width; x += own.stride) cells.push(Math.fround(data[y * width + x] + 1) / 2);
      }
      return { data: Float32Array.from(cells) };
    };
    const grey = boxes.screenGrey(picture);
    const levels = await boxes.findMap(boxes.prepareScreen(grey, own), own, score);
    return { map: base64(levels.data), boxes: boxes.findBoxes(levels, grey, own) };
  },
  metadata: ({ onnx }) => Object.fromEntries(onnxMetadata(bytes(onnx))),
};
const results = [];
for (const { kind, ...rest } of cases) {
  for (const key of ["picture", "raster", "levels", "grey"]) if (rest[key]) rest[key].data = bytes(rest[key].data);
  try {
    results.push({ result: await run[kind](rest) });
  } catch (failure) {
    results.push({ error: failure.message, name: failure.name });
  }
}
process.stdout.write(JSON.stringify(results));
