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
  const out = new Uint8Array(box.width * box.height * channels);
  let o = 0;
  for (let y = box.y; y < box.y + box.height; y++) {
    for (let i = (y * picture.width + box.x) * 4, end = i + box.width * 4; i < end; i += 4) {
      let r = data[i];
      let g = data[i + 1];
      let b = data[i + 2];
      const a = data[i + 3];
      if (a !== 255) {
        r = onWhite(r, a);
        g = onWhite(g, a);
        b = onWhite(b, a);
      }
      if (channels === 1) {
        out[o++] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
      } else {
        out[o++] = r;
        out[o++] = g;
        out[o++] = b;
      }
    }
  }
  return { data: out, width: box.width, height: box.height, channels };
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
    throw new LineletError(`a line of ${width} x ${height} pixels has no content; give at least 1 x 1`);
  }
  if (width > MAX_ASPECT * height) {
    throw new LineletError(
      `a line of ${width} x ${height} pixels is over ${MAX_ASPECT} times as wide as high; crop it`,
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
 *   pixels from first[i] on, whose weights begin at i * most
 */
function triangleWeights(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const most = 2 * Math.ceil(support) + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * most);
  for (let target = 0; target < to; target++) {
    const center = (target + 0.5) * scale;
    first[target] = Math.max(0, Math.trunc(center - support + 0.5));
    count[target] = Math.min(from, Math.trunc(center + support + 0.5)) - first[target];
    const raw = Array.from({ length: count[target] }, (_, k) =>
      Math.max(0, 1 - Math.abs((first[target] + k - center + 0.5) * (1 / support))));
    const total = raw.reduce((sum, w) => sum + w, 0);
    raw.forEach((w, k) => {
      weights[target * most + k] = Math.trunc(0.5 + (total ? w / total : w) * (1 << PRECISION_BITS));
    });
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
  const out = new Uint8Array(width * height * channels);
  const { most, first, count, weights } = triangleWeights(from, width);
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++) {
        let sum = 1 << (PRECISION_BITS - 1);
        let i = (y * from + first[x]) * channels + c;
        for (let k = x * most, end = k + count[x]; k < end; k++, i += channels) sum += Math.imul(data[i], weights[k]);
        out[o++] = clip(sum);
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
    sums.fill(1 << (PRECISION_BITS - 1));
    for (let k = 0; k < count[y]; k++) {
      const weight = weights[y * most + k];
      for (let i = 0, at = (first[y] + k) * stride; i < stride; i++, at++) sums[i] += Math.imul(data[at], weight);
    }
    for (let i = 0; i < stride; i++) out[y * stride + i] = clip(sums[i]);
  }
  return { data: out, width, height, channels };
}

/** Fixed point to 0-255. @param {number} sum */
function clip(sum) {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
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
  const data = new Float32Array(channels * spec.height * width).fill(spec.pad);
  for (let c = 0; c < channels; c++) {
    const source = spec.color === "bgr" ? 2 - c : c;
    const levels = greyLevels(spec, c);
    for (let y = 0; y < spec.height; y++) {
      const to = (c * spec.height + y) * width;
      for (let x = 0; x < line; x++) data[to + x] = levels[raster.data[(y * line + x) * channels + source]];
    }
  }
  return { data, channels, height: spec.height, width, lineWidth: line };
}

/** (value / 255 - mean) / std in 32-bit steps, as numpy takes them, for each of the 256 values. */
function greyLevels(spec, channel) {
  const f = Math.fround;
  const mean = f(spec.mean[channel % spec.mean.length]);
  const std = f(spec.std[channel % spec.std.length]);
  return Float32Array.from({ length: 256 }, (_, value) => f(f(f(value / 255) - mean) / std));
}
