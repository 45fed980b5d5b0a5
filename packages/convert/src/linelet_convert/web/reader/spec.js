/**
 * The reader spec (spec.json), as linelet_common/spec.py writes it: what a network wants to see and what its classes mean.
 *
 * @typedef {object} Spec
 * @property {number} version
 * @property {string} name shown to people
 * @property {string} network
 * @property {string} charset ordered characters; class = index + 1, or index where the blank stands last
 * @property {number} blank 0 or the number of characters
 * @property {boolean} unknown whether the last class, behind the charset, is U+FFFD: every other character
 * @property {number} height pixels
 * @property {"grey" | "rgb" | "bgr"} color
 * @property {number[]} mean one for all channels or one each
 * @property {number[]} std
 * @property {number} pad what padding is filled with, after normalisation
 * @property {number[]} widths the only widths the network takes, ascending; none: any multiple of width_step
 * @property {number} width_step
 * @property {number} stride pixels a frame
 * @property {number} frames_lost T = width / stride - frames_lost
 * @property {"NTC" | "TNC"} layout
 * @property {"logits" | "log_probs" | "probs"} scores
 * @property {number} temperature
 * @property {import("./grammar.js").Grammar} [grammar] what its lines can say
 * @property {Record<string, import("./fields.js").Field>} fields the named values of its screens
 */
import { LineletError, reason } from "./errors.js";

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

/** @type {Omit<Spec, "charset" | "grammar">} */
const DEFAULTS = {
  version: VERSION, name: "reader", network: "", blank: 0, unknown: false, height: 32, color: "grey", mean: [0.5], std: [0.5], pad: 0,
  widths: [], width_step: 32, stride: 4, frames_lost: 0, layout: "NTC", scores: "logits", temperature: 1,
  fields: {},
};
const CHOICES = { color: ["grey", "rgb", "bgr"], layout: ["NTC", "TNC"], scores: ["logits", "log_probs", "probs"] };
const AT_LEAST = { height: 1, width_step: 1, stride: 1, frames_lost: 0 };

/** @param {string} text JSON @param {string} where its place, for messages @returns {Spec} */
export function parseSpec(text, where) {
  let data;
  try {
    data = JSON.parse(text);
  } catch (failure) {
    throw new LineletError(`${where} is not JSON (${reason(failure)}); convert again`);
  }
  if (data === null || typeof data !== "object" || Array.isArray(data)) {
    throw new LineletError(`${where} holds no reader spec; convert again`);
  }
  const refuse = (key, why) => {
    throw new LineletError(`${where}: ${key} = ${JSON.stringify(data[key])}: ${why}; convert again`);
  };
  if ((data.version ?? VERSION) !== VERSION) {
    throw new LineletError(
      `${where} is a reader spec of version ${JSON.stringify(data.version)}, this reader knows version ${VERSION}; ` +
        "use the linelet.js of the same Linelet",
    );
  }
  for (const key of Object.keys(data)) {
    if (key !== "charset" && key !== "grammar" && !(key in DEFAULTS)) refuse(key, "unknown key");
  }
  /** @type {Spec} */
  const spec = { ...DEFAULTS, ...data };
  if (typeof spec.charset !== "string" || !spec.charset) refuse("charset", "must be a string of characters");
  const characters = [...spec.charset];
  if (new Set(characters).size !== characters.length) refuse("charset", "holds a character more than once");
  if (spec.blank !== 0 && spec.blank !== characters.length) refuse("blank", `must be 0 or ${characters.length}`);
  if (typeof spec.unknown !== "boolean") refuse("unknown", "must be true or false");
  if (spec.unknown && spec.blank !== 0) refuse("blank", "must be 0, because the last class is that of unknown characters");
  if (characters.includes(UNKNOWN)) refuse("charset", "holds U+FFFD, which stands for characters outside it");
  for (const [key, known] of Object.entries(CHOICES)) if (!known.includes(spec[key])) refuse(key, `must be ${known.join(", ")}`);
  for (const [key, least] of Object.entries(AT_LEAST)) {
    if (!Number.isInteger(spec[key]) || spec[key] < least) refuse(key, `must be a whole number from ${least}`);
  }
  const channels = spec.color === "grey" ? 1 : 3;
  for (const key of ["mean", "std"]) {
    if (!isNumbers(spec[key]) || ![1, channels].includes(spec[key].length)) refuse(key, `needs one number or ${channels}`);
  }
  if (spec.std.includes(0)) refuse("std", "holds a zero");
  if (!Number.isFinite(spec.pad)) refuse("pad", "must be a number");
  if (!(spec.temperature > 0)) refuse("temperature", "must be above 0");
  if (!isNumbers(spec.widths) || spec.widths.some((w, i) => w < spec.stride || w <= (spec.widths[i - 1] ?? 0))) {
    refuse("widths", "must ascend");
  }
  if (spec.grammar && !isGrammar(spec.grammar)) refuse("grammar", "must hold forms, and lists of words in vocabulary");
  if (!isFields(spec.fields)) refuse("fields", "must hold a name and a form, or several, for each field");
  return Object.freeze(spec);
}

const isNumbers = (value) => Array.isArray(value) && value.every((x) => Number.isFinite(x));
const isWords = (value) => Array.isArray(value) && value.length > 0 && value.every((x) => typeof x === "string" && x);
const isFields = (fields) =>
  fields !== null && typeof fields === "object" && !Array.isArray(fields) &&
  Object.values(fields).every((field) => field && [field.name, field.form].every((value) => isWords([value].flat())));
const isGrammar = ({ forms, vocabulary = {} }) => isWords(forms) && Object.values(vocabulary).every(isWords);
