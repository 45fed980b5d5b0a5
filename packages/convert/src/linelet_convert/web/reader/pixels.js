/** Whatever shows a picture -> its pixels. */
import { LineletError, reason } from "./errors.js";
import { IN_NODE } from "./files.js";

/**
 * RGBA pixels of a picture, and nothing else: no scaling, no colour management where the browser can leave it out.
 * @param {any} image ImageData or {data, width, height}, ImageBitmap, canvas, <img>, <video>, VideoFrame or Blob
 * @returns {Promise<import("./preprocess.js").Picture>}
 */
export async function toPixels(image) {
  if (image?.data && image.width && image.height) {
    if (image.data.length !== image.width * image.height * 4) {
      const wanted = `${image.width} x ${image.height} x 4 values (RGBA)`;
      throw new LineletError(`the picture's data has ${image.data.length} values, not ${wanted}; give all of them`);
    }
    return image;
  }
  if (IN_NODE) {
    throw new LineletError("in Node a picture is {data, width, height} with RGBA bytes; decode files with sharp or pngjs");
  }
  if (isCanvas(image)) {
    const context = image.getContext("2d");
    if (context) return context.getImageData(0, 0, image.width, image.height);
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(image, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (failure) {
    throw new LineletError(
      `${describe(image)} is not a picture that can be read (${reason(failure)}); give an ImageBitmap, canvas, ` +
        "ImageData, <img> that has loaded, or Blob",
      { cause: failure },
    );
  }
  const { width, height } = bitmap;
  const context = blankContext(width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

/** A canvas that is on no page. @returns {OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D} */
function blankContext(width, height) {
  const options = { willReadFrequently: true };
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(width, height).getContext("2d", options);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", options));
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
