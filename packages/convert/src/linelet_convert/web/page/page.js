/** The bundle's page: a picture on the left, what is read of it on the right. */
import { LineletError, findLines, loadReader } from "./linelet.js";
import { asCsv, asDataset, asJson, asText, download } from "./page-files.js";
import { offerLanguages, texts, translate } from "./page-language.js";
import { LineList } from "./page-list.js";
import { Stage } from "./page-stage.js";

const element = (id) => document.getElementById(id);
const LOWEST_SCREENSHOT = 100; // pixels: a picture that is lower is one line, not a screen
const LONGEST_WAIT = 50; // milliseconds: then the browser gets to paint and to answer

const stage = new Stage();
const list = new LineList();
/** @type {(import("./page-files.js").Line & {id: number})[]} */
let lines = [];
let count = 0; // numbers lines for good: an id is never used twice
let picture = null; // the name of the picture on the stage
let reader = null;
let started = 0;
let turn = 0; // of the reading under way: a newer one ends an older one

translate();
for (const backend of ["auto", "wasm", "webgl", "webgpu", "cpu"]) element("backend").append(new Option(backend, backend));
element("backend").value = new URLSearchParams(location.search).get("backend") ?? "auto";
let ready = start(element("backend").value || "auto");
attempt(openSample)();

/** Loads the reader; the page stays usable, with a message, if that fails. */
async function start(backend) {
  element("status").textContent = texts().loading;
  const begin = performance.now();
  try {
    const next = await loadReader("./", { backend });
    reader?.dispose();
    reader = next;
    started = performance.now() - begin;
    element("problem").hidden = true;
    showFacts();
    keepForOffline();
    return true;
  } catch (failure) {
    complain(failure);
    element("status").textContent = "";
    return false;
  }
}

function complain(failure) {
  const problem = element("problem");
  problem.textContent = failure instanceof LineletError ? failure.message : `${failure?.name ?? "Error"}: ${failure?.message ?? failure}`;
  problem.hidden = false;
}

/** Runs what a person asked for; what goes wrong stands on the page. */
function attempt(act) {
  return (...args) => act(...args).catch(complain);
}

function showFacts() {
  const t = texts().facts;
  const { spec, backend, failures } = reader;
  const facts = [
    [t.name, spec.name], [t.network, spec.network], [t.characters, `${[...spec.charset].length}: ${spec.charset}`],
    [t.backend, `${reader.engine}, ${backend}`], [t.started, `${Math.round(started)} ms`],
    ...failures.map(({ backend: name, cause }) => [`${t.failed}: ${name}`, cause]),
  ].filter(([, value]) => value);
  element("facts").replaceChildren(
    ...facts.flatMap(([name, value]) => [
      Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value }),
    ]),
  );
  element("reader-name").textContent = spec.name;
  element("backend").options[0].textContent = texts().automatic;
  element("grammar-row").hidden = !spec.grammar;
}

// --- Pictures -------------------------------------------------------------------------------------------------------

async function openSample() {
  const response = await fetch("sample.png");
  // A picture that was chosen while this one was on its way stays.
  if (response.ok && !picture) await open(await response.blob(), "sample.png");
}

/** @param {Blob} blob @param {string} name */
async function open(blob, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new LineletError(`${name} is not a picture that this browser can read; give a PNG, JPEG or WebP`);
  }
  if (reader) element("problem").hidden = true; // what is wrong with the bundle stays
  picture = name;
  stage.show(bitmap, texts().pictureLabel(bitmap.width, bitmap.height));
  bitmap.close();
  await propose();
}

const whole = () => ({ x: 0, y: 0, width: stage.canvas.width, height: stage.canvas.height });

async function propose() {
  const found = stage.canvas.height < LOWEST_SCREENSHOT ? [whole()] : await findLines(stage.pixels);
  await readAnew(found);
}

// --- Lines ----------------------------------------------------------------------------------------------------------

/** Replaces all lines by those in the boxes. */
async function readAnew(boxes) {
  turn++;
  lines = [];
  list.clear();
  stage.layer.replaceChildren();
  await readMore(boxes);
}

/** Reads boxes one after another, so that each has its own milliseconds and shows as soon as it is read. */
async function readMore(boxes) {
  const mine = turn;
  if (!(await ready) || mine !== turn) return [];
  element("status").textContent = texts().reading(boxes.length);
  const begin = performance.now();
  let painted = begin;
  const added = [];
  for (const box of boxes) {
    const line = { id: ++count, box, keep: false, ...(await readBox(box)) };
    if (mine !== turn) return []; // another picture came meanwhile
    added.push(line);
    lines.push(line);
    showLine(line);
    if (performance.now() - painted > LONGEST_WAIT) {
      await new Promise((resolve) => setTimeout(resolve));
      painted = performance.now();
    }
  }
  const ms = Math.round(performance.now() - begin);
  element("status").textContent = boxes.length ? texts().done(boxes.length, ms) : texts().nothing;
  return added;
}

/** Reads the same boxes again, but for the lines that somebody corrected or ticked. */
async function readAgain() {
  if (!(await ready)) return;
  const mine = turn;
  const begin = performance.now();
  const untouched = lines.filter((line) => !line.keep && line.text === line.reading.text);
  for (const line of untouched) {
    const result = await readBox(line.box);
    if (mine !== turn) return; // another picture came meanwhile
    if (!lines.includes(line)) continue;
    Object.assign(line, result);
    showLine(line);
  }
  element("status").textContent = texts().done(untouched.length, Math.round(performance.now() - begin));
}

async function readBox(box) {
  const begin = performance.now();
  const decoding = reader.spec.grammar && element("grammar").checked ? "grammar" : "greedy";
  const reading = await reader.read(stage.pixels, { box, input: true, decoding });
  return { reading, text: reading.text, ms: performance.now() - begin };
}

function showLine(line) {
  const number = lines.indexOf(line) + 1;
  list.show(line, number);
  list.mark(line.id, unknownIn(line.text) !== "");
  stage.place(line.id, line.box, texts().boxLabel(number, line.text));
  element("count").textContent = lines.length || "";
}

const unknownIn = (text) => [...new Set([...text].filter((character) => !reader.spec.charset.includes(character)))].join("");

const lineOf = (id) => lines.find((line) => line.id === id);

/** Boxes and texts are linked both ways. */
const link = ({ detail: id }) => {
  stage.link(id);
  list.link(id);
};

const remove = ({ detail: id }) => {
  const at = lines.findIndex((line) => line.id === id);
  const focused = document.activeElement?.closest("[data-id]") !== null;
  lines.splice(at, 1);
  list.remove(id);
  stage.remove(id);
  lines.forEach(showLine);
  element("count").textContent = lines.length || "";
  // The keyboard goes on at the neighbour instead of at the top of the page.
  if (focused && lines.length) stage.focus(lines[Math.min(at, lines.length - 1)].id);
};

stage.addEventListener("link", link);
list.addEventListener("link", link);
stage.addEventListener("remove", remove);
list.addEventListener("remove", remove);
stage.addEventListener("open", ({ detail: id }) => list.open(id, true));
stage.addEventListener("draw", attempt(async ({ detail: box }) => {
  const [line] = await readMore([box]);
  if (line) list.open(line.id, false);
}));
stage.addEventListener("change", attempt(async ({ detail: { id, box } }) => {
  const line = lineOf(id);
  line.box = box;
  stage.place(id, box, texts().boxLabel(lines.indexOf(line) + 1, line.text));
  const result = await readBox(box);
  if (line.box !== box || !lines.includes(line)) return; // moved on meanwhile
  Object.assign(line, result, { keep: false });
  showLine(line);
}));
list.addEventListener("edit", ({ detail: { id, text } }) => {
  const line = lineOf(id);
  line.text = text;
  const unknown = unknownIn(text);
  line.keep = text !== line.reading.text && !unknown;
  list.mark(id, unknown !== "");
  list.item(id).querySelector(".keep input").checked = line.keep;
  element("status").textContent = unknown ? texts().unknown(unknown) : "";
});
list.addEventListener("keep", ({ detail: { id, keep } }) => {
  lineOf(id).keep = keep;
});

// --- What can be asked for ------------------------------------------------------------------------------------------

const onClick = (id, act) => element(id).addEventListener("click", attempt(act));

onClick("sample", async () => {
  picture = null;
  await openSample();
});
onClick("find", propose);
onClick("whole", () => readAnew([whole()]));
onClick("add", async () => {
  const { width, height } = whole();
  const box = { width: Math.ceil(width / 3), height: Math.ceil(Math.min(height, Math.max(24, height / 20))) };
  const [line] = await readMore([{ x: Math.floor((width - box.width) / 2), y: Math.floor((height - box.height) / 2), ...box }]);
  if (line) stage.focus(line.id);
});
onClick("draw", async () => {
  const drawing = stage.element.classList.toggle("drawing");
  element("draw").setAttribute("aria-pressed", String(drawing));
});
onClick("copy", async () => {
  await copy(asText(lines));
  element("status").textContent = texts().copied;
});
onClick("json", async () => download(new Blob([asJson(lines)], { type: "application/json" }), "lines.json"));
onClick("csv", async () => download(new Blob([asCsv(lines)], { type: "text/csv" }), "lines.csv"));
onClick("save", async () => {
  const kept = lines.filter((line) => line.keep);
  const unknown = unknownIn(asText(kept).replaceAll("\n", ""));
  if (!kept.length || unknown) {
    element("status").textContent = unknown ? texts().unknown(unknown) : texts().noneToSave;
    return;
  }
  download(await asDataset(kept, stage.canvas, reader.spec.charset), "linelet-corrections.zip");
  element("status").textContent = texts().saved(kept.length);
});
offerLanguages(() => {
  lines.forEach(showLine);
  if (reader) showFacts();
});
element("backend").addEventListener("change", attempt(async ({ target }) => {
  ready = start(target.value);
  await readAgain();
}));
element("grammar").addEventListener("change", attempt(readAgain));

/** The clipboard needs HTTPS or localhost; elsewhere, as on a phone in the same network, an old command does it. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr-only" });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

const openFirst = attempt(async (files) => {
  const file = [...files].find(({ type }) => type.startsWith("image/")) ?? files[0];
  if (file) await open(file, file.name);
});
element("file").addEventListener("change", ({ target }) => {
  openFirst([...target.files]);
  target.value = ""; // so that the same file can be chosen again
});
addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) openFirst([...event.clipboardData.files]);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
for (const type of ["dragleave", "drop"]) addEventListener(type, () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  openFirst([...event.dataTransfer.files]);
});

// --- Offline --------------------------------------------------------------------------------------------------------

/** A name for the bundle's content: its list of files, which holds their digests, digested. */
async function bundleVersion() {
  const list = await (await fetch("files.json")).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", list));
  return Array.from(digest.slice(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Hands the files that this page came from to the service worker. Needs HTTPS or localhost. */
async function keepForOffline() {
  try {
    if (!navigator.serviceWorker) return;
    await navigator.serviceWorker.register(`sw.js?version=${await bundleVersion()}`);
    const registration = await navigator.serviceWorker?.ready;
    const own = performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.startsWith(location.origin));
    registration?.active.postMessage({ files: [...new Set([new URL("./", location.href).href, ...own])] });
  } catch (failure) {
    console.info("The page will not work offline:", failure);
  }
}
