/**
 * Where the characters stand in a line. CTC only says in which frames each was certain: one or two frames, somewhere in or
 * before the character, always in order. So the frames give the order and the rough places; the ink gives the edges.
 *
 * @typedef {import("./decode.js").DecodedCharacter} DecodedCharacter
 * @typedef {{data: Float32Array, height: number, width: number, lineWidth: number,
 *   box: {x: number, y: number, width: number, height: number}}} Line what preprocess.js prepared, and its box
 */

const INK = 0.25; // of the strongest contrast with the background
// What a border through ink, a character of unusual width, far from its frames or without ink cost beside each other.
const COST = { ink: 2, width: 1, distance: 0.5, empty: 5 };

/**
 * @param {DecodedCharacter[]} characters in the order of reading @param {Line} line @param {import("./spec.js").Spec} spec
 * @returns {{x: number, y: number, width: number, height: number}[]} pixels of the picture
 */
export function placeCharacters(characters, line, spec) {
  const seen = characters.map((_, i) => i).sort((a, b) => characters[a].start - characters[b].start);
  const places = placeInOrder(seen.map((i) => characters[i]), line, spec);
  return characters.map((_, i) => places[seen.indexOf(i)]);
}

/** @param {DecodedCharacter[]} characters from left to right @param {Line} line @param {import("./spec.js").Spec} spec */
function placeInOrder(characters, line, spec) {
  if (!characters.length) return [];
  const ink = inkOfColumns(line);
  const inked = (from, to) => {
    let [left, right] = [Math.round(from), Math.round(to)];
    while (left < right && !ink[left]) left++;
    while (right > left && !ink[right - 1]) right--;
    return left < right ? [Math.max(left, from), Math.min(right, to)] : [from, to];
  };
  const [left, right] = inked(0, line.lineWidth);
  const ems = characters.map(({ text }) => relativeWidth(text));
  const em = (right - left) / ems.reduce((sum, width) => sum + width, 0);

  // The frames lie early or late by an amount that a training leaves to chance, the same for all of a line: what centres
  // the first and the last character in their places.
  const lost = spec.frames_lost / 2;
  const rough = characters.map(({ start, end }) => ((start + end) / 2 + lost) * spec.stride);
  const last = characters.length - 1;
  const early = left + (ems[0] * em) / 2 - rough[0];
  const late = right - (ems[last] * em) / 2 - rough[last];
  const centres = rough.map((x) => x + (early + late) / 2);

  const borders = chooseBorders(ink, left, right, ems.map((width) => width * em), centres, em, line.height);
  const pixels = line.box.width / line.lineWidth; // of the picture, for one of the network's input
  return characters.map((_, i) => {
    const [from, to] = inked(borders[i], borders[i + 1]);
    return { x: line.box.x + from * pixels, y: line.box.y, width: (to - from) * pixels, height: line.box.height };
  });
}

/** Pixels of each column that stand out from the background, which is the commonest level. @param {Line} line */
function inkOfColumns({ data, height, width, lineWidth }) {
  let [low, high] = [Infinity, -Infinity];
  for (let y = 0; y < height; y++) {
    for (let x = 0, i = y * width; x < lineWidth; x++, i++) {
      if (data[i] < low) low = data[i];
      if (data[i] > high) high = data[i];
    }
  }
  const ink = new Uint16Array(lineWidth);
  if (high === low) return ink;
  const levels = new Uint32Array(32);
  const step = (high - low) / 31.999; // so that the highest value is in the last level, not beyond it
  for (let y = 0; y < height; y++) {
    for (let x = 0, i = y * width; x < lineWidth; x++, i++) levels[Math.trunc((data[i] - low) / step)]++;
  }
  const background = low + (levels.indexOf(Math.max(...levels)) + 0.5) * step;
  const least = INK * Math.max(high - background, background - low);
  for (let y = 0; y < height; y++) {
    for (let x = 0, i = y * width; x < lineWidth; x++, i++) if (Math.abs(data[i] - background) > least) ink[x]++;
  }
  return ink;
}

/**
 * The borders of the characters that together cost least, found from left to right (Viterbi). Only gaps and thin places of
 * the ink are considered, and where the frames would have a border.
 */
function chooseBorders(ink, left, right, widths, centres, em, height) {
  const places = [left, ...thinPlaces(ink, left, right), right];
  for (let i = 1; i < centres.length; i++) places.push(Math.round((centres[i - 1] + centres[i]) / 2));
  const columns = [...new Set(places)].filter((x) => x >= left && x <= right).sort((a, b) => a - b);
  const sums = [0];
  for (const count of ink) sums.push(sums[sums.length - 1] + count);
  let paths = columns.map((x) => ({ cost: x === left ? 0 : Infinity, borders: [x] }));
  widths.forEach((width, i) => {
    const isLast = i === widths.length - 1;
    const before = paths;
    paths = columns.map((end, k) => {
      if (isLast !== (end === right)) return { cost: Infinity, borders: [] };
      let best = { cost: Infinity, from: null };
      for (let j = 0; j < k; j++) {
        const start = columns[j];
        const cost =
          before[j].cost +
          COST.width * ((end - start - width) / em) ** 2 +
          COST.distance * (((start + end) / 2 - centres[i]) / em) ** 2 +
          (isLast ? 0 : (COST.ink * ink[end]) / height) +
          (sums[end] === sums[start] ? COST.empty : 0);
        if (cost < best.cost) best = { cost, from: before[j] };
      }
      return { cost: best.cost, borders: best.from ? [...best.from.borders, end] : [] };
    });
  });
  const chosen = paths[paths.length - 1];
  // More characters than columns: they share what there is.
  if (!(chosen.cost < Infinity)) return Array.from({ length: widths.length + 1 }, (_, i) => left + ((right - left) * i) / widths.length);
  return chosen.borders;
}

/** Middles of the gaps and of the thinnest places between two columns. */
function thinPlaces(ink, left, right) {
  const places = [];
  for (let x = left + 1, start = x; x < right; x++) {
    if (ink[x] !== ink[x - 1]) start = x;
    const falls = start === left + 1 || ink[start - 1] > ink[x];
    if (falls && ink[x + 1] > ink[x]) places.push(Math.round((start + x + 1) / 2));
  }
  return places;
}

/** Roughly, in ems: only the proportions within a line count. @param {string} character */
function relativeWidth(character) {
  if (character >= "\u2e80") return 1; // Chinese, Japanese, Korean
  if (/[.,:;'|!]/.test(character)) return 0.28;
  if (/[Iil1jtf]/.test(character)) return 0.45;
  if (/[%@MWmw]/.test(character)) return 0.88;
  return 0.58;
}
