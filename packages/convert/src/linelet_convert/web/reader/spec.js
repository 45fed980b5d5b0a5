/**
 * The reader spec (spec.json), as linelet_common/spec.py writes it: what a network wants to see and what its classes mean.
 *
 * Keys, defaults and bounds come from spec-rules.js; rules about several keys, and what JSON Schema cannot say, stand here.
 *
 * @typedef {import("./spec-types.js").Spec} Spec
 */
import { mirrored } from "./bidi.js";
import { invalidFile, reason } from "./errors.js";
import { RULES } from "./spec-rules.js";

const VERSION = 1;

/** What a reader writes where a character lies outside its charset: one for each run of them. */
export const UNKNOWN = "\ufffd";

/** The characters of each class that is not the blank, U+FFFD included. @param {Spec} spec @returns {Map<number, string>} */
export function classTexts(spec) {
  const characters = [...spec.charset];
  const texts = new Map(characters.map((character, i) => [spec.blank === 0 ? i + 1 : i, character]));
  if (spec.unknown) texts.set(characters.length + 1, UNKNOWN);
  return texts;
}

// None of them can be seen in a picture of one line: controls, formats, surrogates, line and paragraph separators.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const LONGEST_FORM = 200;

/** @param {string} text JSON @param {string} where its place, for messages @returns {Spec} */
export function parseSpec(text, where) {
  let data;
  try {
    data = JSON.parse(text);
  } catch (failure) {
    throw invalidFile(where, ` is not JSON (${reason(failure)})`);
  }
  if (data === null || typeof data !== "object" || Array.isArray(data)) {
    throw invalidFile(where, " holds no reader spec");
  }
  const refuse = (key, why) => {
    throw invalidFile(where, `: ${key} = ${JSON.stringify(data[key])}: ${why}`);
  };
  if ((data.version ?? VERSION) !== VERSION) {
    const known = `this reader knows version ${VERSION}`;
    const problem = ` is a reader spec of version ${JSON.stringify(data.version)}, ${known}`;
    throw invalidFile(where, problem, "use the linelet.js of the same Linelet");
  }
  for (const key of Object.keys(data)) if (!(key in RULES)) refuse(key, "unknown key");
  /** @type {any} */
  const spec = { ...data };
  for (const [key, rule] of Object.entries(RULES)) {
    if (!(key in spec) && "default" in rule) spec[key] = structuredClone(rule.default);
    const problem = key in spec || key === "charset" ? broken(spec[key], rule) : null;
    if (problem) refuse(key, problem);
  }
  refuseTogether(spec, refuse);
  return Object.freeze(spec);
}

/**
 * Why a value breaks the rule of its key; null where it does not.
 * @param {any} value @param {{type: string, choices?: any[], optional?: boolean, least?: number, most?: number, above?: number}} rule
 */
function broken(value, { type, choices, optional, least, most, above }) {
  if (optional && value === null) return null;
  if (!TYPES[type](value)) return EXPECTED[type];
  if (choices && !choices.includes(value)) return `must be ${choices.join(", ")}`;
  if (value < least) return `must be a whole number from ${least}`;
  if (value > most) return `must be at most ${most}`;
  if (value <= above) return `must be above ${above}`;
  return null;
}

/** Rules about several keys, and about what a charset is. */
function refuseTogether(spec, refuse) {
  const characters = [...spec.charset];
  if (!characters.length) refuse("charset", "must be a string of characters");
  if (new Set(characters).size !== characters.length) refuse("charset", "holds a character more than once");
  if (characters.includes(UNKNOWN)) refuse("charset", "holds U+FFFD, which stands for characters outside it");
  if (characters.some((c) => INVISIBLE.test(c))) refuse("charset", "holds an invisible character");
  if (characters.some((c) => c.normalize("NFC") !== c)) refuse("charset", "holds a character that is not NFC");
  if (spec.blank !== 0 && spec.blank !== characters.length) refuse("blank", `must be 0 or ${characters.length}`);
  if (spec.unknown && spec.blank !== 0) refuse("blank", "must be 0, because the last class is that of unknown characters");
  if (spec.direction) {
    const half = characters.find((c) => !characters.includes(mirrored(c)));
    if (half) refuse("charset", `holds ${half} without ${mirrored(half)}, which it is drawn as from right to left`);
    if (spec.grammar || Object.keys(spec.fields).length) refuse("direction", "must go without grammar and fields");
  }
  const channels = spec.color === "grey" ? 1 : 3;
  for (const key of ["mean", "std"]) {
    if (![1, channels].includes(spec[key].length)) refuse(key, `needs one number or ${channels}`);
  }
  if (spec.std.includes(0)) refuse("std", "holds a zero");
  if (spec.widths.some((w, i) => w < spec.stride || w <= (spec.widths[i - 1] ?? 0))) refuse("widths", "must ascend");
}

const isWords = (value) => Array.isArray(value) && value.length > 0 && value.every((x) => typeof x === "string" && x);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isForms = (value) => isWords(value) && value.every((form) => form.length <= LONGEST_FORM);

const TYPES = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  number: (value) => Number.isFinite(value),
  integer: (value) => Number.isInteger(value),
  numbers: (value) => Array.isArray(value) && value.every(Number.isFinite),
  integers: (value) => Array.isArray(value) && value.every(Number.isInteger),
  grammar: (value) =>
    value === null ||
    (isObject(value) && isForms(value.forms) && Object.values(value.vocabulary ?? {}).every(isWords) &&
      Object.keys(value).every((key) => key === "forms" || key === "vocabulary")),
  fields: (value) =>
    isObject(value) &&
    Object.values(value).every(
      (field) =>
        isObject(field) && isWords([field.name].flat()) && isForms([field.form].flat()) &&
        Object.keys(field).every((key) => key === "name" || key === "form"),
    ),
};

const EXPECTED = {
  string: "must be a text",
  boolean: "must be true or false",
  number: "must be a number",
  integer: "must be a whole number",
  numbers: "must be a list of numbers",
  integers: "must be a list of whole numbers",
  grammar: "must hold forms, and lists of words in vocabulary",
  fields: "must hold a name and a form, or several, for each field",
};
