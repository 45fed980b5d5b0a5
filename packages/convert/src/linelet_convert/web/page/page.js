/** The bundle's page: a picture on the left, what is read of it on the right. */
import { screenGrey } from "./boxes.js";
import { LineletError, loadReader } from "./linelet.js";
import { ask } from "./page-ask.js";
import { FieldTable } from "./page-fields.js";
import { asCsv, asDataset, asJson, asScreens, asText, download } from "./page-files.js";
import { offerLanguages, saidOf, texts, translate } from "./page-language.js";
import { LineList } from "./page-list.js";
import { recall, remember } from "./page-memory.js";
import { Sheet, isDoubtful, isOwn, isUnknown } from "./page-sheet.js";
import { Stage } from "./page-stage.js";
import { toBitmap } from "./pixels.js";
import { isScreen } from "./screen.js";
import { UNKNOWN } from "./spec.js";

/** @type {(id: string) => any} an element of the page */
const element = (id) => document.getElementById(id);
/** Hears of what the page's own parts tell. @type {(part: EventTarget, type: string, act: (event: CustomEvent) => unknown) => void} */
const hear = (part, type, act) => part.addEventListener(type, /** @type {EventListener} */ (act));
const ON_PICTURES = ["find", "whole", "add", "draw"]; // what can be asked for once there is a picture
const THRESHOLD = 50; // percent: lines read with less confidence are left out, until somebody says otherwise

const stage = new Stage();
const list = new LineList();
const table = new FieldTable();
const sheet = new Sheet();
let picture = null; // the name of the picture on the stage
let wanted = 0; // of the picture asked for last: one that was asked for before and comes later does not replace it
let reader = null;
let started = 0;
let chosen = null; // the line whose box was pressed last
let turn = 0; // of the reading under way: a newer one ends an older one
let settled = false; // whether that reading came to its end: what it did not find isn't there
/** @type {(t: any) => string} the status, in whatever language is chosen */
let message = () => "";
/** @type {(t: any) => string} what went wrong, in that language too where the page itself noticed it */
let trouble = () => "";

translate();
for (const backend of ["auto", "wasm", "webgl", "webgpu", "cpu"]) element("backend").append(new Option(backend, backend));
element("backend").value = new URLSearchParams(location.search).get("backend") ?? "auto";
element("threshold").value = recall("threshold") ?? THRESHOLD;
let ready = start(element("backend").value || "auto");
attempt(openSample)();

/** Loads the reader; the page stays usable, with a message, if that fails. */
async function start(backend) {
  say((t) => t.loading);
  const begin = performance.now();
  try {
    const next = await loadReader("./", { backend });
    reader?.dispose();
    reader = next;
    started = performance.now() - begin;
    element("problem").hidden = true;
    showFacts();
    keepForOffline();
  } catch (failure) {
    complain(failure);
    say(() => "");
    if (reader) element("backend").value = reader.backend; // the one that works stays
  }
  return reader !== null;
}

/** @param {any} failure or, of what the page itself noticed, the text of a language */
function complain(failure) {
  const other = `${failure?.name ?? "Error"}: ${failure?.message ?? failure}`;
  const said = () => (failure instanceof LineletError ? saidOf(failure) : other);
  trouble = typeof failure === "function" ? failure : said;
  element("problem").textContent = trouble(texts());
  element("problem").hidden = false;
}

/** @param {(t: ReturnType<typeof texts>) => string} text */
function say(text) {
  message = text;
  element("status").textContent = text(texts());
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
    ...failures.map((failure) => [`${t.failed}: ${failure.backend}`, saidOf(failure)]),
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

/** Opens the picture that the bundle brings, if it does: its converter takes the link away where there is none. */
async function openSample() {
  if (!document.querySelector('link[href="sample.png"]')) {
    element("sample").hidden = true;
    for (const id of ON_PICTURES) element(id).disabled = true;
    const touched = matchMedia("(pointer: coarse)").matches;
    if ((await ready) && !picture) say((t) => (touched ? t.touchHint : t.hint));
    return;
  }
  const mine = ++wanted;
  const response = await fetch("sample.png");
  if (response.ok && mine === wanted) await open(await response.blob(), "sample.png");
}

/** @param {Blob} blob @param {string} name */
async function open(blob, name) {
  const mine = ++wanted;
  let bitmap;
  try {
    bitmap = await toBitmap(blob);
  } catch {
    return complain((t) => t.noPicture(name));
  }
  if (mine !== wanted) return;
  const own = sheet.lines.filter(isOwn).length;
  if (own && !(await ask(texts().askOpen(own), ["openAnyway"]))) return;
  if (reader) element("problem").hidden = true; // what is wrong with the bundle stays
  picture = name;
  for (const id of ON_PICTURES) element(id).disabled = false;
  stage.open(bitmap);
  bitmap.close();
  sheet.reset();
  await readPicture([]);
}

const whole = () => ({ x: 0, y: 0, width: stage.canvas.width, height: stage.canvas.height });

const decoding = () => (reader.spec.grammar && element("grammar").checked ? "grammar" : "greedy");

/** Reads the picture anew: a screen's lines, or all of it as one. @param {import("./page-sheet.js").Line[]} kept */
async function readPicture(kept) {
  const mine = ++turn;
  settled = false;
  if (!(await ready) || mine !== turn) return;
  if (!isScreen(stage.canvas)) {
    const line = sheet.line(whole());
    sheet.begin([...kept, line], mine);
    return readLines([line]);
  }
  sheet.begin(kept, mine);
  if (!(await reader.hasFinder())) return say((t) => t.noFinder);
  say((t) => t.finding);
  const begin = performance.now();
  let done = 0;
  const onLine = (reading, { of }) => {
    if (mine !== turn) return; // another picture came meanwhile
    done++;
    say((t) => t.reading(done, of));
    if (!kept.some(({ box }) => overlap(box, reading.box))) sheet.add(mine, sheet.line(reading.box, reading));
  };
  try {
    await reader.readScreen(stage.pixels, { unknown: true, decoding: decoding(), onLine });
  } catch (failure) {
    if (mine === turn) say(() => ""); // nothing is being read any more
    throw failure;
  }
  if (mine !== turn) return;
  const ms = Math.round(performance.now() - begin);
  settled = true;
  show();
  const count = shownLines().length;
  say((t) => (count ? t.done(count, ms) : t.nothing));
  keepForOffline();
}

/** Whether a line that was kept stands where another one was found. */
function overlap(a, b) {
  const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return across > 0 && down > 0 && 2 * across * down > Math.min(a.width * a.height, b.width * b.height);
}

/** Boxes become lines, and are read. @returns {Promise<number[]>} the lines */
async function readBoxes(boxes) {
  const lines = boxes.map((box) => sheet.line(box));
  sheet.edit((before) => [...before, ...lines]);
  await readLines(lines);
  return lines.map(({ id }) => id);
}

async function readLines(lines) {
  if (!(await ready)) return;
  const mine = turn;
  const begin = performance.now();
  for (const { id, box } of lines) {
    const reading = await reader.read(stage.pixels, { box, decoding: decoding() });
    if (mine !== turn) return; // another picture came meanwhile
    sheet.amend(id, box, reading);
  }
  sayRead(lines, begin);
}

/** Says how many of the lines hold a text: the others stand on the picture only. */
function sayRead(lines, begin) {
  settled = true;
  show();
  const ms = Math.round(performance.now() - begin);
  const count = lines.map(({ id }) => sheet.find(id)).filter((line) => line?.text && !isUnknown(line)).length;
  say((t) => (count || !lines.length ? t.done(count, ms) : t.noneRead));
}

// --- What is shown --------------------------------------------------------------------------------------------------

const threshold = () => Number(element("threshold").value) / 100;

/** Lines in which the reader knows nothing are boxes on the picture, and stand in the list only if asked for. */
const shownLines = () => sheet.lines.filter((line) => element("unknown-lines").checked || !isUnknown(line));

const exported = () => sheet.lines.filter((line) => line.text && !isUnknown(line) && !isDoubtful(line, threshold()));

const unknownIn = (text) => [...new Set([...text].filter((character) => !reader.spec.charset.includes(character)))].join("");

/** The values that the lines name, what a person corrected included. */
function fields() {
  const lines = sheet.lines.filter(({ text }) => text);
  const said = lines.map((line) => ({ text: line.text, box: line.box, confidence: isOwn(line) ? 1 : line.reading.confidence }));
  return reader.readFields(said);
}

function show() {
  const t = texts();
  const lines = shownLines();
  const numbers = new Map(lines.map(({ id }, i) => [id, i + 1]));
  const doubtful = (line) => line.reading !== null && isDoubtful(line, threshold());
  list.show(lines, (line, i) => ({
    number: i + 1, doubtful: doubtful(line), impossible: isOwn(line) && unknownIn(line.text) !== "",
  }));
  stage.show(
    sheet.lines.map((line) => ({
      id: line.id,
      box: line.box,
      text: isUnknown(line) ? "" : line.text,
      label: t.boxLabel(numbers.get(line.id) ?? "–", line.text.replaceAll(UNKNOWN, "?")),
      kind: isUnknown(line) ? "unknown" : doubtful(line) ? "doubtful" : "",
    })),
  );
  const { width, height } = stage.canvas;
  stage.canvas.setAttribute("aria-label", t.pictureLabel(width, height));
  stage.layer.setAttribute("aria-label", t.boxes);
  element("count").textContent = lines.length || "";
  element("exported").textContent = lines.length ? t.exported(exported().length, lines.length) : "";
  element("threshold-shown").textContent = `${element("threshold").value} %`;
  element("undo").disabled = !sheet.past.length;
  element("redo").disabled = !sheet.future.length;
  if (reader) table.show(reader.spec.fields, fields(), settled);
}

sheet.addEventListener("change", show);

/** Boxes and texts are linked both ways. */
const link = ({ detail: id }) => {
  stage.link(id);
  list.link(id);
};

const remove = ({ detail: id }) => {
  const shown = sheet.lines;
  const at = shown.findIndex((line) => line.id === id);
  const focused = document.activeElement?.closest("[data-id]");
  const next = shown[at + 1] ?? shown[at - 1];
  sheet.edit((lines) => lines.filter((line) => line.id !== id));
  show();
  // The keyboard goes on at the neighbour instead of at the top of the page.
  if (!focused || !next) return;
  if (focused.classList.contains("box")) stage.focus(next.id);
  else list.open(next.id, true);
};

hear(stage, "link", link);
hear(list, "link", link);
hear(stage, "remove", remove);
hear(list, "remove", remove);
hear(stage, "open", ({ detail: id }) => {
  // A keyboard on the screen covers half of it: a finger asks for it by a second tap.
  list.open(id, matchMedia("(pointer: fine)").matches || chosen === id);
  chosen = id;
});
hear(stage, "draw", attempt(async ({ detail: box }) => {
  const [id] = await readBoxes([box]);
  link({ detail: id });
  list.open(id, false);
}));
hear(stage, "change", attempt(async ({ detail: { id, box, byKey = false } }) => {
  // A text that a person wrote stays with its box; what was read of the old place goes.
  const line = sheet.find(id);
  sheet.change(id, isOwn(line) ? { box } : { box, reading: null, text: "" }, byKey ? `move ${id}` : null);
  show();
  if (await ready) sheet.amend(id, box, await reader.read(stage.pixels, { box, decoding: decoding() }));
}));
hear(list, "edit", ({ detail: { id, text } }) => {
  const unknown = unknownIn(text);
  const line = sheet.find(id);
  sheet.change(id, { text, keep: text !== line.reading?.text && !unknown }, `text ${id}`);
  say((t) => (unknown ? t.unknown(unknown.replaceAll(UNKNOWN, "\ufffd")) : ""));
});
hear(list, "restore", ({ detail: id }) => {
  const { text, reading } = sheet.find(id);
  if (reading && text !== reading.text) sheet.change(id, { text: reading.text, keep: false });
});
hear(list, "keep", ({ detail: { id, keep } }) => sheet.change(id, { keep }));
hear(list, "look", attempt(async ({ detail: id }) => {
  const { box, text } = sheet.find(id);
  const { input } = await reader.read(stage.pixels, { box, input: true });
  list.showInput(id, input, text);
}));
hear(table, "link", ({ detail: box }) => link({ detail: box && sheet.lines.find((line) => overlap(line.box, box))?.id }));
hear(table, "copy", attempt(async ({ detail: text }) => {
  await copy(text);
  say((t) => t.copied);
}));

// --- What can be asked for ------------------------------------------------------------------------------------------

const onClick = (id, act) => element(id).addEventListener("click", attempt(act));

/** Reads all anew, after asking what becomes of a person's own lines. */
async function readAnew(read) {
  const own = sheet.lines.filter(isOwn);
  const answer = own.length ? await ask(texts().askAgain(own.length), ["keepMine", "replaceAll"]) : "replaceAll";
  if (answer) await read(answer === "keepMine" ? own : []);
}

onClick("sample", openSample);
onClick("find", () => readAnew(readPicture));
onClick("whole", () => readAnew(async (kept) => {
  turn++;
  const line = sheet.line(whole());
  sheet.edit(() => [...kept, line]);
  await readLines([line]);
}));
onClick("add", async () => {
  const { width, height } = whole();
  const box = { width: Math.ceil(width / 3), height: Math.ceil(Math.min(height, Math.max(24, height / 20))) };
  const [id] = await readBoxes([{ x: Math.floor((width - box.width) / 2), y: Math.floor((height - box.height) / 2), ...box }]);
  stage.focus(id);
});
onClick("draw", async () => {
  const drawing = stage.element.classList.toggle("drawing");
  element("draw").setAttribute("aria-pressed", String(drawing));
});
onClick("undo", async () => sheet.undo());
onClick("redo", async () => sheet.redo());
addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if (!(event.ctrlKey || event.metaKey) || event.altKey || !["z", "y"].includes(key) || element("ask").open) return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) sheet.redo();
  else sheet.undo();
});
element("threshold").addEventListener("input", ({ target }) => {
  remember("threshold", target.value);
  show();
});
element("unknown-lines").addEventListener("change", show);
onClick("copy", async () => {
  const lines = exported();
  if (lines.length) await copy(asText(lines));
  say((t) => (lines.length ? t.copied : t.nothingToCopy));
});
onClick("json", async () => {
  download(new Blob([asJson(picture, exported(), fields())], { type: "application/json" }), "lines.json");
});
onClick("csv", async () => download(new Blob([asCsv(picture, exported())], { type: "text/csv" }), "lines.csv"));
onClick("save", async () => {
  const kept = sheet.lines.filter((line) => line.keep && line.text);
  const unknown = unknownIn(asText(sheet.lines.filter(isOwn)).replaceAll("\n", ""));
  if (!kept.length || unknown) return say((t) => (unknown ? t.unknown(unknown) : t.noneToSave));
  download(await asDataset(kept, stage.canvas, reader.spec.charset), "linelet-corrections.zip");
  say((t) => t.saved(kept.length));
});
onClick("save-screen", async () => {
  const { lines } = sheet;
  if (!lines.length) return say((t) => t.noBoxes);
  download(await asScreens(lines, stage.canvas, screenGrey(stage.pixels)), "linelet-screens.zip");
  say((t) => t.savedScreen(lines.length));
});
offerLanguages(() => {
  say(message);
  element("problem").textContent = trouble(texts());
  show();
  if (reader) showFacts();
});
element("backend").addEventListener("change", attempt(async ({ target }) => {
  const before = reader;
  ready = start(target.value);
  if ((await ready) && reader !== before) await readUntouched();
}));
element("grammar").addEventListener("change", attempt(readUntouched));

/** Reads the same boxes again, but for a person's own lines. */
async function readUntouched() {
  const mine = ++turn;
  const lines = sheet.lines.filter((line) => !isOwn(line));
  const begin = performance.now();
  const readings = await reader.read(stage.pixels, { boxes: lines.map(({ box }) => box), decoding: decoding() });
  if (mine !== turn) return; // another picture came meanwhile
  lines.forEach(({ id, box }, i) => sheet.amend(id, box, readings[i]));
  sayRead(lines, begin);
}

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
addEventListener("beforeunload", (event) => {
  if (sheet.lines.some(isOwn)) event.preventDefault();
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
