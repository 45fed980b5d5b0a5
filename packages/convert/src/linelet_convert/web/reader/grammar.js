/**
 * Grammars: what lines can say, as forms, and the automaton that accepts just these texts, as linelet_common/grammar.py.
 *
 * A form is a template: `{field}` is a word of that vocabulary, `{40..110:.1f}` a number of that range in Python's format,
 * `{{` and `}}` braces, the rest stands for itself.
 *
 * @typedef {{vocabulary?: Readonly<Record<string, readonly string[]>>, forms: readonly string[]}} Grammar
 * @typedef {{accepting: boolean, edges: Map<string, number>}} State where a character leads
 * @typedef {string[][]} Pattern a text position by position: the characters that may stand at each
 */
import { LineletError } from "./errors.js";

const PIECE = /\{\{|\}\}|\{([^{}]*)\}|[^{}]+|[{}]/gu;
const NUMBER = /^(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)(?::([^{}]*))?$/;
// The number formats whose texts can be listed: sign, zeros, width, thousands, decimals.
const FORMAT = /^([+ -]?)(0?)(\d*)(,?)(?:(?:\.(\d+))?(f)|d)?$/;
const DIGITS = [..."0123456789"];
// As in Python: a bundle from anywhere must not hang the page.
const [MOST_DIGITS, WIDEST, MOST_STATES, MOST_PLACES] = [15, 40, 100_000, 1_000_000];

/**
 * The smallest deterministic automaton of a grammar's texts; state 0 is the first, there are no loops.
 * @param {Grammar} grammar @returns {State[]}
 */
export function compile(grammar) {
  const forms = grammar.forms.map((form) => parseForm(form, grammar.vocabulary ?? {}));
  // A place within a form: the form, its piece, that piece's pattern, the position there.
  const enter = (form, piece) =>
    piece === forms[form].length ? [[form, piece, 0, 0]] : forms[form][piece].map((_, k) => [form, piece, k, 0]);
  const found = new Map(); // sets of places -> state
  const same = new Map(); // what a state is -> state: states with the same future become one
  const states = [];
  let work = 0;

  function state(places) {
    const key = [...places.keys()].sort().join(" ");
    if (found.has(key)) return found.get(key);
    work += places.size;
    if (found.size > MOST_STATES || work > MOST_PLACES) {
      throw new LineletError(`a grammar of ${forms.length} forms has an automaton of over ${found.size} states; read without the grammar`);
    }
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
 * A form's pieces: the text that stands for itself, or what braces hold.
 * @param {string} form @returns {{text: string, inside?: string}[]}
 */
export function formPieces(form) {
  return [...form.matchAll(PIECE)].map(([whole, inside]) => {
    if (inside !== undefined) return { text: whole, inside };
    if ("{}".includes(whole)) throw new LineletError(`the form '${form}' has a lone '${whole}'; write it twice`);
    return { text: whole === "{{" || whole === "}}" ? whole[0] : whole };
  });
}

/** The patterns of each piece of a form. @returns {Pattern[][]} */
function parseForm(form, vocabulary) {
  return formPieces(form).map(({ text, inside }) => {
    const number = inside?.match(NUMBER);
    if (inside === undefined) return [literal(text)];
    if (number) return numberPatterns(number, form);
    if (Object.hasOwn(vocabulary, inside)) return vocabulary[inside].map(literal);
    throw new LineletError(`the form '${form}' asks for '${inside}', neither a vocabulary nor a number; convert again`);
  });
}

const literal = (text) => [...text].map((character) => [character]);

/** Every text of a number, as few patterns. @param {string[]} match */
function numberPatterns([, from, to, spec = ""], form) {
  const longest = Math.max(...[from, to].flatMap((limit) => limit.replace("-", "").split(".").map((part) => part.length)));
  if (longest > MOST_DIGITS || Math.max(0, ...(spec.match(/\d+/g) ?? []).map(Number)) > WIDEST) {
    throw new LineletError(
      `'${from.slice(0, 30)}..${to.slice(0, 30)}' in a form is no number that a line shows; write at most ${MOST_DIGITS} digits`,
    );
  }
  const found = spec.match(FORMAT);
  const whole = !from.includes(".") && !to.includes(".") && (spec === "" || /[dn,_\d]$/.test(spec));
  if (!found || whole === Boolean(found[6]) || (found[2] && found[4])) {
    throw new LineletError(
      `a grammar knows no numbers of the format '${spec}' in '${form}'; write e.g. .1f or 02d, or read without the grammar`,
    );
  }
  const places = found[6] ? Number(found[5] ?? 6) : 0;
  // Rounding keeps order, so the formatted limits bound the formatted numbers.
  const [low, high] = [from, to].map((limit) => scaled(Number(limit), places));
  return [
    // A fraction that rounds to nothing keeps its sign: -0.0.
    ...(Number(from) < 0 ? signed("-", Math.max(whole ? 1 : 0, -high), -low, places, found) : []),
    ...(Number(to) >= 0 ? signed(found[1].replace("-", ""), Math.max(0, low), high, places, found) : []),
  ];
}

/** x * 10^places as Python's format rounds it: halves to even. */
function scaled(x, places) {
  const doubled = x * 2 ** (places + 1) * 5 ** places; // exact where x is a half, and only then a whole number
  if (Number.isInteger(x * 2 ** (places + 1)) && doubled % 2) return 2 * Math.round(doubled / 4);
  return Number(x.toFixed(places).replace(".", ""));
}

function signed(sign, low, high, places, format) {
  const [, , zeros, width, comma] = format;
  const least = zeros ? Math.max(places + 1, Number(width) - sign.length - (places ? 1 : 0)) : places + 1;
  return digitPatterns(low, high, least).map((digits) => {
    const point = digits.length - places;
    const grouped = digits.slice(0, point).flatMap((digit, i) => (comma && i && (point - i) % 3 === 0 ? [[","], digit] : [digit]));
    const number = [...literal(sign), ...grouped, ...(places ? [["."], ...digits.slice(point)] : [])];
    return [...literal(" ".repeat(Math.max(0, Number(width) - number.length))), ...number];
  });
}

/** low..high in at least so many digits, as blocks of tens: 40..110 is [4-9][0-9], 10[0-9], 110. */
function digitPatterns(low, high, least) {
  const patterns = [];
  while (low <= high) {
    const length = Math.max(least, String(low).length);
    let free = 0; // last digits that may be any
    while (free + 1 < length && low % 10 ** (free + 1) === 0 && low + 10 ** (free + 1) - 1 <= high) free++;
    const block = 10 ** free;
    const first = Math.floor(low / block) % 10;
    const count = Math.min(10 - first, Math.floor((high - low + 1) / block));
    const fixed = String(low).padStart(length, "0").slice(0, length - free - 1);
    patterns.push([...literal(fixed), DIGITS.slice(first, first + count), ...Array(free).fill(DIGITS)]);
    low += count * block;
  }
  return patterns;
}
