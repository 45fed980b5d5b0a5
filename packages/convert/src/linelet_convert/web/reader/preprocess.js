/**
 * Picture -> network input: the same arithmetic as linelet_common/preprocess.py, to the last grey level.
 *
 * 1. Transparent pixels lie on white.
 * 2. Grey is ITU-R 601 luma in 16-bit fixed point, Pillow's "L".
 * 3. Resize to the reader's height with Pillow's BILINEAR: a separable triangle filter whose support grows with the
 *    scale when shrinking, horizontal pass first, rounded to 8 bits after each pass (Pillow, Resample.c).
 * 4. (value / 255 - mean) / std, then padding on the right to a width the network takes.
 *
 * @typedef {import("./spec.js").Spec} Spec
 * @typedef {{data: Uint8Array | Uint8ClampedArray, width: number, height: number}} Picture  RGBA, row by row
 * @typedef {{data: Uint8Array, width: number, height: number, channels: number}} Raster  interleaved channels
 */
import { LineletError } from "./errors.js";

// As in Python: such a crop is a mistake (a rule, a border), and reading it would take seconds and gigabytes.
export const MAX_ASPECT = 128;
export const MAX_PIXELS = 40_000_000;

// 8 bits for the pixel, 2 for headroom: what is left of 32 holds a coefficient's fraction.
const PRECISION_BITS = 22;

/**
 * RGBA on white, as grey or RGB.
 * @param {Picture} picture
 * @param {{x: number, y: number, width: number, height: number}} box whole pixels, inside the picture
 * @param {number} channels 1 or 3 @returns {Raster}
 */
export function crop(picture, box, channels) {
  const { data } = picture;
  // A pixel is one word, red in its lowest byte: one read instead of four.
  const { buffer, byteOffset, byteLength } = data.byteOffset % 4 ? data.slice() : data;
  const pixels = new Int32Array(buffer, byteOffset, byteLength / 4);
  const fillRow = channels === 1 ? greyRow : colourRow;
  const size = box.width * channels;
  const out = new Uint8Array(size * box.height);
  for (let y = 0; y < box.height; y++) {
    const from = (box.y + y) * picture.width + box.x;
    // Most of a screen's rows are like the one above.
    if (y && sameRow(pixels, from, picture.width, box.width)) out.copyWithin(y * size, (y - 1) * size, y * size);
    else fillRow(pixels, from, out, y * size, box.width);
  }
  return { data: out, width: box.width, height: box.height, channels };
}

/** Whether the pixels of a row from a place on are those one row above. */
function sameRow(pixels, from, stride, width) {
  for (let i = from, end = from + width; i < end; i++) if (pixels[i] !== pixels[i - stride]) return false;
  return true;
}

function greyRow(pixels, from, out, to, width) {
  for (let i = from, o = to, end = from + width; i < end; i++, o++) {
    const pixel = pixels[i];
    const a = pixel >>> 24;
    let r = pixel & 255;
    let g = (pixel >> 8) & 255;
    let b = (pixel >> 16) & 255;
    if (a !== 255) [r, g, b] = [onWhite(r, a), onWhite(g, a), onWhite(b, a)];
    out[o] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
  }
}

function colourRow(pixels, from, out, to, width) {
  for (let i = from, o = to, end = from + width; i < end; i++) {
    const pixel = pixels[i];
    const a = pixel >>> 24;
    for (let shift = 0; shift < 24; shift += 8) {
      const level = (pixel >> shift) & 255;
      out[o++] = a === 255 ? level : onWhite(level, a);
    }
  }
}

/** Pillow's alpha_composite over opaque white, with its way of dividing by 255. */
function onWhite(value, alpha) {
  const sum = value * alpha * 128 + 255 * (255 - alpha) * 128 + (128 << 7);
  return ((sum >> 8) + sum) >> 8 >> 7;
}

/**
 * Width of a line at the reader's height, at least 1.
 * @param {number} height @param {number} width @param {Spec} spec
 */
export function lineWidth(height, width, spec) {
  if (height < 1 || width < 1) {
    throw new LineletError(`a line of ${width} x ${height} pixels has no content; give at least 1 x 1`, {
      code: "picture-empty", about: { width, height },
    });
  }
  if (width > MAX_ASPECT * height) {
    throw new LineletError(
      `a line of ${width} x ${height} pixels is over ${MAX_ASPECT} times as wide as high; crop it`,
      { code: "too-wide", about: { width, height, most: MAX_ASPECT } },
    );
  }
  const natural = Math.max(1, Math.floor((2 * width * spec.height + height) / (2 * height)));
  // Only a network of fixed widths ever squeezes: what is wider than its widest input.
  return spec.widths.length ? Math.min(natural, spec.widths[spec.widths.length - 1]) : natural;
}

/** The input width for a line that is `width` pixels wide at the reader's height. @param {number} width @param {Spec} spec */
export function paddedWidth(width, spec) {
  if (spec.widths.length) return spec.widths.find((w) => w >= width) ?? spec.widths[spec.widths.length - 1];
  return Math.max(1, Math.ceil(width / spec.width_step)) * spec.width_step;
}

/**
 * Weights of the source pixels that make each target pixel (Pillow's precompute_coeffs, normalize_coeffs_8bpc).
 * @param {number} from source pixels @param {number} to target pixels
 * @returns {{most: number, first: Int32Array, count: Int32Array, weights: Int32Array}} target pixel i is made of count[i]
 *   pixels from first[i] on, whose weights begin at i * most; none is negative, so that no sum leaves 0-255
 */
function triangleWeights(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const most = 2 * Math.ceil(support) + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * most);
  const raw = new Float64Array(most);
  for (let target = 0; target < to; target++) {
    const center = (target + 0.5) * scale;
    first[target] = Math.max(0, Math.trunc(center - support + 0.5));
    count[target] = Math.min(from, Math.trunc(center + support + 0.5)) - first[target];
    let total = 0;
    for (let k = 0; k < count[target]; k++) {
      raw[k] = Math.max(0, 1 - Math.abs((first[target] + k - center + 0.5) * (1 / support)));
      total += raw[k];
    }
    for (let k = 0; k < count[target]; k++) {
      weights[target * most + k] = Math.trunc(0.5 + (total ? raw[k] / total : raw[k]) * (1 << PRECISION_BITS));
    }
  }
  return { most, first, count, weights };
}

/** Pillow's resize(..., BILINEAR). @param {Raster} raster @param {number} width @param {number} height @returns {Raster} */
export function resize(raster, width, height) {
  return resizeVertically(resizeHorizontally(raster, width), height);
}

/** @param {Raster} raster @param {number} width @returns {Raster} */
function resizeHorizontally({ data, width: from, height, channels }, width) {
  if (width === from) return { data, width, height, channels };
  const [stride, size] = [from * channels, width * channels];
  const out = new Uint8Array(size * height);
  const { most, first, count, weights } = triangleWeights(from, width);
  for (let y = 0; y < height; y++) {
    if (y && sameRow(data, y * stride, stride, stride)) {
      out.copyWithin(y * size, (y - 1) * size, y * size);
      continue;
    }
    for (let c = 0; c < channels; c++) {
      for (let x = 0, o = y * size + c; x < width; x++, o += channels) {
        let sum = 1 << (PRECISION_BITS - 1);
        let i = y * stride + first[x] * channels + c;
        for (let k = x * most, end = k + count[x]; k < end; k++, i += channels) sum += Math.imul(data[i], weights[k]);
        out[o] = sum >> PRECISION_BITS;
      }
    }
  }
  return { data: out, width, height, channels };
}

/** @param {Raster} raster @param {number} height @returns {Raster} */
function resizeVertically({ data, width, height: from, channels }, height) {
  if (height === from) return { data, width, height, channels };
  const stride = width * channels;
  const out = new Uint8Array(stride * height);
  const sums = new Int32Array(stride); // of one target row: whole rows are read in their order
  const { most, first, count, weights } = triangleWeights(from, height);
  for (let y = 0; y < height; y++) {
    const [at, last] = [y * most, y * most + count[y] - 1];
    sums.fill(1 << (PRECISION_BITS - 1));
    for (let k = at; k <= last; k += 2) {
      // Two rows at once; an odd count's last goes with itself, at no weight.
      const [one, other] = [weights[k], k < last ? weights[k + 1] : 0];
      const beside = k < last ? stride : 0;
      for (let i = 0, from = (first[y] + k - at) * stride; i < stride; i++, from++) {
        sums[i] += Math.imul(data[from], one) + Math.imul(data[from + beside], other);
      }
    }
    for (let i = 0; i < stride; i++) out[y * stride + i] = sums[i] >> PRECISION_BITS;
  }
  return { data: out, width, height, channels };
}

/**
 * A box of a picture -> network input.
 * @param {Picture} picture
 * @param {{x: number, y: number, width: number, height: number}} box whole pixels, inside the picture
 * @param {Spec} spec
 * @returns {{data: Float32Array, channels: number, height: number, width: number, lineWidth: number}}
 *   data is (channels, height, width), width the padded one; lineWidth is what the line itself takes of it
 */
export function prepare(picture, box, spec) {
  const line = lineWidth(box.height, box.width, spec);
  const channels = spec.color === "grey" ? 1 : 3;
  const raster = resize(crop(picture, box, channels), line, spec.height);
  const width = paddedWidth(line, spec);
  const data = new Float32Array(channels * spec.height * width);
  for (let c = 0; c < channels; c++) {
    const source = spec.color === "bgr" ? 2 - c : c;
    const levels = greyLevels(spec, c);
    for (let y = 0; y < spec.height; y++) {
      const to = (c * spec.height + y) * width;
      for (let x = 0, i = y * line * channels + source; x < line; x++, i += channels) data[to + x] = levels[raster.data[i]];
      data.fill(spec.pad, to + line, to + width);
    }
  }
  return { data, channels, height: spec.height, width, lineWidth: line };
}

/** @type {WeakMap<Spec, Float32Array[]>} */
const levelsOf = new WeakMap();

/** (value / 255 - mean) / std in 32-bit steps, as numpy takes them, for each of the 256 values. */
function greyLevels(spec, channel) {
  if (!levelsOf.has(spec)) levelsOf.set(spec, [0, 1, 2].map((c) => levelTable(spec, c)));
  return levelsOf.get(spec)[channel];
}

function levelTable(spec, channel) {
  const f = Math.fround;
  const mean = f(spec.mean[channel % spec.mean.length]);
  const std = f(spec.std[channel % spec.std.length]);
  return Float32Array.from({ length: 256 }, (_, value) => f(f(f(value / 255) - mean) / std));
}
