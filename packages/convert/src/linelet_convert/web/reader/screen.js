/** A whole screen to its lines and named values, as linelet_read/screens.py. */
import { FILE_NAME, findLines, parseFinderSpec } from "./boxes.js";
import { checkSeal, onnxMetadata } from "./engine-onnx.js";
import { MissingFileError, invalidFile } from "./errors.js";
import { readFields } from "./fields.js";
import { fetchBytes, inside } from "./files.js";
import { UNKNOWN } from "./spec.js";

/**
 * @typedef {object} Finder
 * @property {import("./boxes.js").FinderSpec} spec
 * @property {any} source what an engine runs: see loadReader
 */

// A screen's short side at least, in pixels, and the height from which even a wide picture is one: lines are lower.
const LEAST_SIDE = 240;
const WIDE_HEIGHT = 400;

/** Whether a picture has a screen's shape rather than a line's. @param {{width: number, height: number}} picture */
export const isScreen = ({ width, height }) =>
  Math.min(height, width) >= LEAST_SIDE && (height >= WIDE_HEIGHT || 2 * width < 3 * height);

/**
 * The finder that lies beside a reader, in the folder finder/; null where there is none.
 * @param {any} source of the reader @param {string} engine @returns {Promise<Finder | null>}
 */
export async function openFinder({ url, files }, engine) {
  const folder = inside("finder/", url);
  try {
    if (engine === "tfjs") {
      const where = inside(FILE_NAME, folder);
      const spec = parseFinderSpec(await files.text(where), where.href);
      return { spec, source: { url: folder, files, spec: { widths: [] } } };
    }
    const where = inside("model.onnx", folder);
    const bytes = await fetchBytes(where);
    await checkSeal(bytes, where);
    const spec = onnxMetadata(bytes).get("linelet_finder");
    if (!spec) throw invalidFile(where.href, " carries no finder's spec", "give a file that 'linelet export' wrote");
    return { spec: parseFinderSpec(spec, where.href), source: { url: where, bytes } };
  } catch (failure) {
    if (failure instanceof MissingFileError) return null;
    throw failure;
  }
}

/**
 * Find and read a screen's lines. Boxes that turn out to hold no text are left out.
 * @param {import("./preprocess.js").Picture} picture
 * @param {{spec: import("./boxes.js").FinderSpec, run: Function}} finder
 * @param {{spec: import("./spec.js").Spec, automata: import("./automata.js").Automata | null}} reader
 * @param {(boxes: object[], onReading: Function) => Promise<any[]>} read the lines in the boxes
 * @param {{unknown?: boolean, minConfidence?: number, onLine?: Function}} options
 */
export async function readScreen(picture, finder, reader, read, { unknown = false, minConfidence = 0, onLine }) {
  const boxes = await findLines(picture, finder.spec, /** @type {any} */ (finder.run));
  const shown = ({ text, confidence }) => text && (unknown || text !== UNKNOWN) && confidence >= minConfidence;
  const readings = await read(boxes, (reading, index) => {
    if (shown(reading)) onLine?.(reading, { index, of: boxes.length });
  });
  // Unknown lines bear on fields all the same: one may be the name that a value belongs to.
  const fields = readFields(readings.filter(({ text }) => text), reader);
  return { lines: readings.filter(shown), fields };
}
