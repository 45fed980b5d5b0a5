// Reads a screen with a bundle in Node, as a page would: node read_screen.mjs BUNDLE RGBA WIDTH HEIGHT (see bundle.py).
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import "./ends_with_starter.mjs";

const [bundle, file, width, height] = process.argv.slice(2);
const folder = pathToFileURL(path.resolve(bundle) + path.sep);
const log = console.log;
console.log = console.info = console.warn = () => {}; // stdout is for the answer

async function run() {
  const { loadReader } = await import(new URL("linelet.js", folder).href);
  const reader = await loadReader(folder.href, { backend: "wasm" });
  const picture = { data: new Uint8ClampedArray(await readFile(file)), width: Number(width), height: Number(height) };
  const { lines, fields } = await reader.readScreen(picture);
  reader.dispose();
  return { lines: lines.map(({ text, confidence, box }) => ({ text, confidence, box })), fields };
}

log(JSON.stringify(await run().catch((failure) => ({ error: String(failure?.message ?? failure).split("\n")[0] }))));
