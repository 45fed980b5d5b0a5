/**
 * Finds the text lines of a plain screenshot: flat backgrounds, horizontal text. Pixels that differ sharply from their
 * neighbours are grouped into glyphs, glyphs that stand beside each other into lines. It is no detector for photographs.
 */
import { crop } from "./preprocess.js";
import { toPixels } from "./pixels.js";

const CONTRAST = 24; // grey levels between neighbouring pixels: fainter edges are gradients and shadows
const MOST = 4000; // glyphs: a screen of dense text has fewer, a photograph's texture more
const SMALLEST = 7; // pixels of height: below this no text can be read
const LARGEST = 0.2; // of the picture's longer side: above this it is a drawing

/**
 * Boxes of the lines, from top to bottom.
 * @param {any} image what reader.read takes
 * @returns {Promise<{x: number, y: number, width: number, height: number}[]>}
 */
export async function findLines(image) {
  const picture = await toPixels(image);
  const { width, height } = picture;
  const grey = crop(picture, { x: 0, y: 0, width, height }, 1).data;
  const tallest = Math.max(3 * SMALLEST, LARGEST * Math.max(width, height));
  let parts;
  let contrast = CONTRAST;
  do {
    parts = components(edges(grey, width, height, contrast), width, height).filter(({ ink }) => ink > 2);
    contrast *= 1.5; // what is too much to be text is looked at again for its sharper edges only
  } while (parts.length > MOST);
  const glyphs = parts.filter((part) => part.bottom - part.top <= tallest && !isFrame(part, parts));
  return joinLines(glyphs)
    .filter((line) => line.bottom - line.top >= SMALLEST)
    .map((line) => pad(line, width, height))
    .sort((a, b) => (Math.abs(a.y - b.y) < Math.min(a.height, b.height) / 2 ? a.x - b.x : a.y - b.y));
}

/** 1 where a pixel differs sharply from its right or lower neighbour. One side only: text close to a border must not join it. */
function edges(grey, width, height, contrast) {
  const marked = new Uint8Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (x + 1 < width && Math.abs(grey[i] - grey[i + 1]) >= contrast) marked[i] = 1;
      if (y + 1 < height && Math.abs(grey[i] - grey[i + width]) >= contrast) marked[i] = 1;
    }
  }
  return marked;
}

/** Boxes of the 8-connected groups of marked pixels, by runs and union-find. right and bottom are exclusive. */
function components(marked, width, height) {
  const parent = [];
  const boxes = [];
  const find = (i) => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]];
    return i;
  };
  let above = [];
  for (let y = 0; y < height; y++) {
    const runs = [];
    let from = 0;
    for (let x = 0; x < width; x++) {
      if (!marked[y * width + x]) continue;
      const left = x;
      while (x < width && marked[y * width + x]) x++;
      const id = parent.push(parent.length) - 1;
      boxes.push({ left, top: y, right: x, bottom: y + 1, ink: x - left });
      while (from < above.length && above[from].right < left) from++;
      for (let k = from; k < above.length && above[k].left <= x; k++) parent[find(above[k].id)] = find(id);
      runs.push({ left, right: x, id });
    }
    above = runs;
  }
  const groups = new Map();
  boxes.forEach((box, i) => {
    const root = find(i);
    groups.set(root, groups.has(root) ? union(groups.get(root), box) : box);
  });
  return [...groups.values()];
}

const union = (a, b) => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
  ink: a.ink + b.ink,
});

/** Rules, and outlines of cards, pills and buttons: thin strokes around or along other things. */
function isFrame(part, parts) {
  const width = part.right - part.left;
  const height = part.bottom - part.top;
  if (width > 12 * height && height < SMALLEST) return true;
  const outline = part.ink < 10 * (width + height) && width > 1.5 * height && part.ink < 0.35 * width * height;
  if (!outline) return false;
  const within = (other) =>
    other !== part && other.left > part.left && other.right < part.right && other.top > part.top && other.bottom < part.bottom;
  return parts.some((other) => within(other) && other.bottom - other.top >= 0.3 * height);
}

/** Joins glyphs of like height on one level, as long as the gap is less than a character. */
function joinLines(glyphs) {
  let lines = glyphs.sort((a, b) => a.left - b.left);
  for (let joined = true; joined; ) {
    joined = false;
    const result = [];
    for (const line of lines) {
      const partner = result.findIndex((other) => belongTogether(other, line));
      if (partner < 0) result.push(line);
      else {
        result[partner] = union(result[partner], line);
        joined = true;
      }
    }
    lines = result;
  }
  return lines;
}

function belongTogether(a, b) {
  const overlap = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const [low, high] = [a.bottom - a.top, b.bottom - b.top].sort((x, y) => x - y);
  const gap = Math.max(a.left, b.left) - Math.min(a.right, b.right);
  // A dot or the strokes of 三 lie within the line's height; a unit may be a third of its number.
  return overlap >= 0.6 * low && gap <= 0.6 * Math.max(high, 2 * SMALLEST) && low * 12 > high;
}

function pad({ left, top, right, bottom }, width, height) {
  const margin = Math.round(0.12 * (bottom - top)) + 1;
  const x = Math.max(0, left - margin);
  const y = Math.max(0, top - margin);
  return { x, y, width: Math.min(width, right + margin) - x, height: Math.min(height, bottom + margin) - y };
}
