/** What the page gives out: texts for the clipboard, JSON, CSV, and a dataset of corrected lines. */
import { zip } from "./zip.js";

/** @typedef {{box: object, reading: object, text: string, ms: number, keep: boolean}} Line */

/** @param {Line[]} lines */
export const asText = (lines) => lines.map((line) => line.text).join("\n");

/** @param {Line[]} lines */
export const asJson = (lines) =>
  JSON.stringify(
    lines.map(({ text, box, reading }) => ({
      text,
      ...(text !== reading.text && { read: reading.text }),
      confidence: reading.confidence,
      box,
      characters: reading.characters,
    })),
    null,
    1,
  );

/** RFC 4180, with the mark by which Excel knows UTF-8. @param {Line[]} lines */
export function asCsv(lines) {
  // A leading =, +, - or @ would be run as a formula by spreadsheets; TAB in front keeps it text.
  const cell = (value) => `"${String(value).replace(/^(?=[=+@-])/, "\t").replaceAll('"', '""')}"`;
  const rows = lines.map(({ text, box, reading }) => [
    cell(text), reading.confidence.toFixed(4), box.x, box.y, box.width, box.height,
  ]);
  return "\ufeff" + [["text", "confidence", "x", "y", "width", "height"], ...rows].map((row) => row.join(",")).join("\r\n") + "\r\n";
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
