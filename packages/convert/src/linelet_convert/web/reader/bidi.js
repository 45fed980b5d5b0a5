/**
 * From characters as they are seen, left to right, to the order in which they are read, where lines run from right to
 * left: linelet_common/bidi.py says how, and tests hold both to the same texts.
 */

const BRACKETS = "()[]{}⁅⁆⁽⁾₍₎⌈⌉⌊⌋❨❩❪❫❬❭❮❯❰❱❲❳❴❵⟦⟧⟨⟩⟪⟫⟬⟭⟮⟯〈〉《》「」『』【】〔〕〖〗〘〙〚〛（）［］｛｝｟｠｢｣";
const SIGNS = "<>«»‹›≤≥≦≧≪≫≺≻⊂⊃⊆⊇＜＞";
const OPENING = new Set([...BRACKETS].filter((_, k) => k % 2 === 0));
const CLOSING = new Set([...BRACKETS].filter((_, k) => k % 2 === 1));
const MIRRORED = new Map([...BRACKETS, ...SIGNS].map((c, k, all) => [c, all[k ^ 1]]));

// Classes of UAX #9, as far as they are asked for; the first that holds a character is its class, and ON any other's.
/** @type {[string, RegExp][]} */
const CLASSES = [
  ["WS", /\s/u],
  ["EN", /[0-9²³¹⁰⁴-⁹₀-₉۰-۹⒈-⒛０-９𝟎-𝟿]/u],
  ["AN", /[٠-٩٫٬]/u],
  ["ES", /[-+⁺⁻₊₋−﬩﹢﹣＋－]/u],
  ["CS", /[,./:،⁄﹐﹒﹕，．／：]/u],
  ["ET", /[#%°±؉؊٪‰-‴℮∓\ua839﹟﹪＃％]|(?![؋\u07fe\u07ff﷼])\p{Sc}/u],
  ["ON", /[\u0606\u0607\u060e\u060f\u06de\u06e9\ufd3e\ufd3f\u07f6-\u07f9\ufd40-\ufd4f\ufdcf\ufdfd-\ufdff]/u],
  ["AL", /(?!\p{M})[\u0608\u060b\u060d\u061b-\u064a\u066d-\u06d5\u06e5\u06e6\u06ee\u06ef\u06fa-\u07b1\u0860-\u08c9\ufb50-\ufdfc\ufe70-\ufefc]/u],
  ["R", /(?!\p{M})[\u0590-\u05ff\u07c0-\u085f\ufb1d-\ufb4f]/u],
  ["L", /[\p{L}\p{Nd}\p{Nl}]/u],
];
const MARK = /\p{M}/u;

/** @param {string} character */
const kindOf = (character) => CLASSES.find(([, characters]) => characters.test(character))?.[0] ?? "ON";

/** @param {string} character */
export const mirrored = (character) => MIRRORED.get(character) ?? character;

/**
 * The characters seen, in the order of reading.
 * @param {string[]} seen from left to right @returns {{index: number, mirrored: boolean}[]}
 */
export function readingOrder(seen) {
  /** @type {number[][]} */
  const units = []; // a letter and its marks
  seen.forEach((character, k) => {
    if (units.length && MARK.test(character)) units[units.length - 1].push(k);
    else units.push([k]);
  });
  const ltr = runsBack(units.map(([k]) => seen[k]));
  const found = [];
  for (let end = units.length; end > 0; ) {
    let start = end - 1;
    while (ltr[end - 1] && start > 0 && ltr[start - 1]) start--;
    for (const unit of units.slice(start, end)) {
      for (const index of unit) found.push({ index, mirrored: !ltr[start] });
    }
    end = start;
  }
  return found;
}

/** For each character seen, whether it is of a run from left to right. @param {string[]} characters @returns {boolean[]} */
function runsBack(characters) {
  const kinds = characters.map(kindOf);
  const ltr = kinds.map((kind) => kind === "AN");
  const parting = (k) => ["R", "AL", "AN"].includes(kinds[k]);
  let strong = "R"; // what is read before a stretch: the letter at its right
  for (let end = kinds.length; end > 0; ) {
    let start = end - 1;
    if (parting(start)) {
      if (kinds[start] !== "AN") strong = kinds[start];
      end = start;
      continue;
    }
    while (start > 0 && !parting(start - 1)) start--;
    const part = kinds.slice(start, end);
    const numbers = numbersOf(part, strong !== "AL");
    let [first, last] = [0, 0];
    if (part.includes("L")) {
      [first, last] = latinRun(characters.slice(start, end), part, numbers, numbersOf(part, true));
      strong = "L";
    }
    numbers.forEach((number, k) => (ltr[start + k] = k < last ? k >= first : number));
    end = start;
  }
  for (let k = 1; k + 1 < kinds.length; k++) {
    if (kinds[k] === "CS" && kinds[k - 1] === "AN" && kinds[k + 1] === "AN") ltr[k] = true; // a point between Arabic digits
  }
  return ltr;
}

/**
 * Which characters are of numbers. @param {string[]} kinds
 * @param {boolean} european whether signs beside digits belong to them too
 */
function numbersOf(kinds, european) {
  const found = kinds.map((kind) => kind === "EN");
  const own = kinds.map((kind) => (kind === "EN" && !european ? "AN" : kind));
  for (let k = 1; k + 1 < own.length; k++) {
    if (own[k - 1] !== own[k + 1]) continue;
    const joins = own[k - 1] === "EN" ? ["ES", "CS"] : own[k - 1] === "AN" ? ["CS"] : [];
    if (joins.includes(own[k])) [found[k], own[k]] = [true, own[k - 1]];
  }
  const spread = (k, before) => {
    if (own[k] === "ET" && own[before] === "EN") [found[k], own[k]] = [true, "EN"];
  };
  for (let k = 0; k < own.length; k++) spread(k, k - 1);
  for (let k = own.length - 1; k >= 0; k--) spread(k, k + 1);
  return found;
}

/**
 * The run [first, last) from left to right of a stretch with Latin letters.
 * @param {string[]} characters @param {string[]} kinds
 * @param {boolean[]} numbers by what is read before the stretch @param {boolean[]} afterLatin and behind Latin letters
 */
function latinRun(characters, kinds, numbers, afterLatin) {
  let first = kinds.findIndex((kind, k) => kind === "L" || numbers[k]);
  let last = kinds.lastIndexOf("L") + 1;
  const open = () => balance(characters.slice(first, last));
  let depth = 0;
  for (let k = last; k < kinds.length; k++) {
    depth += balance([characters[k]]);
    if (kinds[k] === "WS" || depth < -open()) break;
    if (afterLatin[k]) [last, depth] = [k + 1, 0];
  }
  while (last < kinds.length && CLOSING.has(characters[last]) && open() > 0) last++;
  while (first > 0 && OPENING.has(characters[first - 1]) && open() < 0) first--;
  return [first, last];
}

/** Brackets opened, less those closed. @param {string[]} characters */
const balance = (characters) => characters.reduce((sum, c) => sum + Number(OPENING.has(c)) - Number(CLOSING.has(c)), 0);
