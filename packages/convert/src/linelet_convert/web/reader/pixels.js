/** Whatever shows a picture -> its pixels. */
import { LineletError, reason } from "./errors.js";
import { IN_NODE } from "./files.js";
import { turn, turnedSize, withoutOrientation } from "./orientation.js";

/**
 * RGBA pixels of a picture, and nothing else: no scaling, no colour management where the browser can leave it out.
 * @param {any} image ImageData or {data, width, height}, ImageBitmap, canvas, <img>, <video>, VideoFrame or Blob
 * @returns {Promise<import("./preprocess.js").Picture>}
 */
export const toPixels = async (image) => (await readPixels(image)).picture;

/**
 * The pixels of the part of a picture in which boxes lie; of all of it without boxes, or if it is pixels already.
 * @param {any} image @param {{x: number, y: number, width: number, height: number}[]} [boxes]
 * @returns {Promise<{picture: import("./preprocess.js").Picture, x: number, y: number, width: number, height: number}>}
 *   the part, its place in the picture, and the picture's size
 */
export async function readPixels(image, boxes) {
  if (image?.data && image.width && image.height) {
    if (image.data.length !== image.width * image.height * 4) {
      const wanted = `${image.width} x ${image.height} x 4 values (RGBA)`;
      throw new LineletError(`the picture's data has ${image.data.length} values, not ${wanted}; give all of them`);
    }
    if (image.data.BYTES_PER_ELEMENT !== 1) {
      const kind = image.data.constructor.name;
      throw new LineletError(`the picture's data has the type ${kind}, which holds no bytes; give a Uint8ClampedArray (RGBA)`);
    }
    return { picture: image, x: 0, y: 0, width: image.width, height: image.height };
  }
  if (IN_NODE) {
    throw new LineletError("in Node a picture is {data, width, height} with RGBA bytes; decode files with sharp or pngjs");
  }
  try {
    return await convert(image, boxes);
  } catch (failure) {
    if (failure instanceof LineletError) throw failure;
    const remedy =
      failure?.name === "SecurityError"
        ? "it shows a picture from another origin: load that with crossOrigin, from a server that sends CORS headers"
        : "give an ImageBitmap, canvas, ImageData, <img> that has loaded, or Blob";
    throw new LineletError(`${describe(image)} is not a picture that can be read (${reason(failure)}); ${remedy}`, {
      code: failure?.name === "SecurityError" ? "picture-tainted" : "picture-unreadable", cause: failure,
    });
  }
}

async function convert(image, boxes) {
  checkCanvas();
  const context = isCanvas(image) ? image.getContext("2d") : null;
  if (context) {
    const part = partOf(image, boxes, image);
    return { ...size(image), x: part.x, y: part.y, picture: context.getImageData(part.x, part.y, part.width, part.height) };
  }
  const isBitmap = image instanceof ImageBitmap;
  const bitmap = isBitmap ? image : await toBitmap(image);
  const { x, y, width, height } = partOf(bitmap, boxes, image);
  const blank = blankContext(width, height);
  blank.drawImage(bitmap, x, y, width, height, 0, 0, width, height);
  const whole = size(bitmap);
  if (!isBitmap) bitmap.close();
  return { ...whole, x, y, picture: blank.getImageData(0, 0, width, height) };
}

/** A picture the right way up, no colours changed. @param {any} image @returns {Promise<ImageBitmap>} */
export async function toBitmap(image) {
  const options = /** @type {ImageBitmapOptions} */ ({ colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { blob, orientation } = image instanceof Blob ? await withoutOrientation(image) : { blob: image, orientation: 1 };
  const bitmap = await createImageBitmap(blob, options);
  if (orientation === 1) return bitmap;
  const { width, height } = turnedSize(orientation, bitmap);
  const context = blankContext(width, height);
  turn(context, orientation, bitmap);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return createImageBitmap(context.canvas, options);
}

const size = ({ width, height }) => ({ width, height });

/** The smallest rectangle of whole pixels that holds all boxes. */
function partOf({ width, height }, boxes, image) {
  if (!width || !height) {
    throw new LineletError(`${describe(image)} has no pixels (${width} x ${height}); give one that is drawn and not closed`, {
      code: "picture-empty", about: { width, height },
    });
  }
  if (!boxes?.length) return { x: 0, y: 0, width, height };
  const inside = boxes.map((box) => wholePixels(box, { width, height }));
  const x = Math.min(...inside.map((box) => box.x));
  const y = Math.min(...inside.map((box) => box.y));
  const right = Math.max(...inside.map((box) => box.x + box.width));
  const bottom = Math.max(...inside.map((box) => box.y + box.height));
  return { x, y, width: right - x, height: bottom - y };
}

/** A canvas that is on no page. @returns {OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D} */
function blankContext(width, height) {
  const options = { willReadFrequently: true };
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(width, height).getContext("2d", options);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", options));
}

let checked = false;

/** Privacy settings make some browsers give noise or white instead of a canvas's pixels: say so, once. */
function checkCanvas() {
  if (checked) return;
  checked = true;
  const context = blankContext(8, 8);
  const levels = context.createImageData(8, 8);
  levels.data.forEach((_, i) => (levels.data[i] = i % 4 === 3 ? 255 : (37 * i) % 256));
  context.putImageData(levels, 0, 0);
  const { data } = context.getImageData(0, 0, 8, 8);
  if (data.some((level, i) => level !== levels.data[i])) {
    console.warn(
      "linelet: this browser's canvas gives false pixels, as privacy settings do; texts may be wrong. " +
        "Allow this page to read canvases, or pass pictures as {data, width, height}",
    );
  }
}

const isCanvas = (image) =>
  (typeof HTMLCanvasElement !== "undefined" && image instanceof HTMLCanvasElement) ||
  (typeof OffscreenCanvas !== "undefined" && image instanceof OffscreenCanvas);

const describe = (image) => image?.constructor?.name ?? String(image);

/**
 * A box in whole pixels: grown to the pixels it touches, cut to the picture.
 * @param {{x: number, y: number, width: number, height: number}} box @param {{width: number, height: number}} picture
 */
export function wholePixels(box, picture) {
  const values = [box.x, box.y, box.width, box.height];
  if (!values.every(Number.isFinite)) {
    throw new LineletError(`box ${JSON.stringify(box)} needs x, y, width and height in pixels of the picture`);
  }
  const x = Math.max(0, Math.floor(box.x));
  const y = Math.max(0, Math.floor(box.y));
  const width = Math.min(picture.width, Math.ceil(box.x + box.width)) - x;
  const height = Math.min(picture.height, Math.ceil(box.y + box.height)) - y;
  if (width < 1 || height < 1) {
    const size = `${picture.width} x ${picture.height}`;
    throw new LineletError(`box ${JSON.stringify(box)} holds no pixel of the picture (${size}); give one inside it`);
  }
  return { x, y, width, height };
}
