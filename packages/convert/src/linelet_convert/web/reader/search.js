/**
 * The most probable text of a grammar under CTC, as linelet_read/search.py: prefix search, best first, that only follows
 * what the grammar allows.
 *
 * Graves et al., "Connectionist Temporal Classification", ICML 2006, section 3.2 (prefix search decoding). A prefix is
 * ranked by the probability of all the grammar's texts that begin with it, which a backward pass over the automaton gives;
 * so no prefix leads nowhere, and the first whole text that comes out is the best one.
 *
 * @typedef {{text: string, class: number, start: number, end: number}} Placed a character and its frames [start, end)
 */
import { accepts } from "./automata.js";
import { LineletError } from "./errors.js";
import { classTexts } from "./spec.js";

/**
 * Prefixes of one length that are followed. Only where more of them are likelier than the best text, which takes a picture
 * that hardly shows one, may the search miss that text.
 */
const BEAM = 64;

export class GrammarSearch {
  /** @param {import("./spec.js").Spec} spec @param {import("./automata.js").Automata | null} automata its forms, compiled */
  constructor(spec, automata) {
    if (!spec.grammar) {
      throw new LineletError(
        `the reader '${spec.name}' has no grammar; decode greedily, or train on a recipe with forms or phrases`,
      );
    }
    if (!automata?.grammar) {
      throw new LineletError(`the grammar of the reader '${spec.name}' came without its automaton; export and convert it again`);
    }
    this.automaton = automata.grammar;
    this.blank = spec.blank;
    const classes = new Map([...classTexts(spec)].map(([k, text]) => [text, k]));
    // A node is a state as one character leads to it; node 0 stands for the beginning, before any character.
    this.nodes = [{ state: this.automaton[0], text: "", class: -1 }];
    const places = new Map();
    const place = (state, text) => {
      const key = `${state} ${text}`;
      if (!places.has(key)) {
        if (!classes.has(text)) throw new LineletError(`the grammar has '${text}', which is not in the charset; convert again`);
        places.set(key, this.nodes.push({ state: this.automaton[state], text, class: classes.get(text) }) - 1);
      }
      return places.get(key);
    };
    for (const { edges } of this.automaton) for (const [text, state] of edges) place(state, text);
    this.next = this.nodes.map(({ state }) => Int32Array.from(state.edges, ([text, to]) => place(to, text)));
  }

  accepts(text) {
    return accepts(this.automaton, text);
  }

  /**
   * The characters of the best text and its probability; none where no text fits into the frames.
   * @param {Float64Array[]} line log-probabilities (T)(C) @returns {{characters: Placed[], confidence: number}}
   */
  best(line) {
    const after = this.after(line);
    const queue = new Queue();
    const followed = new Map();

    // The chance to begin a next character at each frame, given the prefix's forward variables before that frame.
    const extend = (prefix, node, { inCharacter, inBlank }) => {
      for (const n of this.next[node]) {
        const k = this.nodes[n].class;
        const begin = line.map((_, t) =>
          k === this.nodes[node].class ? inBlank[t] : logAdd(inCharacter[t], inBlank[t]));
        let share = -Infinity;
        for (let t = 0; t < line.length; t++) share = logAdd(share, begin[t] + line[t][k] + after[t][n]);
        if (share > -Infinity) queue.push({ share, prefix: [...prefix, n], begin, whole: false });
      }
    };
    const inBlank = [0];
    for (const scores of line) inBlank.push(inBlank.at(-1) + scores[this.blank]);
    extend([], 0, { inCharacter: inBlank.map(() => -Infinity), inBlank });
    for (let entry = queue.pop(); entry; entry = queue.pop()) {
      const { share, prefix, begin, whole } = entry;
      if (whole) return { characters: this.align(line, prefix), confidence: Math.exp(Math.min(0, share)) };
      const count = followed.get(prefix.length) ?? 0;
      if (count === BEAM) continue;
      followed.set(prefix.length, count + 1);
      const node = prefix.at(-1);
      const forward = this.forward(line, this.nodes[node].class, begin);
      if (this.nodes[node].state.accepting) {
        queue.push({ share: logAdd(forward.inCharacter.at(-1), forward.inBlank.at(-1)), prefix, begin, whole: true });
      }
      extend(prefix, node, forward);
    }
    return { characters: [], confidence: 0 };
  }

  /** Log-probabilities, after t frames, to have written a prefix and to be in its last character or in a blank. */
  forward(line, k, begin) {
    const inCharacter = [-Infinity];
    const inBlank = [-Infinity];
    line.forEach((scores, t) => {
      inCharacter.push(logAdd(inCharacter[t], begin[t]) + scores[k]);
      inBlank.push(logAdd(inBlank[t], inCharacter[t]) + scores[this.blank]);
    });
    return { inCharacter, inBlank };
  }

  /** Log-probability (T)(nodes) of all ways to end a text behind frame t, whose class was the node's. */
  after(line) {
    const after = new Array(line.length);
    let inCharacter = Float64Array.from(this.nodes, ({ state }) => (state.accepting ? 0 : -Infinity));
    let inBlank = inCharacter;
    after[line.length - 1] = inCharacter;
    for (let t = line.length - 1; t > 0; t--) {
      const stay = Float64Array.from(this.nodes, ({ class: k }, n) => (n ? inCharacter[n] + line[t][k] : -Infinity));
      const rest = inBlank.map((x) => x + line[t][this.blank]);
      inCharacter = new Float64Array(stay.length);
      inBlank = new Float64Array(stay.length);
      for (let n = 0; n < stay.length; n++) {
        // Its own character cannot follow a character without a blank between them.
        const next = this.next[n];
        const own = this.nodes[n].class;
        let highest = -Infinity;
        for (const m of next) if (stay[m] > highest) highest = stay[m];
        let different = 0;
        let same = 0;
        if (highest > -Infinity) {
          for (const m of next) {
            if (this.nodes[m].class === own) same = Math.exp(stay[m] - highest);
            else different += Math.exp(stay[m] - highest);
          }
        }
        inCharacter[n] = logAdd(logAdd(stay[n], rest[n]), highest + Math.log(different));
        inBlank[n] = logAdd(rest[n], highest + Math.log(different + same));
      }
      after[t - 1] = inCharacter;
    }
    return after;
  }

  /** Frames of each character on the most probable way (Viterbi) to write a text. @returns {Placed[]} */
  align(line, prefix) {
    const target = prefix.flatMap((node) => [this.blank, this.nodes[node].class]).concat(this.blank);
    let best = target.map((k, s) => (s < 2 ? line[0][k] : -Infinity));
    const came = [[]]; // states that the best way moved on at each frame
    for (const scores of line.slice(1)) {
      const before = best;
      const moves = target.map((k, s) => {
        let move = s >= 1 && before[s - 1] > before[s] ? 1 : 0;
        if (s >= 2 && k !== this.blank && k !== target[s - 2] && before[s - 2] > before[s - move]) move = 2;
        return move;
      });
      best = target.map((k, s) => before[s - moves[s]] + scores[k]);
      came.push(moves);
    }
    const placed = prefix.map((node) => ({ text: this.nodes[node].text, class: this.nodes[node].class, start: 0, end: 0 }));
    let state = best.at(-1) > best.at(-2) ? target.length - 1 : target.length - 2;
    for (let t = line.length - 1; t >= 0; t--) {
      const character = placed[(state - 1) / 2];
      if (character) Object.assign(character, { start: t, end: Math.max(character.end, t + 1) });
      state -= came[t][state] ?? 0;
    }
    return placed;
  }
}

/** Entries by their share, the greatest first: a binary heap. */
class Queue {
  constructor() {
    this.heap = [];
  }

  push(entry) {
    const { heap } = this;
    let i = heap.push(entry) - 1;
    for (let up = (i - 1) >> 1; i && heap[up].share < heap[i].share; i = up, up = (i - 1) >> 1) {
      [heap[up], heap[i]] = [heap[i], heap[up]];
    }
  }

  pop() {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length) {
      heap[0] = last;
      for (let i = 0; ; ) {
        let down = 2 * i + 1;
        if (down + 1 < heap.length && heap[down + 1].share > heap[down].share) down++;
        if (down >= heap.length || heap[down].share <= heap[i].share) break;
        [heap[down], heap[i]] = [heap[i], heap[down]];
        i = down;
      }
    }
    return first;
  }
}

/** log(e^a + e^b) without overflow. */
export function logAdd(a, b) {
  const highest = Math.max(a, b);
  return highest === -Infinity ? highest : highest + Math.log1p(Math.exp(Math.min(a, b) - highest));
}
