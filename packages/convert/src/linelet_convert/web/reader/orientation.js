/**
 * Which way up a picture file is, the same in every browser and in Python. All turn a JPEG as its EXIF says; Safari's engine
 * does not turn a PNG, nor any browser a WebP. So these are opened without what their EXIF says, and turned here. A PNG whose
 * first picture is no frame of its animation is opened as that picture.
 */
const ORIENTATION = 0x0112; // the tag's number
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const LEFT_OUT = ["eXIf", "acTL", "fcTL", "fdAT"]; // orientation and animation

/** What canvas transforms make of width and height, by EXIF's number. @type {Record<number, (w: number, h: number) => number[]>} */
const TURNS = {
  2: (w) => [-1, 0, 0, 1, w, 0],
  3: (w, h) => [-1, 0, 0, -1, w, h],
  4: (w, h) => [1, 0, 0, -1, 0, h],
  5: () => [0, 1, 1, 0, 0, 0],
  6: (w, h) => [0, 1, -1, 0, h, 0],
  7: (w, h) => [0, -1, -1, 0, h, w],
  8: (w) => [0, -1, 1, 0, 0, w],
};

/**
 * A picture file without what browsers disagree on, and how it is still to be turned (1: not at all).
 * @param {Blob} blob @returns {Promise<{blob: Blob, orientation: number}>}
 */
export async function withoutOrientation(blob) {
  const head = new Uint8Array(await blob.slice(0, 12).arrayBuffer());
  const isPng = PNG.every((byte, i) => head[i] === byte);
  if (!isPng && !(name(head, 0) === "RIFF" && name(head, 8) === "WEBP")) return { blob, orientation: 1 };
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return isPng ? ofPng(bytes, blob) : ofWebp(bytes, blob);
}

/** Draw a picture the right way up. @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context */
export function turn(context, orientation, { width, height }) {
  if (orientation !== 1) context.setTransform(.../** @type {[number, number, number, number, number, number]} */ (TURNS[orientation](width, height)));
}

/** The size of a picture once it is turned. */
export const turnedSize = (orientation, { width, height }) =>
  orientation >= 5 ? { width: height, height: width } : { width, height };

const name = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

function ofPng(bytes, blob) {
  const view = new DataView(bytes.buffer);
  const kept = [bytes.subarray(0, PNG.length)];
  let orientation = 1;
  for (let at = PNG.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const chunk = bytes.subarray(at, at + 12 + length);
    const kind = name(bytes, at + 4);
    if (kind === "eXIf") orientation = orientationOf(chunk.subarray(8, -4));
    if (!LEFT_OUT.includes(kind)) kept.push(chunk);
    at += 12 + length;
  }
  return { blob: new Blob(kept, { type: blob.type }), orientation };
}

function ofWebp(bytes, blob) {
  const view = new DataView(bytes.buffer);
  let orientation = 1;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    if (name(bytes, at) === "EXIF") {
      orientation = orientationOf(bytes.subarray(at + 8, at + 8 + length));
      bytes.set([0x58, 0x58, 0x58, 0x58], at); // a chunk that nobody knows is passed over
    }
    at += 8 + length + (length % 2);
  }
  return { blob: orientation === 1 ? blob : new Blob([bytes], { type: blob.type }), orientation };
}

/** The orientation in EXIF data, 1 where it says none. @param {Uint8Array} exif @returns {number} */
function orientationOf(exif) {
  const tiff = name(exif, 0) === "Exif" ? exif.subarray(6) : exif;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  try {
    const little = view.getUint16(0) === 0x4949;
    const start = view.getUint32(4, little);
    for (let i = 0; i < view.getUint16(start, little); i++) {
      const at = start + 2 + 12 * i;
      if (view.getUint16(at, little) !== ORIENTATION) continue;
      const value = view.getUint16(at + 8, little);
      return value in TURNS ? value : 1;
    }
  } catch (failure) {
    if (!(failure instanceof RangeError)) throw failure; // cut off: it says nothing, as to Python
  }
  return 1;
}
