/**
 * A reader's forms, compiled by linelet_common/automata.py: what its lines can say, and what its fields can.
 *
 * @typedef {{accepting: boolean, edges: Map<string, number>}} State where a character leads; state 0 is the first, no loops
 * @typedef {{expression: string, marks: [string, string][], written: string | null}} FieldForm
 *   what matches its texts without spaces, a group for each number; what groups digits and stands before decimals in each;
 *   the text, where it is always the same
 * @typedef {{automaton: State[], forms: FieldForm[]}} FieldForms
 * @typedef {{grammar: State[] | null, fields: Record<string, FieldForms>}} Automata
 */
import { invalidFile, reason } from "./errors.js";

export const FILE_NAME = "automata.json";
export const ONNX_KEY = "linelet_automata";

const VERSION = 1;

/**
 * @param {string} text JSON @param {import("./spec.js").Spec} spec whose forms they are
 * @param {string} where its place, for messages @returns {Automata}
 */
export function parseAutomata(text, spec, where) {
  let data;
  try {
    data = JSON.parse(text);
    if (data.version !== VERSION) throw new Error(`version ${JSON.stringify(data.version)}, this reader knows ${VERSION}`);
    const fields = Object.keys(spec.fields).map((key) => [key, fieldForms(data.fields[key])]);
    return { grammar: spec.grammar ? states(data.grammar) : null, fields: Object.fromEntries(fields) };
  } catch (failure) {
    throw invalidFile(where, ` does not hold the automata of its reader (${reason(failure)})`);
  }
}

/** @returns {FieldForms} */
function fieldForms({ automaton, forms }) {
  for (const { expression, marks } of forms) {
    const groups = new RegExp(`${expression}|`, "u").exec("").length - 1;
    if (marks.length !== groups) throw new Error(`a form has ${groups} numbers and the marks of ${marks.length}`);
  }
  return { automaton: states(automaton), forms };
}

/** @returns {State[]} */
function states(list) {
  return list.map(([accepting, edges], from) => ({
    accepting: accepting === 1,
    edges: new Map(
      Object.entries(edges).flatMap(([characters, to]) => {
        if (!(Number.isInteger(to) && to > from && to < list.length)) throw new Error(`a state leads from ${from} to ${to}`);
        return [...characters].map((character) => [character, to]);
      }),
    ),
  }));
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
