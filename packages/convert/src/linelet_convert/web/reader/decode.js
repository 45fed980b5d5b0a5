/**
 * CTC decoding. Greedy, as linelet_common/codec.py: the best class of each frame, repeats dropped, then blanks dropped.
 * By the reader's grammar, as linelet_read/search.py: the most probable text that the grammar allows, where the network
 * finds one plausible, and the greedy text elsewhere.
 * Class 0 is blank and character i is class i + 1, or the blank stands last and character i is class i. A reader may have
 * one class more, the last, for every character outside its charset: U+FFFD, one for each run of them.
 *
 * Where lines run from right to left, classes stand as characters are seen, and texts are in the order of reading.
 *
 * Graves et al., "Connectionist Temporal Classification", ICML 2006: sections 3.2 (best path), 4.1 (forward algorithm).
 *
 * @typedef {{text: string, confidence: number, start: number, end: number}} DecodedCharacter
 *   one character, its highest probability (0-1), and the frames [start, end) in which it was the best class, from the
 *   picture's left, also where characters are read from the right
 * @typedef {{text: string, confidence: number, characters: DecodedCharacter[], inGrammar?: boolean}} Decoded
 *   confidence: the probability (0-1) of exactly this text, summed over all of its alignments; 0 for an empty text
 *   and for one with U+FFFD, which cannot be all that the line says;
 *   inGrammar: whether the reader's grammar holds the text, where it was asked
 */
import { mirrored, readingOrder } from "./bidi.js";
import { LineletError } from "./errors.js";
import { GrammarSearch, logAdd } from "./search.js";
import { UNKNOWN, classTexts } from "./spec.js";

export const DECODINGS = ["greedy", "grammar"];

// Greedy readings of this confidence stay, whatever the grammar says.
const SURE = 0.9;
// The grammar's best text takes the place of a greedy one if it has this share of its probability at least: the network
// itself must find it likely.
const PLAUSIBLE = 0.02;

/** @type {WeakMap<import("./spec.js").Spec, GrammarSearch>} */
const searches = new WeakMap();

/**
 * @param {Float32Array} output the network's, shape (N, T, C) or (T, N, C) as the spec's layout says
 * @param {readonly number[]} shape @param {import("./spec.js").Spec} spec
 * @param {string} [decoding] one of DECODINGS
 * @param {import("./automata.js").Automata | null} [automata] for decoding by the grammar @returns {Decoded[]}
 */
export function decode(output, shape, spec, decoding = "greedy", automata = null) {
  if (!DECODINGS.includes(decoding)) {
    throw new LineletError(`unknown decoding '${decoding}'; known are ${DECODINGS.join(", ")}`);
  }
  if (decoding === "grammar" && spec.direction) {
    throw new LineletError(`the reader '${spec.name}' reads from right to left, which grammars cannot; decode greedily`);
  }
  if (decoding === "grammar" && !searches.has(spec)) searches.set(spec, new GrammarSearch(spec, automata));
  const search = decoding === "grammar" ? searches.get(spec) : undefined;
  const [n, t, c] = spec.layout === "TNC" ? [shape[1], shape[0], shape[2]] : shape;
  const texts = classTexts(spec);
  if (shape.length !== 3 || c !== texts.size + 1) {
    const charset = `a charset of ${[...spec.charset].length}${spec.unknown ? " and unknown characters" : ""}`;
    const wanted = `(N, T, ${texts.size + 1}) for ${charset}`;
    const problem = `the network's output has shape (${shape.join(", ")}), spec.json wants ${wanted}`;
    throw new LineletError(`${problem}; convert again`, { code: "file-invalid", about: { file: "spec.json" } });
  }
  const [lineStep, frameStep] = spec.layout === "TNC" ? [c, n * c] : [t * c, c];
  return Array.from({ length: n }, (_, line) => {
    const scores = (frame) => output.subarray(line * lineStep + frame * frameStep, line * lineStep + frame * frameStep + c);
    return decodeLine(Array.from({ length: t }, (_, frame) => scores(frame)), texts, spec, search);
  });
}

/** @param {Float32Array[]} frames scores (C) of each frame @param {GrammarSearch} [search] @returns {Decoded} */
function decodeLine(frames, texts, spec, search) {
  const best = frames.map(argMax);
  const logProbs = frames.map((scores) => logSoftmax(scores, spec));
  const runs = collapse(best, spec.blank);
  const greedy = mergeUnknown(runs.map((run) => ({ ...run, text: texts.get(run.class) })));
  const sure = runs.length > 0 && !textOf(greedy).includes(UNKNOWN);
  const confidence = sure ? probability(logProbs, runs.map((run) => run.class), spec.blank) : 0;
  const reading = describe(greedy, confidence, logProbs);
  if (spec.direction) return asRead(reading);
  if (!search) return reading;
  const accepted = search.accepts(reading.text);
  // A text more probable than one half is the best; whatever else there is shares the rest.
  if (accepted && confidence > 0.5) return { ...reading, inGrammar: true };
  // What the reader is sure of, or knows not to know, is not replaced by what the grammar would rather have.
  if (confidence >= SURE || reading.text.includes(UNKNOWN)) return { ...reading, inGrammar: accepted };
  const found = search.best(logProbs);
  if (!found.characters.length || found.confidence < PLAUSIBLE * confidence) return { ...reading, inGrammar: accepted };
  return { ...describe(found.characters, found.confidence, logProbs), inGrammar: true };
}

const textOf = (characters) => characters.map((character) => character.text).join("");

function describe(placed, confidence, logProbs) {
  const characters = placed.map(({ text, class: k, start, end }) => {
    let highest = -Infinity;
    for (let frame = start; frame < end; frame++) highest = Math.max(highest, logProbs[frame][k]);
    return { text, confidence: Math.exp(highest), start, end };
  });
  return { text: textOf(characters), confidence, characters };
}

/** Characters seen from left to right, as they are read. @param {Decoded} reading @returns {Decoded} */
function asRead({ confidence, characters: seen }) {
  const characters = readingOrder(seen.map(({ text }) => text)).map(({ index, mirrored: turned }) => ({
    ...seen[index],
    text: turned ? mirrored(seen[index].text) : seen[index].text,
  }));
  return { text: textOf(characters), confidence, characters };
}

/** The first of the highest, as numpy's argmax. @param {Float32Array} scores */
function argMax(scores) {
  let best = 0;
  for (let k = 1; k < scores.length; k++) if (scores[k] > scores[best]) best = k;
  return best;
}

/** Runs of equal classes that are not blank. A blank between equal classes keeps them apart; a run counts once. */
function collapse(best, blank) {
  const runs = [];
  for (let start = 0, end = 1; start < best.length; start = end++) {
    while (end < best.length && best[end] === best[start]) end++;
    if (best[start] !== blank) runs.push({ class: best[start], start, end });
  }
  return runs;
}

/** Neighbouring unknowns become one, whatever blanks lie between them. */
function mergeUnknown(runs) {
  const merged = [];
  for (const run of runs) {
    const before = merged.at(-1);
    if (run.text === UNKNOWN && before?.text === UNKNOWN) before.end = run.end;
    else merged.push(run);
  }
  return merged;
}

/** Log-probabilities of a frame. The temperature changes confidences, never texts. */
function logSoftmax(scores, { scores: kind, temperature }) {
  const logits = new Float64Array(scores.length);
  let highest = -Infinity;
  for (let k = 0; k < scores.length; k++) {
    logits[k] = (kind === "probs" ? Math.log(Math.max(scores[k], 1e-30)) : scores[k]) / temperature;
    if (logits[k] > highest) highest = logits[k];
  }
  let sum = 0;
  for (let k = 0; k < logits.length; k++) sum += Math.exp(logits[k] - highest);
  const total = highest + Math.log(sum);
  for (let k = 0; k < logits.length; k++) logits[k] -= total;
  return logits;
}

/**
 * p(text | line), by the CTC forward algorithm.
 * @param {Float64Array[]} logProbs (T)(C) @param {number[]} classes of the text, not empty @param {number} blank
 */
function probability(logProbs, classes, blank) {
  // The text with a blank before, between and after its characters.
  const states = 2 * classes.length + 1;
  const target = Array.from({ length: states }, (_, s) => (s % 2 ? classes[(s - 1) / 2] : blank));
  let alpha = target.map((k, s) => (s < 2 ? logProbs[0][k] : -Infinity));
  for (const emit of logProbs.slice(1)) {
    const before = alpha;
    alpha = target.map((k, s) => {
      // A blank may be skipped between two different characters only.
      const skip = s >= 2 && k !== blank && k !== target[s - 2] ? before[s - 2] : -Infinity;
      return logAdd(logAdd(before[s], s ? before[s - 1] : -Infinity), skip) + emit[k];
    });
  }
  return Math.exp(Math.min(0, logAdd(alpha[states - 1], alpha[states - 2])));
}
