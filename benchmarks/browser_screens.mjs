// The page of browser_screens.py: one engine a visit, named in job.json. Every engine gets the same screens, one at a time;
// what it found and read goes back to Python to be judged.
const { engine, screens, bundle, uncounted, idle } = await (await fetch("job.json")).json();

const pictures = [];
for (let i = 0; i < screens; i++) {
  const bitmap = await createImageBitmap(await (await fetch(`screens/${i}.png`)).blob());
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(bitmap, 0, 0);
  bitmap.close();
  pictures.push(canvas);
}

const engines = {
  async linelet() {
    const { loadReader } = await import(`${bundle}linelet.js`);
    const reader = await loadReader(bundle, { backend: "wasm" });
    return async (picture) => (await reader.readScreen(picture, { unknown: true })).lines;
  },
  async "pp-ocrv4"() {
    const ort = await import("onnxruntime-web");
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = "/node_modules/onnxruntime-web/dist/";
    const { PaddleOcrService } = await import("ppu-paddle-ocr/web");
    const at = (name) => new URL(`models/${name}`, location.href).href;
    const service = new PaddleOcrService({
      model: { detection: at("det.onnx"), recognition: at("rec.onnx"), charactersDictionary: at("keys.txt") },
      session: { executionProviders: ["wasm"] },
    });
    await service.initialize();
    return async (picture) => {
      const { results } = await service.recognize(picture, { flatten: true, noCache: true });
      return results.map(({ text, confidence, box }) => ({ text, confidence, box }));
    };
  },
};

/** Milliseconds of each step of readScreen, by the reader's own modules: the least of three. */
async function steps(picture) {
  const load = (name) => import(`${bundle}${name}.js`);
  const [{ loadReader }, boxes, { toPixels }, { prepare }] = await Promise.all(
    ["linelet", "boxes", "pixels", "preprocess"].map(load),
  );
  /** @type {any} */
  const reader = await loadReader(bundle, { backend: "wasm" });
  const finder = await reader.openFinder();
  const network = await reader.startFinder(finder);
  const least = {};
  let at = 0;
  const lap = (name) => {
    const now = performance.now();
    least[name] = Math.min(least[name] ?? Infinity, now - at);
    at = performance.now();
  };
  for (let round = 0; round < 4; round++) {
    at = performance.now();
    const pixels = await toPixels(picture);
    lap("pixels");
    const grey = boxes.screenGrey(pixels);
    lap("grey");
    const shrunk = boxes.prepareScreen(grey, finder.spec);
    lap("shrink");
    const levels = await boxes.findMap(shrunk, finder.spec, network.run);
    lap("network of the finder");
    const found = boxes.findBoxes(levels, grey, finder.spec);
    lap("boxes");
    for (const box of found) prepare(pixels, box, reader.spec);
    lap("lines to inputs");
    await reader.readCrops(found.map((box) => ({ picture: pixels, box })), {});
    lap("lines to inputs, network of the reader, texts");
    if (round === 0) for (const name of Object.keys(least)) delete least[name]; // kernels are compiled
  }
  reader.dispose();
  return least;
}

const mark = (name) => fetch(`mark/${name}`); // Python notes the processor time that the browser has used
try {
  const start = performance.now();
  const read = await engines[engine]();
  await read(pictures[0]);
  const load = performance.now() - start;
  const [readings, times] = [[], []];
  for (let i = 1; i < uncounted; i++) await read(pictures[i % pictures.length]);
  const wait = () => new Promise((resolve) => setTimeout(resolve, 1000 * idle));
  await wait(); // the browser is still compiling what the first screens ran
  await mark("idle");
  await wait();
  await mark("start");
  for (const picture of pictures) {
    const begin = performance.now();
    const lines = await read(picture);
    times.push(performance.now() - begin);
    readings.push(lines.map(({ text, confidence, box }) => ({ text, confidence, box })));
  }
  await mark("single");
  window.result = { load, readings, times, steps: engine === "linelet" ? await steps(pictures[0]) : {} };
} catch (failure) {
  window.result = { error: String(failure?.stack ?? failure) };
}
