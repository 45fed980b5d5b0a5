/**
 * Fields: which of a screen's lines are the values of the names that a recipe tells of. linelet_read/fields.py in the same
 * order, by the same vectors.
 *
 * Geometry and grammar decide. A line is a value where its whole text is one that the field's forms can write, and a name
 * where it is one of the field's names; a value stands right of its name in the same row, below or above it, or in one line
 * with it. What stands between the two, or nearer to either, speaks against them: a field whose value is not shown, or not
 * beyond doubt, is absent and never guessed. Spaces do not count: a wide gap and none say the same.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 * @typedef {{text: string, confidence: number, box: Box}} ScreenText a line as it was read
 * @typedef {number | string | number[]} Value
 * @typedef {{value: Value, text: string, confidence: number, box: Box}} FieldValue
 *   value: the form's number, several where it has several, or the text where it has none
 * @typedef {{name: string | readonly string[], form: string | readonly string[]}} Field
 * @typedef {object} Candidate a value that a name may have: the way from one to the other, and how far it is
 * @property {string} field
 * @property {number | null} name the name's line; null where the value's line holds the name too
 * @property {"inline" | "right" | "below" | "above"} way
 * @property {number} distance
 * @property {FieldValue} found
 * @property {number[]} lines the value's lines
 * @property {boolean} [rival] whether an unknown text, which may be the value's own name, stands nearer to it
 */
import { accepts } from "./automata.js";
import { LineletError } from "./errors.js";
import { UNKNOWN } from "./spec.js";

// What a line must be read with to be a name or a value.
const LEAST_CONFIDENCE = 0.5;
// Lengths below are in heights of the larger line of the two, unless they say otherwise.
const UNIT_GAP = 0.8; // between a number and its unit, where they are boxes of their own
const COLUMN_GAP = 1.6; // between a name and the value below or above it
const PEER = 0.85; // an unknown text of this share of a name's height may be a name of its own
const LATIN = 0.78; // of the height of Chinese characters of the same size: capitals and digits
const CLEARLY = 0.75; // a way from name to value is the nearer one if it is shorter than this share of the other

/**
 * The fields that a screen's lines show, in the order of the reader's; those that it does not show are absent.
 * @param {readonly ScreenText[]} lines
 * @param {{spec: import("./spec.js").Spec, automata: import("./automata.js").Automata | null}} reader
 * @returns {Record<string, FieldValue>}
 */
export function readFields(lines, { spec: { name: reader, fields }, automata }) {
  if (Object.keys(fields).length && !automata) {
    throw new LineletError(`the fields of the reader '${reader}' came without their automata; export and convert it again`);
  }
  const names = namesAmong(lines, fields);
  /** @type {Candidate[]} */
  const candidates = [];
  for (const [key, field] of Object.entries(fields)) {
    const form = formOf(automata.fields[key]);
    candidates.push(...inline(lines, key, field, form));
    for (const [name, owner] of names) if (owner === key) candidates.push(...beside(lines, names, key, name, form));
  }
  const matches = matched(candidates);
  /** @type {Record<string, FieldValue>} */
  const shown = {};
  for (const key of Object.keys(fields)) {
    const chosen = matches.filter(({ field }) => field === key).map(({ found }) => found);
    // Of several values of one field, the largest is what the screen is about; of equal ones, the first.
    chosen.sort((a, b) => b.box.height - a.box.height || a.box.y - b.box.y || a.box.x - b.box.x);
    if (chosen.length) shown[key] = chosen[0];
  }
  return shown;
}

/** @param {string | readonly string[]} value @returns {readonly string[]} */
const listed = (value) => (typeof value === "string" ? [value] : value);

const bareOf = (text) => text.replace(/\s+/g, "");
const bareNames = (field) => listed(field.name).map(bareOf);
/** @type {WeakMap<import("./automata.js").FieldForms, Form>} */
const opened = new WeakMap();

/** @param {import("./automata.js").FieldForms} forms */
function formOf(forms) {
  if (!opened.has(forms)) opened.set(forms, new Form(forms));
  return opened.get(forms);
}

/** A field's forms as what accepts a text, and what takes its numbers out. */
class Form {
  /** @param {import("./automata.js").FieldForms} forms */
  constructor({ automaton, forms }) {
    this.automaton = automaton;
    this.forms = forms.map((form) => ({ ...form, pattern: new RegExp(`^${form.expression}$`, "u") }));
  }

  /** What a text says, the text where it says no number; null where no form can write it. @param {string} text @returns {Value | null} */
  value(text) {
    const bare = bareOf(text);
    if (!bare || !accepts(this.automaton, bare)) return null;
    const { pattern, marks, written } = this.forms.find((form) => form.pattern.test(bare));
    const numbers = bare.match(pattern).slice(1).map((group, k) => numberOf(group, marks[k]));
    if (!numbers.length) return written ?? text.trim();
    return numbers.length === 1 ? numbers[0] : numbers;
  }
}

const numberOf = (text, [group, point]) => Number((group ? text.replaceAll(group, "") : text).replace(point, "."));

/** The lines that are names, and whose. A colon or the like behind a name may be unknown to the reader. */
function namesAmong(lines, fields) {
  const owners = new Map(Object.entries(fields).flatMap(([key, field]) => bareNames(field).map((name) => [name, key])));
  const found = new Map();
  lines.forEach(({ text: spaced, confidence }, i) => {
    const text = bareOf(spaced);
    const bare = text.endsWith(UNKNOWN) ? text.slice(0, -UNKNOWN.length) : text;
    if (owners.has(bare) && (confidence >= LEAST_CONFIDENCE || bare !== text)) found.set(i, owners.get(bare));
  });
  return found;
}

/** Lines that hold a name and its value, the name first or last. @returns {Generator<Candidate>} */
function* inline(lines, key, field, form) {
  const names = bareNames(field).sort((a, b) => [...b].length - [...a].length);
  for (const [i, line] of lines.entries()) {
    if (line.confidence < LEAST_CONFIDENCE) continue;
    const whole = bareOf(line.text);
    for (const name of names) {
      const starts = whole.startsWith(name);
      if (!starts && !whole.endsWith(name)) continue;
      const rest = starts ? whole.slice(name.length) : whole.slice(0, whole.length - name.length);
      const text = rest.replace(/^[:：]+/, "");
      const value = form.value(text);
      if (value === null) continue;
      const found = { value, text, confidence: line.confidence, box: line.box };
      yield { field: key, name: null, way: "inline", distance: 0, found, lines: [i] };
      break;
    }
  }
}

/** The nearest values right of, below and above a name, each where nothing speaks against it. @returns {Generator<Candidate>} */
function* beside(lines, names, key, name, form) {
  const best = new Map();
  for (const [found, parts] of values(lines, names, form)) {
    const [way, distance] = wayBetween(lines[name].box, found.box);
    if (way && (!best.has(way) || distance < best.get(way).distance)) {
      best.set(way, { field: key, name, way, distance, found, lines: parts });
    }
  }
  for (const candidate of best.values()) {
    if (!blocked(lines, names, name, candidate)) yield { ...candidate, rival: hasRival(lines, candidate) };
  }
}

/** Every line, and every number with the unit behind it, that a form can write. The longer of two goes first. @returns {Generator<[FieldValue, number[]]>} */
function* values(lines, names, form) {
  for (const [i, line] of lines.entries()) {
    if (names.has(i) || line.confidence < LEAST_CONFIDENCE) continue;
    const unit = unitOf(lines, i);
    if (unit !== null && !names.has(unit)) {
      const text = line.text + lines[unit].text;
      const value = form.value(text);
      if (value !== null) {
        const confidence = Math.min(line.confidence, lines[unit].confidence);
        yield [{ value, text, confidence, box: around(line.box, lines[unit].box) }, [i, unit]];
        continue;
      }
    }
    const value = form.value(line.text);
    if (value !== null) yield [{ value, text: line.text, confidence: line.confidence, box: line.box }, [i]];
  }
}

/** The line that stands right behind another one, lower than it and within its height; null if there is none. */
function unitOf(lines, i) {
  const a = lines[i].box;
  const found = lines.findIndex(({ box: b, confidence }, k) => {
    const gap = b.x - (a.x + a.width);
    const inside = b.y >= a.y - 0.1 * a.height && b.y + b.height <= a.y + 1.15 * a.height;
    return k !== i && inside && -0.3 * a.height <= gap && gap <= UNIT_GAP * a.height && confidence >= LEAST_CONFIDENCE;
  });
  return found < 0 ? null : found;
}

/** How a value stands to a name, and how far in heights of the larger; an empty way where it stands nowhere near. */
function wayBetween(name, value) {
  const height = Math.max(name.height, value.height);
  const down = Math.min(name.y + name.height, value.y + value.height) - Math.max(name.y, value.y);
  if (2 * down >= Math.min(name.height, value.height)) {
    const gap = value.x - (name.x + name.width);
    return gap >= -0.3 * height ? ["right", Math.max(gap, 0) / height] : ["", 0];
  }
  const across = Math.min(name.x + name.width, value.x + value.width) - Math.max(name.x, value.x);
  if (2 * across < Math.min(name.width, value.width)) return ["", 0];
  const below = value.y > name.y;
  const gap = below ? value.y - (name.y + name.height) : name.y - (value.y + value.height);
  return gap <= COLUMN_GAP * height ? [below ? "below" : "above", Math.max(gap, 0) / height] : ["", 0];
}

function isAscii(text) {
  return [...text].every((character) => character <= "\x7f");
}

/**
 * Whether another line between a name and a value speaks against them. In a column any line does. In a row a status may
 * stand between the two, but no other name, and no unknown text as large as the name, which may be one.
 */
function blocked(lines, names, name, candidate) {
  const a = lines[name].box;
  const b = candidate.found.box;
  const [low, high] = candidate.way === "below" ? [a, b] : [b, a];
  // What the unknown text is written in nobody knows: beside "BMI" a small Chinese status is as high as the name.
  const least = (PEER * a.height) / (isAscii(lines[name].text) ? LATIN : 1);
  return lines.some(({ text, box: other }, i) => {
    if (i === name || candidate.lines.includes(i)) return false;
    if (candidate.way === "right") {
      const middle = other.x + other.width / 2;
      const between = a.x + a.width <= middle && middle <= b.x && rowsMeet(a, other);
      return between && (names.has(i) || (text.includes(UNKNOWN) && other.height >= least));
    }
    const middle = other.y + other.height / 2;
    return low.y + low.height <= middle && middle <= high.y && columnsMeet(a, other);
  });
}

/** Whether an unknown text stands nearer to a column's value than its name does, on the other side of it. */
function hasRival(lines, candidate) {
  const opposite = { below: "above", above: "below" }[candidate.way];
  return opposite !== undefined && lines.some(({ text, box }, i) => {
    if (candidate.lines.includes(i) || !text.includes(UNKNOWN)) return false;
    // How the value stands to that text is the way that a name there would have.
    const [way, distance] = wayBetween(box, candidate.found.box);
    return way === opposite && distance < candidate.distance;
  });
}

const rowsMeet = (a, b) =>
  2 * (Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)) >= Math.min(a.height, b.height);

const columnsMeet = (a, b) => Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) > 0;

/**
 * Each name with at most one value and each value with at most one name, nearest first. A name with values above and below
 * at about the same distance, or whose value may be another's, takes the way that the screen's other names take, or none.
 * A row goes before a column, and a line that holds both before everything.
 * @param {Candidate[]} candidates @returns {Candidate[]}
 */
function matched(candidates) {
  const sure = candidates.filter(({ name }) => name === null);
  const doubtful = [];
  for (const options of byName(candidates).values()) {
    const column = options.filter(({ way }) => way !== "right").sort((a, b) => a.distance - b.distance);
    sure.push(...options.filter(({ way }) => way === "right"));
    const near = column.length === 2 && column[0].distance >= CLEARLY * column[1].distance;
    if (near || column[0]?.rival) doubtful.push(column);
    else sure.push(...column.slice(0, 1));
  }
  const count = (wanted) => sure.filter(({ way }) => way === wanted).length;
  const [below, above] = [count("below"), count("above")];
  const common = below > above ? "below" : above > below ? "above" : null;
  sure.push(...doubtful.flat().filter(({ way }) => way === common));
  const order = { inline: 0, right: 1, below: 2, above: 2 };
  sure.sort((a, b) => order[a.way] - order[b.way] || a.distance - b.distance || compareLists(a.lines, b.lines));
  const takenNames = new Set();
  const takenLines = new Set();
  return sure.filter(({ name, lines }) => {
    if ((name !== null && takenNames.has(name)) || lines.some((i) => takenLines.has(i))) return false;
    lines.forEach((i) => takenLines.add(i));
    if (name !== null) takenNames.add(name);
    return true;
  });
}

function byName(candidates) {
  const groups = new Map();
  for (const candidate of candidates) {
    if (candidate.name !== null) groups.set(candidate.name, [...(groups.get(candidate.name) ?? []), candidate]);
  }
  return groups;
}

/** As Python compares tuples. */
function compareLists(a, b) {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function around(a, b) {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}
