/**
 * Grammars: what lines can say, as forms, and the automaton that accepts just these texts, as linelet_common/grammar.py.
 *
 * A form is a template: `{field}` is a word of that vocabulary, `{kg|lb}` one of these texts, `{40..110:.1f}` a number of
 * that range in Python's format, `{0..99999 as 1.234,56}` one as an app writes it, `{08:00..17:59:%H:%M}` a time, and
 * `{2020-01-01..2026-12-31:%d.%m.%Y}` a day (moments.js), `{{` and `}}` braces, the rest stands for itself.
 *
 * @typedef {{vocabulary?: Readonly<Record<string, readonly string[]>>, forms: readonly string[]}} Grammar
 * @typedef {{accepting: boolean, edges: Map<string, number>}} State where a character leads
 * @typedef {string[][]} Pattern a text position by position: the characters that may stand at each
 * @typedef {{group: string, point: string, grouped: number, lakh: boolean}} Marks what an app writes in a number
 * @typedef {object} FormPiece text, or one of these: texts to choose from, a number's parts, a day or a time
 * @property {string} [text]
 * @property {readonly string[]} [choice]
 * @property {{from: string, to: string, spec: string, marks: Marks}} [number]
 * @property {import("./moments.js").Moment} [moment]
 */
import { LineletError } from "./errors.js";
import { momentPatterns, parseMoment } from "./moments.js";

const PIECE = /\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]/gu;
const NUMBER = /^(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)(?::([^{}]*)| as ([^{}]*))?$/;
// 1234 or so as an app writes it: its sign, what groups thousands and what stands before decimals.
const SAMPLE = /^(\+?)(?:1([^\d+]?)234|12([^\d+])345|12(?<lakh>[^\d+])34\k<lakh>567)(?:([^\d+])(\d+))?$/u;
// The number formats whose texts can be listed: sign, zeros, width, thousands, decimals.
const FORMAT = /^([+ -]?)(0?)(\d*)(,?)(?:(?:\.(\d+))?(f)|d)?$/;
const DIGITS = [..."0123456789"];

/**
 * The smallest deterministic automaton of a grammar's texts; state 0 is the first, there are no loops.
 * @param {Grammar} grammar @param {boolean} spaced false: without the spaces that its texts hold @returns {State[]}
 */
export function compile(grammar, spaced = true) {
  const forms = grammar.forms.map((form) => formPieces(form, grammar.vocabulary ?? {}).map((piece) => patternsOf(piece, form)
    .map((pattern) => (spaced ? pattern : pattern.filter((characters) => /\S/u.test(characters.join("")))))));
  // A place within a form: the form, its piece, that piece's pattern, the position there.
  const enter = (form, piece) =>
    piece === forms[form].length
      ? [[form, piece, 0, 0]]
      : forms[form][piece].flatMap((pattern, k) => (pattern.length ? [[form, piece, k, 0]] : enter(form, piece + 1)));
  const found = new Map(); // sets of places -> state
  const same = new Map(); // what a state is -> state: states with the same future become one
  const states = [];

  function state(places) {
    const key = [...places.keys()].sort().join(" ");
    if (found.has(key)) return found.get(key);
    let accepting = false;
    const behind = new Map(); // character -> places
    for (const [form, piece, k, position] of places.values()) {
      if (piece === forms[form].length) {
        accepting = true;
        continue;
      }
      const pattern = forms[form][piece][k];
      const follow = position + 1 === pattern.length ? enter(form, piece + 1) : [[form, piece, k, position + 1]];
      for (const character of pattern[position]) {
        if (!behind.has(character)) behind.set(character, new Map());
        for (const place of follow) behind.get(character).set(place.join(), place);
      }
    }
    const edges = new Map([...behind.keys()].sort().map((character) => [character, state(behind.get(character))]));
    const what = JSON.stringify([accepting, ...edges]);
    if (!same.has(what)) same.set(what, states.push({ accepting, edges }) - 1);
    found.set(key, same.get(what));
    return same.get(what);
  }
  state(new Map(forms.flatMap((_, form) => enter(form, 0)).map((place) => [place.join(), place])));
  // A state was numbered after those behind it; reversed, the first is state 0.
  const last = states.length - 1;
  return states.reverse().map(({ accepting, edges }) => (
    { accepting, edges: new Map([...edges].map(([character, to]) => [character, last - to])) }));
}

/** @param {State[]} automaton @param {string} text */
export function accepts(automaton, text) {
  let state = automaton[0];
  for (const character of text) {
    if (!state.edges.has(character)) return false;
    state = automaton[state.edges.get(character)];
  }
  return state.accepting;
}

/**
 * A form's pieces.
 * @param {string} form @param {Readonly<Record<string, readonly string[]>>} vocabulary @returns {FormPiece[]}
 */
export function formPieces(form, vocabulary = {}) {
  return [...form.matchAll(PIECE)].flatMap(([whole, inside]) => {
    if (inside !== undefined) return insideOf(inside, form, vocabulary);
    if ("{}".includes(whole)) throw new LineletError(`the form '${form}' has a lone '${whole}'; write it twice`);
    return [{ text: whole === "{{" || whole === "}}" ? whole[0] : whole }];
  });
}

function insideOf(inside, form, vocabulary) {
  const number = inside.match(NUMBER);
  if (number) {
    const [, from, to, spec = "", sample] = number;
    if (sample !== undefined) return [{ number: { from, to, ...likeSample(sample, form) } }];
    return [{ number: { from, to, spec, marks: { group: spec.includes(",") ? "," : "", point: ".", grouped: 4, lakh: false } } }];
  }
  if (Object.hasOwn(vocabulary, inside)) return [{ choice: vocabulary[inside] }];
  if (inside.includes("|")) return [{ choice: inside.split("|") }];
  const moment = parseMoment(inside, vocabulary);
  if (moment) return moment.map((piece) => (typeof piece === "string" ? { text: piece } : { moment: piece }));
  throw new LineletError(
    `the form '${form}' asks for '${inside}', neither a vocabulary nor a number, a day or a choice; convert again`,
  );
}

/** Python's plain format, and the marks, of numbers that look like the sample. */
function likeSample(sample, form) {
  const found = sample.match(SAMPLE);
  if (!found) throw new LineletError(`the form '${form}' has no sample of a number in '${sample}'; convert again`);
  const [, sign, group, late, lakh, point, decimals] = found;
  const marks = { group: group || late || lakh || "", point: point ?? ".", grouped: late ? 5 : 4, lakh: Boolean(lakh) };
  return { spec: point ? `${sign}.${[...decimals].length}f` : `${sign}d`, marks };
}

/** Every text of a piece. @param {FormPiece} piece @returns {Pattern[]} */
function patternsOf(piece, form) {
  if (piece.number) return numberPatterns(piece.number, form);
  if (piece.moment) return momentPatterns(piece.moment);
  return (piece.choice ?? [piece.text]).map(literal);
}

const literal = (text) => [...text].map((character) => [character]);

/** Every text of a number, as few patterns. */
function numberPatterns({ from, to, spec, marks }, form) {
  const found = spec.match(FORMAT);
  const whole = !from.includes(".") && !to.includes(".") && (spec === "" || /[dn,_\d]$/.test(spec));
  if (!found || whole === Boolean(found[6]) || (found[2] && found[4])) {
    throw new LineletError(
      `a grammar knows no numbers of the format '${spec}' in '${form}'; write e.g. .1f or 02d, or read without the grammar`,
    );
  }
  const places = found[6] ? Number(found[5] ?? 6) : 0;
  // Rounding keeps order, so the formatted limits bound the formatted numbers.
  const [low, high] = [from, to].map((limit) => (whole ? BigInt(limit) : scaled(Number(limit), places)));
  return [
    // A fraction that rounds to nothing keeps its sign: -0.0.
    ...(Number(from) < 0 ? signed("-", larger(whole ? 1n : 0n, -high), -low, places, found, marks) : []),
    ...(Number(to) >= 0 ? signed(found[1].replace("-", ""), larger(0n, low), high, places, found, marks) : []),
  ];
}

const larger = (a, b) => (a > b ? a : b);

/** x * 10^places as Python's format rounds it: halves to even. */
function scaled(x, places) {
  const doubled = x * 2 ** (places + 1) * 5 ** places; // exact where x is a half, and only then a whole number
  if (Number.isInteger(x * 2 ** (places + 1)) && doubled % 2) return BigInt(2 * Math.round(doubled / 4));
  return BigInt(x.toFixed(places).replace(".", ""));
}

function signed(sign, low, high, places, format, marks) {
  const [, , zeros, width] = format;
  const least = zeros ? Math.max(places + 1, Number(width) - sign.length - (places ? 1 : 0)) : places + 1;
  return digitPatterns(low, high, least).map((digits) => {
    const point = digits.length - places;
    const grouped = digits.slice(0, point).flatMap((digit, i) => (groupStands(marks, point, i) ? [[marks.group], digit] : [digit]));
    const number = [...literal(sign), ...grouped, ...(places ? [[marks.point], ...digits.slice(point)] : [])];
    return [...literal(" ".repeat(Math.max(0, Number(width) - number.length))), ...number];
  });
}

/** Whether what groups digits stands before digit i of a whole number of so many. @param {Marks} marks */
function groupStands({ group, grouped, lakh }, digits, i) {
  const left = digits - i;
  return group !== "" && i > 0 && digits >= grouped && (lakh ? left >= 3 && left % 2 === 1 : left % 3 === 0);
}

/** low..high in at least so many digits, as blocks of tens: 40..110 is [4-9][0-9], 10[0-9], 110. */
function digitPatterns(low, high, least) {
  const patterns = [];
  while (low <= high) {
    const length = Math.max(least, String(low).length);
    let free = 0; // last digits that may be any
    while (free + 1 < length && low % 10n ** BigInt(free + 1) === 0n && low + 10n ** BigInt(free + 1) - 1n <= high) free++;
    const block = 10n ** BigInt(free);
    const first = Number((low / block) % 10n);
    const count = Math.min(10 - first, Number((high - low + 1n) / block));
    const fixed = String(low).padStart(length, "0").slice(0, length - free - 1);
    patterns.push([...literal(fixed), DIGITS.slice(first, first + count), ...Array(free).fill(DIGITS)]);
    low += BigInt(count) * block;
  }
  return patterns;
}
