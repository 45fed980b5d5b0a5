/**
 * Screen -> finder's input, finder's map -> boxes of lines: linelet_common/boxes.py in the same order, to the pixel.
 *
 * The map holds for each cell of stride x stride pixels how probably it lies in the core of a line, as whole numbers
 * 0-255. Cores are groups of cells that touch by an edge; each is a line's box less a share of its height. The box itself
 * is fitted to the ink in the full picture. Long screens go through the network in tiles that overlap.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Box in whole pixels of the picture
 * @typedef {{data: Uint8Array, width: number, height: number}} Grey one level a pixel or a cell, row by row
 * @typedef {(data: Float32Array, shape: number[]) => Promise<{data: Float32Array}>} Score
 *   the network: (1, 1, H, W) -> probabilities (1, H / stride, W / stride)
 */
import { LineletError, invalidFile, reason } from "./errors.js";
import { MAX_ASPECT, MAX_PIXELS, crop, resize } from "./preprocess.js";

const VERSION = 1;
export const FILE_NAME = "finder.json";

// A phone's screen of 1080 x 2400 at a short side of 480: the work that one pass is meant to be.
const SCREEN_RATIO = 20 / 9;
const LEAST_CONTRAST = 8; // grey levels between background and ink: fainter text cannot be told from JPEG's noise
const LEAST_HEIGHT = 5; // pixels of ink: what is lower nobody can read
const LEAST_COVERED = 191; // of 255: how much of a core's fullest cell it covers, wherever it lies
const NARROW = 1.5; // heights: a line of fewer has more ink than background close around it
const LEAST_REST = 0.6; // heights: how far a line must go on beyond its ink for pale text to be looked for
const VALLEY = [3, 5]; // of the rows on both sides: the share of levels up to which a row between two lines joins them
const LEAST_INK = 0.4; // of the ink's full contrast: what lies below is a blurred edge

const DEFAULTS = {
  version: VERSION, name: "finder", network: "finder", side: 480, step: 32, stride: 4, tile: 1280, overlap: 128, mean: 0.5,
  std: 0.5, threshold: 90, certain: 128, shrink: 0.36, least_core: 6,
};
/** @typedef {typeof DEFAULTS} FinderSpec what a finder wants to see and how its map becomes boxes */

/** @param {string} text JSON @param {string} where its place, for messages @returns {FinderSpec} */
export function parseFinderSpec(text, where) {
  let data;
  try {
    data = JSON.parse(text);
  } catch (failure) {
    throw invalidFile(where, ` is not JSON (${reason(failure)})`);
  }
  if (data === null || typeof data !== "object" || Array.isArray(data)) {
    throw invalidFile(where, " holds no finder's spec");
  }
  if ((data.version ?? VERSION) !== VERSION) {
    const known = `this reader knows version ${VERSION}`;
    const problem = ` is a finder's spec of version ${JSON.stringify(data.version)}, ${known}`;
    throw invalidFile(where, problem, "use the linelet.js of the same Linelet");
  }
  const spec = { ...DEFAULTS, ...data };
  for (const [key, value] of Object.entries(spec)) {
    if (!(key in DEFAULTS)) throw invalidFile(where, `: unknown key ${key}`);
    if (typeof value !== typeof DEFAULTS[key]) {
      throw invalidFile(where, `: ${key} = ${JSON.stringify(value)} must be a ${typeof DEFAULTS[key]}`);
    }
  }
  if (spec.step % spec.stride || spec.tile % spec.step || spec.overlap % (2 * spec.step) || spec.overlap >= spec.tile) {
    throw invalidFile(where, ": stride, step, tile and overlap do not fit together");
  }
  return Object.freeze(spec);
}

/** RGBA -> luma. @param {import("./preprocess.js").Picture} picture @returns {Grey} */
export function screenGrey(picture) {
  const { width, height } = picture;
  if (height < 1 || width < 1) {
    throw new LineletError(`a screen of ${width} x ${height} pixels has no content; give at least 1 x 1`, {
      code: "picture-empty", about: { width, height },
    });
  }
  if (height * width > MAX_PIXELS) {
    throw new LineletError(`a screen of ${width} x ${height} pixels is over ${MAX_PIXELS}; crop it`, {
      code: "too-large", about: { width, height, most: MAX_PIXELS },
    });
  }
  return crop(picture, { x: 0, y: 0, width, height }, 1);
}

/**
 * [height, width] at which the finder looks at a screen: the short side becomes `side`, up to 4/3 of it for squarer screens,
 * which hold as much in fewer pixels of length.
 * @param {number} height @param {number} width @param {FinderSpec} spec @returns {[number, number]}
 */
export function shrunkSize(height, width, spec) {
  const short = Math.min(height, width);
  const long = Math.max(height, width);
  const side = Math.min(spec.side * Math.sqrt(Math.max(1, (SCREEN_RATIO * short) / long)), (spec.side * 4) / 3);
  if (short <= side) return [height, width];
  const scale = side / short;
  return [Math.max(1, Math.floor(height * scale + 0.5)), Math.max(1, Math.floor(width * scale + 0.5))];
}

/** A screen's luma at the size at which the finder looks at it. @param {Grey} grey @param {FinderSpec} spec @returns {Grey} */
export function prepareScreen(grey, spec) {
  const [height, width] = shrunkSize(grey.height, grey.width, spec);
  return resize({ ...grey, channels: 1 }, width, height);
}

/**
 * Tiles along a side: [start, end, first, last] each; first to last is what the tile gives to the map.
 * @param {number} length @param {FinderSpec} spec @returns {[number, number, number, number][]}
 */
export function tileSpans(length, spec) {
  if (length <= spec.tile) return [[0, length, 0, length]];
  const starts = [];
  for (let start = 0; start < length - spec.overlap; start += spec.tile - spec.overlap) starts.push(start);
  return starts.map((start, i) => {
    const end = Math.min(length, start + spec.tile);
    return [start, end, i ? start + spec.overlap / 2 : 0, i + 1 < starts.length ? end - spec.overlap / 2 : length];
  });
}

/** The map of a shrunk screen. @param {Grey} shrunk @param {FinderSpec} spec @param {Score} score @returns {Promise<Grey>} */
export async function findMap(shrunk, spec, score) {
  const cells = spec.stride;
  const width = Math.ceil(shrunk.width / cells);
  const height = Math.ceil(shrunk.height / cells);
  const out = new Uint8Array(width * height);
  for (const [top, bottom, first, last] of tileSpans(shrunk.height, spec)) {
    for (const [left, right, begin, end] of tileSpans(shrunk.width, spec)) {
      const input = tileInput(shrunk, [top, bottom], [left, right], spec);
      const { data } = await score(input.data, [1, 1, input.height, input.width]);
      const across = input.width / cells;
      for (let y = first / cells; y < Math.ceil(last / cells); y++) {
        for (let x = begin / cells; x < Math.ceil(end / cells); x++) {
          const value = data[(y - top / cells) * across + x - left / cells];
          out[y * width + x] = Math.floor(Math.fround(Math.fround(value * 255) + 0.5));
        }
      }
    }
  }
  return { data: out, width, height };
}

/** A tile, its last row and column repeated up to multiples of `step`, scaled in the 32-bit steps that numpy takes. */
function tileInput(shrunk, [top, bottom], [left, right], spec) {
  const f = Math.fround;
  const levels = Float32Array.from({ length: 256 }, (_, value) => f(f(f(value / 255) - f(spec.mean)) / f(spec.std)));
  const width = Math.ceil((right - left) / spec.step) * spec.step;
  const height = Math.ceil((bottom - top) / spec.step) * spec.step;
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = y * width;
    if (top + y >= bottom) {
      data.copyWithin(row, row - width, row);
      continue;
    }
    const from = (top + y) * shrunk.width + left;
    for (let x = 0; x < right - left; x++) data[row + x] = levels[shrunk.data[from + x]];
    data.fill(data[row + right - left - 1], row + right - left, row + width);
  }
  return { data, width, height };
}

/**
 * The cores in a map, in no particular order: groups of cells that touch by an edge, and are certain enough.
 * @param {Grey} levels @param {FinderSpec} spec
 * @returns {{left: number, top: number, right: number, bottom: number, cells: number, total: number}[]}
 *   in cells, right and bottom exclusive; total: sum of its levels
 */
export function findCores(levels, spec) {
  let runs = findRuns(levels, spec.threshold);
  let roots = joinRuns(runs);
  for (let kept; (kept = withoutBridges(runs, roots)).length < runs.length; ) {
    runs = kept;
    roots = joinRuns(runs);
  }
  const groups = new Map();
  roots.forEach((root, i) => {
    const { left, right, row, total } = runs[i];
    const group = groups.get(root);
    if (!group) groups.set(root, { left, top: row, right, bottom: row + 1, cells: right - left, total });
    else {
      group.left = Math.min(group.left, left);
      group.right = Math.max(group.right, right);
      group.bottom = row + 1; // runs come row by row
      group.cells += right - left;
      group.total += total;
    }
  });
  return [...groups.values()].filter(({ cells, total }) => total >= spec.certain * cells);
}

/** Each horizontal run of cells of at least the threshold, row by row; right is exclusive. */
function findRuns({ data, width, height }, threshold) {
  const runs = [];
  for (let row = 0; row < height; row++) {
    for (let x = 0; x < width; x++) {
      if (data[row * width + x] < threshold) continue;
      const left = x;
      let total = 0;
      while (x < width && data[row * width + x] >= threshold) total += data[row * width + x++];
      runs.push({ left, right: x, row, total });
    }
  }
  return runs;
}

/** For each run the group that it belongs to: runs of neighbouring rows that share a column are of one group. */
function joinRuns(runs) {
  const parent = runs.map((_, i) => i);
  const root = (i) => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]];
    return i;
  };
  let above = 0;
  runs.forEach(({ left, right, row }, i) => {
    while (runs[above].row < row - 1 || (runs[above].row === row - 1 && runs[above].right <= left)) above++;
    for (let k = above; runs[k].row === row - 1 && runs[k].left < right; k++) parent[root(k)] = root(i);
  });
  return parent.map((_, i) => root(i));
}

/**
 * The runs but those that join two lines: of a row of lower levels than one above it and one below it. Where lines are set
 * closely, a descender above an ascender, or the room above a comma, marks cells between them.
 */
function withoutBridges(runs, roots) {
  /** @type {Map<number, Map<number, number>>} root -> row -> its levels, row by row, as the runs come */
  const groups = new Map();
  runs.forEach(({ row, total }, i) => {
    if (!groups.has(roots[i])) groups.set(roots[i], new Map());
    const levels = groups.get(roots[i]);
    levels.set(row, (levels.get(row) ?? 0) + total);
  });
  const bridges = new Set();
  for (const [root, levels] of groups) {
    const sums = [...levels.values()];
    const below = [...sums];
    for (let k = sums.length - 2; k >= 0; k--) below[k] = Math.max(below[k], below[k + 1]);
    let above = 0;
    [...levels.keys()].forEach((row, k) => {
      above = Math.max(above, sums[k]);
      if (VALLEY[1] * sums[k] <= VALLEY[0] * Math.min(above, below[k])) bridges.add(`${root} ${row}`);
    });
  }
  return bridges.size ? runs.filter(({ row }, i) => !bridges.has(`${roots[i]} ${row}`)) : runs;
}

/**
 * What a core tells of its line, in pixels of the picture. All of it comes from the levels of the core's cells and of those
 * next to it, not from its outline: a core of one or two rows of cells is known to a third of a cell.
 * @param {ReturnType<typeof findCores>[0]} core @param {Grey} levels @param {FinderSpec} spec
 * @param {number} scale pixels of the picture a pixel of the shrunk screen
 */
export function guessLine(core, levels, spec, scale) {
  let weighted = 0;
  let total = 0;
  for (let y = Math.max(0, core.top - 1); y < Math.min(levels.height, core.bottom + 1); y++) {
    let sum = 0;
    for (let x = core.left; x < core.right; x++) sum += levels.data[y * levels.width + x];
    weighted += y * sum;
    total += sum;
  }
  const middle = (weighted / total + 0.5) * spec.stride * scale;
  // Of a core's fullest cell three quarters are covered at least; a lower level is doubt, and that of all its cells.
  let greatest = 0;
  for (let x = core.left - 1; x <= core.right; x++) greatest = Math.max(greatest, greatestOf(core, levels, x));
  const full = 255 * Math.min(1, greatest / LEAST_COVERED);
  const high = (total / (full * (core.right - core.left))) * spec.stride;
  const height = Math.max(high / (1 - spec.shrink), Math.min(high, spec.least_core)) * scale;
  const left = core.left + 1 - (greatestOf(core, levels, core.left - 1) + greatestOf(core, levels, core.left)) / 255;
  const right = core.right - 1 + (greatestOf(core, levels, core.right - 1) + greatestOf(core, levels, core.right)) / 255;
  const beyond = (spec.shrink / 4) * height; // what a core lacks of its line at each end
  return { left: left * spec.stride * scale - beyond, right: right * spec.stride * scale + beyond, middle, height };
}

/** The greatest level of a column in the core's rows; 0 outside the map. */
function greatestOf(core, { data, width }, x) {
  let greatest = 0;
  if (x < 0 || x >= width) return greatest;
  for (let y = core.top; y < core.bottom; y++) greatest = Math.max(greatest, data[y * width + x]);
  return greatest;
}

/**
 * The ink of a line, without margin; none where nothing stands out from the background. What lies far apart, and what stands on
 * a plate of its own beside the rest, are lines of their own. Pale text beside dark is no ink by the dark one's measure:
 * where the line is known to go on, the rest is measured by itself.
 * @param {Grey} grey @param {ReturnType<typeof guessLine>} guess @returns {Box[]}
 */
export function fitBoxes(grey, guess) {
  const boxes = fitInk(grey, guess, true);
  if (!boxes.length) return [];
  for (const end of [0, 1]) {
    const edge = end === 0 ? Math.min(...boxes.map((b) => b.x)) : Math.max(...boxes.map((b) => b.x + b.width));
    const rest = end === 0 ? { ...guess, right: edge } : { ...guess, left: edge };
    if (rest.right - rest.left < LEAST_REST * guess.height) continue;
    for (const box of fitInk(grey, rest, false)) {
      const gaps = boxes.map((other) => gapBetween(other, box));
      const near = gaps.indexOf(Math.min(...gaps));
      if (10 * gaps[near] < 9 * boxes[near].height) boxes[near] = around(boxes[near], box);
      else boxes.push(box);
    }
  }
  return boxes;
}

/** Columns between two boxes; below 0 where they overlap. @param {Box} a @param {Box} b */
const gapBetween = (a, b) => Math.max(a.x, b.x) - Math.min(a.x + a.width, b.x + b.width);

/** The boxes of the ink that stands out most; split: whether it may be several lines. @returns {Box[]} */
function fitInk(grey, guess, split) {
  const high = guess.height;
  const [top, bottom] = whole(guess.middle - 0.9 * high, guess.middle + 0.9 * high, grey.height);
  const [left, right] = whole(guess.left - 0.6 * high, guess.right + 0.6 * high, grey.width);
  if (bottom - top < 3 || right - left < 2) return [];
  const window = cut(grey, [top, bottom], [left, right]);
  const [first, last] = whole(guess.left - left, guess.right - left, window.width);
  const [upper, lower] = whole(guess.middle - 0.5 * high - top, guess.middle + 0.5 * high - top, window.height);
  if (upper >= lower || first >= last) return [];
  const around = whole(guess.middle - 0.65 * high - top, guess.middle + 0.65 * high - top, window.height);
  const beside = whole(guess.left - 0.25 * high - left, guess.right + 0.25 * high - left, window.width);
  const narrow = guess.right - guess.left < NARROW * high;
  const background = commonest(narrow ? countLevels(window) : countLevels(window, around, beside));
  const marks = inkLevels(countLevels(window, [upper, lower], [first, last]), background);
  if (!marks) return [];
  const ink = { ...window, marks };
  const rows = follow(inkRows(ink, first, last), upper, lower, 0.08 * high);
  if (!rows || rows[1] - rows[0] < Math.max(LEAST_HEIGHT, 0.3 * high)) return []; // a dash, a rule, a chart's line
  const columns = follow(inkColumns(ink, rows, first, last), first, last, 0.25 * high);
  if (!columns) return [];
  const parts = split ? partsOf(ink, rows, columns) : [];
  if (parts.length > 1) {
    const start = left + columns[0];
    const middle = top + (rows[0] + rows[1]) / 2;
    // What stands on a plate is mostly smaller.
    return parts.flatMap(([a, b, plate]) =>
      fitInk(grey, { left: start + a, right: start + b, middle, height: high * (plate ? 0.75 : 1) }, false));
  }
  return [{ x: left + columns[0], y: top + rows[0], width: columns[1] - columns[0], height: rows[1] - rows[0] }];
}

/**
 * A line's ink cut into [first column, column behind the last, on a plate]. Cut are gaps of nine tenths of the height,
 * and smaller ones beside a plate: a filled background with text on it, which begins and ends with a quarter of the height of
 * filled columns, and is filled along its upper and lower edge. The bold stems of an N or H are filled columns too, with
 * nothing between them.
 * @returns {[number, number, boolean][]}
 */
function partsOf(ink, rows, columns) {
  const height = rows[1] - rows[0];
  const filled = Array.from(columnSums(ink, rows[0], rows[1]).subarray(...columns));
  const empty = gapsIn(filled);
  const solid = filled.map((count) => 10 * count >= 9 * height);
  const starts = [0, ...empty.map(([, end]) => end)];
  const ends = [...empty.map(([start]) => start), filled.length];
  const near = Math.floor(height / 10);
  const [upper, lower] = [rows[0] + near, rows[1] - 1 - near].map((y) => y * ink.width + columns[0]);
  const edges = filled.map((_, x) => ink.marks[ink.data[upper + x]] && ink.marks[ink.data[lower + x]]);
  const plates = starts.map((start, k) => plateIn(solid, edges, start, ends[k], height));
  /** @type {[number, number, boolean][]} */
  const parts = [];
  starts.forEach((start, k) => {
    const plate = plates[k];
    const gap = k > 0 ? start - ends[k - 1] : 0;
    const wide = k > 0 && 10 * gap >= 9 * height;
    const apart = k > 0 && 10 * gap >= 3 * height && Boolean(plate || plates[k - 1]);
    if (!parts.length || wide || apart) {
      const [first, last] = plate ?? [start, ends[k]];
      parts.push([first, last, plate !== null]);
    } else {
      parts[parts.length - 1] = [parts[parts.length - 1][0], ends[k], false];
    }
  });
  return parts;
}

/** The runs of empty columns: first column, and the one behind the last. @returns {[number, number][]} */
function gapsIn(filled) {
  /** @type {[number, number][]} */
  const gaps = [];
  filled.forEach((count, x) => {
    if (count) return;
    if (gaps.length && gaps[gaps.length - 1][1] === x) gaps[gaps.length - 1][1] = x + 1;
    else gaps.push([x, x + 1]);
  });
  return gaps;
}

/** First column of a plate between two columns, and the one behind its last; null where there is none. @returns {[number, number] | null} */
function plateIn(solid, edges, start, end, height) {
  const reach = Math.min(end - start, Math.floor((6 * height) / 10));
  const least = Math.max(2, Math.floor(height / 4));
  let first = start;
  while (first < start + reach && !solid[first]) first++;
  if (first === start + reach) first = end;
  let last = end - 1;
  while (last > end - 1 - reach && !solid[last]) last--;
  if (last === end - 1 - reach) last = start;
  if (last - first < 2 * least) return null;
  const ends = [...solid.slice(first, first + least), ...solid.slice(last + 1 - least, last + 1)];
  if (!ends.every(Boolean)) return null;
  if (10 * edges.slice(first, last + 1).filter(Boolean).length < 9 * (last + 1 - first)) return null;
  // Filled throughout, it may be a stroke; from the line's height on it is a plate whose text stands out less.
  return last - first < height && solid.slice(first, last + 1).every(Boolean) ? null : [first, last + 1];
}

/** The whole pixels that a stretch touches, inside 0-size. @returns {[number, number]} */
function whole(low, high, size) {
  return [Math.max(0, Math.min(size, Math.floor(low))), Math.max(0, Math.min(size, Math.ceil(high)))];
}

/** A part of a picture, as a picture of its own. @returns {Grey} */
function cut(grey, [top, bottom], [left, right]) {
  const width = Math.max(0, right - left);
  const height = Math.max(0, bottom - top);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const from = (top + y) * grey.width + left;
    data.set(grey.data.subarray(from, from + width), y * width);
  }
  return { data, width, height };
}

/** How often each level occurs in a part of a picture. @param {Grey} grey */
function countLevels({ data, width, height }, [top, bottom] = [0, height], [left, right] = [0, width]) {
  const counts = new Int32Array(256);
  for (let y = top; y < bottom; y++) for (let i = y * width + left, end = i + right - left; i < end; i++) counts[data[i]]++;
  return counts;
}

/** The commonest grey level, give or take the little that gradients and JPEG add to it. @param {Int32Array} counts */
function commonest(counts) {
  let best = 0;
  let most = -1;
  let near = sumOf(counts, 0, 8);
  for (let level = 0; level < 256; level++) {
    if (level + 8 < 256) near += counts[level + 8];
    if (level > 8) near -= counts[level - 9];
    const count = 2 * near + counts[level];
    if (count > most) [best, most] = [level, count];
  }
  return best;
}

/**
 * 1 for each level that differs from the background as a core's ink does; null if the core has none.
 * @param {Int32Array} counts how often each level occurs in the core
 */
function inkLevels(counts, background) {
  const byDistance = new Int32Array(256);
  for (let level = 0; level < 256; level++) byDistance[Math.abs(level - background)] += counts[level];
  const total = sumOf(counts, 0, 256);
  // What three in a hundred of the core reach: the strokes' full contrast, whatever the speckles.
  let contrast = 255;
  for (let further = byDistance[255]; 100 * further < 3 * total; further += byDistance[contrast]) contrast--;
  if (contrast < LEAST_CONTRAST) return null;
  const least = Math.ceil(LEAST_INK * contrast);
  return Uint8Array.from({ length: 256 }, (_, level) => Number(Math.abs(level - background) >= least));
}

/**
 * Which rows hold ink of the line: some between its ends, but no rule that goes on beyond both.
 * @param {Grey & {marks: Uint8Array}} ink a window, and which of its levels are ink
 */
function inkRows({ data, width, height, marks }, first, last) {
  const outside = width - (last - first);
  const count = (from, to) => {
    let sum = 0;
    for (let i = from; i < to; i++) sum += marks[data[i]];
    return sum;
  };
  return Array.from({ length: height }, (_, y) => {
    const row = y * width;
    const within = count(row + first, row + last);
    const beyond = count(row, row + first) + count(row + last, row + width);
    return within > 0 && !(10 * within >= 9 * (last - first) && 10 * beyond >= 9 * outside && outside > 0);
  });
}

function sumOf(data, from, to) {
  let sum = 0;
  for (let i = from; i < to; i++) sum += data[i];
  return sum;
}

/** The ink in each column between two rows. */
function columnSums({ data, width, marks }, from, to) {
  const sums = new Int32Array(width);
  for (let y = from, i = y * width; y < to; y++) for (let x = 0; x < width; x++, i++) sums[x] += marks[data[i]];
  return sums;
}

/**
 * Which columns hold ink of the line, but no upright rule that goes on above and below it, and no tick at a rule. Beside
 * the line, from `first` to `last`, a rule may go on at one end alone: an axis that ends at its tick.
 */
function inkColumns(ink, [top, bottom], first, last) {
  const { width, height } = ink;
  const high = bottom - top;
  const [above, within, below] = [columnSums(ink, 0, top), columnSums(ink, top, bottom), columnSums(ink, bottom, height)];
  const goesOn = (sum, rows, x) => 10 * sum >= 9 * rows && 10 * within[x] >= 4 * high && 4 * rows >= high;
  const outside = height - high;
  const rules = Array.from({ length: width }, (_, x) => {
    if (within[x] === high && 10 * (above[x] + below[x]) >= 9 * outside && outside > 0) return true;
    return (x < first || x >= last) && (goesOn(above[x], top, x) || goesOn(below[x], height - bottom, x));
  });
  const columns = rules.map((rule, x) => within[x] > 0 && !rule);
  rules.forEach((rule, x) => {
    if (rule) for (const step of [-1, 1]) dropTick(columns, within, x, step, high);
  });
  return columns;
}

/** Unmark an axis's tick: thin columns from the rule at `x` on, up to an empty one. Text that touches a rule stays. */
function dropTick(columns, within, x, step, high) {
  let end = x + step;
  while (columns[end] && within[end] <= Math.max(2, Math.floor(high / 5)) && Math.abs(end - x) <= high) end += step;
  if (within[end] === 0) columns.fill(false, Math.min(x, end) + 1, Math.max(x, end));
}

/**
 * From the first and last mark between `low` and `high` outwards, over gaps of at most `gap`. Where the marks go on to the
 * end, what they follow is no line's edge: the mark that was started from stays.
 * @returns {[number, number] | null}
 */
function follow(marked, low, high, gap) {
  const inside = marked.indexOf(true, low);
  if (inside < 0 || inside >= high) return null;
  const first = inside;
  const last = marked.lastIndexOf(true, high - 1) + 1;
  const leap = Math.floor(gap) + 1;
  let [start, end] = [first, last];
  for (let place = first - 1; place >= 0; place--) {
    if (!marked[place]) continue;
    if (start - place > leap) break;
    start = place;
  }
  for (let place = last; place < marked.length; place++) {
    if (!marked[place]) continue;
    if (place - end >= leap) break;
    end = place + 1;
  }
  return [start === 0 && low > 0 ? first : start, end === marked.length && high < marked.length ? last : end];
}

/**
 * The lines' boxes, with a margin, in reading order.
 * @param {Grey} levels the map @param {Grey} grey the whole picture's luma @param {FinderSpec} spec @returns {Box[]}
 */
export function findBoxes(levels, grey, spec) {
  const scale = grey.width / shrunkSize(grey.height, grey.width, spec)[1];
  const tight = findCores(levels, spec).flatMap((core) => fitBoxes(grey, guessLine(core, levels, spec, scale)));
  const boxes = joinParts(tight).map((box) => withMargin(box, grey));
  // What is longer than any line is a rule, and no reader takes it.
  return readingOrder(boxes.filter(({ width, height }) => width <= MAX_ASPECT * height));
}

/** Boxes that cover mostly the same ink become one. @param {Box[]} boxes */
function joinParts(boxes) {
  const joined = [];
  for (const box of [...boxes].sort((a, b) => b.width * b.height - a.width * a.height || a.y - b.y || a.x - b.x)) {
    const i = joined.findIndex((other) => {
      const across = Math.min(box.x + box.width, other.x + other.width) - Math.max(box.x, other.x);
      const down = Math.min(box.y + box.height, other.y + other.height) - Math.max(box.y, other.y);
      return across > 0 && down > 0 && 2 * across * down >= box.width * box.height;
    });
    if (i < 0) joined.push(box);
    else joined[i] = around(box, joined[i]);
  }
  return joined;
}

/** @param {Box} a @param {Box} b @returns {Box} */
function around(a, b) {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

/** A reader wants a little of the background around a line; the picture's edges bound it. */
function withMargin(box, grey) {
  const margin = Math.floor(0.12 * box.height + 0.5) + 1;
  const x = Math.max(0, box.x - margin);
  const y = Math.max(0, box.y - margin);
  const right = Math.min(grey.width, box.x + box.width + margin);
  return { x, y, width: right - x, height: Math.min(grey.height, box.y + box.height + margin) - y };
}

/**
 * From top to bottom, and from left to right where the middle of one lies within the height of another.
 * @param {Box[]} boxes @returns {Box[]}
 */
export function readingOrder(boxes) {
  const byPlace = (a, b) => a.x - b.x || a.y - b.y || a.width - b.width || a.height - b.height;
  let rest = [...boxes].sort((a, b) => 2 * a.y + a.height - (2 * b.y + b.height) || byPlace(a, b));
  const ordered = [];
  while (rest.length) {
    const [top, bottom] = [2 * rest[0].y, 2 * (rest[0].y + rest[0].height)];
    const inRow = (b) => top <= 2 * b.y + b.height && 2 * b.y + b.height <= bottom;
    ordered.push(...rest.filter(inRow).sort(byPlace));
    rest = rest.filter((b) => !inRow(b));
  }
  return ordered;
}

/**
 * The boxes of a screen's lines, in reading order.
 * @param {import("./preprocess.js").Picture} picture @param {FinderSpec} spec @param {Score} score @returns {Promise<Box[]>}
 */
export async function findLines(picture, spec, score) {
  const grey = screenGrey(picture);
  return findBoxes(await findMap(prepareScreen(grey, spec), spec, score), grey, spec);
}

/**
 * The ink within a box that a person drew; the box itself where nothing stands out from its background.
 * @param {Grey} grey @param {Box} box @returns {Box}
 */
export function tightBox(grey, box) {
  const window = cut(grey, [box.y, box.y + box.height], [box.x, box.x + box.width]);
  // The background is what the box's own frame shows: bold text can cover more of the box than the background does.
  const { data, width, height } = window;
  const frame = data.filter((_, i) => i < width || i >= width * (height - 1) || i % width === 0 || i % width === width - 1);
  const background = commonest(countLevels({ data: frame, width: frame.length, height: 1 }));
  const marks = inkLevels(countLevels(window), background);
  if (!marks) return box;
  const rows = [];
  const columns = [];
  data.forEach((level, i) => {
    if (!marks[level]) return;
    rows.push(Math.floor(i / width));
    columns.push(i % width);
  });
  const ends = (places) => [places.reduce((a, b) => Math.min(a, b)), places.reduce((a, b) => Math.max(a, b)) + 1];
  const [[top, bottom], [left, right]] = [ends(rows), ends(columns)];
  return { x: box.x + left, y: box.y + top, width: right - left, height: bottom - top };
}
