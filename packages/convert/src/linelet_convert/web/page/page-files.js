/** What the page gives out: texts for the clipboard, JSON, CSV, datasets of corrected lines and of boxes. */
import { tightBox } from "./boxes.js";
import { isCorrected } from "./page-sheet.js";
import { UNKNOWN } from "./spec.js";
import { zip } from "./zip.js";

/** @typedef {import("./page-sheet.js").Line} Line */

/** @param {Line[]} lines */
export const asText = (lines) => lines.map((line) => line.text).join("\n");

/**
 * As `linelet read --json`; a corrected line has what was read of it instead of a confidence.
 * @param {string} image @param {Line[]} lines @param {object} fields
 */
export const asJson = (image, lines, fields) => JSON.stringify([{ image, lines: lines.map(lineData), fields }], null, 1) + "\n";

function lineData(line) {
  const { text, box, reading } = line;
  if (isCorrected(line)) return { text, read: reading?.text ?? "", box };
  return { text, confidence: reading.confidence, box, characters: reading.characters };
}

/** RFC 4180, with the mark by which Excel knows UTF-8; columns as `linelet read --csv`. @param {string} image @param {Line[]} lines */
export function asCsv(image, lines) {
  // A leading =, +, - or @ would be run as a formula by spreadsheets; TAB in front keeps it text.
  const cell = (value) => `"${String(value).replace(/^(?=[=+@-])/, "\t").replaceAll('"', '""')}"`;
  const rows = lines.map((line) => {
    const { x, y, width, height } = line.box;
    return [cell(image), x, y, width, height, cell(line.text), isCorrected(line) ? "" : line.reading.confidence.toFixed(4)];
  });
  const header = ["image", "x", "y", "width", "height", "text", "confidence"];
  return "\ufeff" + [header, ...rows].map((row) => row.join(",")).join("\r\n") + "\r\n";
}

/**
 * A dataset folder that `linelet train --data` takes, as a ZIP: crops, labels.txt, dataset.json.
 * @param {Line[]} lines @param {HTMLCanvasElement} picture @param {string} charset
 */
export async function asDataset(lines, picture, charset) {
  const folder = "linelet-corrections";
  const encode = (text) => new TextEncoder().encode(text);
  const images = await Promise.all(lines.map(async ({ box }) => new Uint8Array(await (await png(picture, box)).arrayBuffer())));
  const names = lines.map((_, i) => `images/${String(i).padStart(4, "0")}.png`);
  const about = {
    format: "linelet-dataset", version: 1, name: "corrections", charset, count: lines.length, seed: 0, recipe_digest: "",
    complete: true,
  };
  return zip([
    ...names.map((name, i) => /** @type {[string, Uint8Array]} */ ([`${folder}/${name}`, images[i]])),
    [`${folder}/labels.txt`, encode(lines.map(({ text }, i) => `${names[i]}\t${text}\n`).join(""))],
    [`${folder}/dataset.json`, encode(JSON.stringify(about, null, 1) + "\n")],
  ]);
}

/**
 * A dataset folder that `linelet train --task find --data` takes, as a ZIP: the picture, and every box around its ink.
 * @param {Line[]} lines @param {HTMLCanvasElement} picture @param {import("./boxes.js").Grey} grey its luma
 */
export async function asScreens(lines, picture, grey) {
  const folder = "linelet-screens";
  const encode = (value) => new TextEncoder().encode(JSON.stringify(value, null, 1) + "\n");
  const { width, height } = picture;
  const image = new Uint8Array(await (await png(picture, { x: 0, y: 0, width, height })).arrayBuffer());
  const annotations = lines.map(({ box, text }, i) => {
    const { x, y, width: w, height: h } = tightBox(grey, box);
    // What the reader does not know is no text of the line; the finder asks for none.
    return { id: i + 1, image_id: 1, category_id: 1, bbox: [x, y, w, h], text: text.includes(UNKNOWN) ? "" : text };
  });
  const about = {
    format: "linelet-dataset", version: 1, kind: "screens", name: "corrections", charset: "", count: 1, seed: 0,
    recipe_digest: "", complete: true,
  };
  const images = [{ id: 1, file_name: "images/0000.png", width, height }];
  return zip([
    [`${folder}/images/0000.png`, image],
    [`${folder}/screens.json`, encode({ images, categories: [{ id: 1, name: "line" }], annotations })],
    [`${folder}/dataset.json`, encode(about)],
  ]);
}

function png(picture, { x, y, width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").drawImage(picture, x, y, width, height, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
