/** The lines of the picture on the stage, with every state that an edit left behind: undo and redo. */
import { readingOrder } from "./boxes.js";
import { UNKNOWN } from "./spec.js";

/**
 * @typedef {{x: number, y: number, width: number, height: number}} Box
 * @typedef {object} Line never changed, only replaced
 * @property {number} id for good: an id is never used twice
 * @property {Box} box
 * @property {import("./linelet.js").Reading | null} reading null until it is read
 * @property {string} text as read, or as a person corrected it
 * @property {boolean} keep whether a person said that it is right
 * @typedef {{lines: Line[], turn: number}} State turn: the reading of the picture that its lines come from
 */

/** Whether a person corrected the text. @param {Line} line */
export const isCorrected = ({ text, reading }) => text !== (reading?.text ?? "");

/** Whether a person's work is in the line. @param {Line} line */
export const isOwn = (line) => line.keep || isCorrected(line);

/** Whether nothing in the line is known to the reader, nor a person. @param {Line} line */
export const isUnknown = ({ text }) => text === UNKNOWN;

/** Whether a line is left out of what the page gives out. @param {Line} line @param {number} threshold 0-1 */
export const isDoubtful = (line, threshold) => !isOwn(line) && (line.reading?.confidence ?? 0) < threshold;

export class Sheet extends EventTarget {
  /** Event "change", once for all that happened in one go. */
  constructor() {
    super();
    this.count = 0;
    this.reset();
  }

  get lines() {
    return this.now.lines;
  }

  /** A new picture: no lines, no past. */
  reset() {
    /** @type {State[]} */
    this.past = [];
    /** @type {State} */
    this.now = { lines: [], turn: 0 };
    /** @type {State[]} */
    this.future = [];
    this.merge = null;
    this.changed();
  }

  changed() {
    if (this.told) return;
    this.told = true;
    queueMicrotask(() => {
      this.told = false;
      this.dispatchEvent(new Event("change"));
    });
  }

  /** @param {Box} box @param {import("./linelet.js").Reading | null} [reading] @returns {Line} */
  line(box, reading = null) {
    return { id: ++this.count, box, reading, text: reading?.text ?? "", keep: false };
  }

  find(id) {
    return this.lines.find((line) => line.id === id);
  }

  /**
   * A reading of the picture begins. Where there were no lines before, there is nothing that Undo could bring back.
   * @param {Line[]} lines that it begins with @param {number} turn
   */
  begin(lines, turn) {
    if (this.lines.length) return this.edit(() => lines, null, turn);
    this.now = { lines, turn };
    this.changed();
  }

  /**
   * What a person did.
   * @param {(lines: Line[]) => Line[]} act
   * @param {string | null} [merge] edits of the same name that follow each other are one step, as letters of a word
   */
  edit(act, merge = null, turn = this.now.turn) {
    if (merge === null || merge !== this.merge) this.past.push(this.now);
    this.merge = merge;
    this.now = { lines: inOrder(act(this.now.lines)), turn };
    this.future = [];
    this.changed();
  }

  /** Replace one line. @param {number} id @param {Partial<Line>} change */
  change(id, change, merge = null) {
    this.edit((lines) => lines.map((line) => (line.id === id ? { ...line, ...change } : line)), merge);
  }

  /**
   * What the reader made of a box, in every state that has the box. A text that a person wrote meanwhile stays.
   * @param {number} id @param {Box} box @param {import("./linelet.js").Reading} reading
   */
  amend(id, box, reading) {
    const read = (line) =>
      line.id === id && line.box === box ? { ...line, reading, text: isCorrected(line) ? line.text : reading.text } : line;
    for (const state of this.states()) state.lines = state.lines.map(read);
    this.changed();
  }

  /** A line that the reader found, in every state since that reading of the picture. @param {number} turn @param {Line} line */
  add(turn, line) {
    for (const state of this.states()) if (state.turn === turn) state.lines = inOrder([...state.lines, line]);
    this.changed();
  }

  states() {
    return [...this.past, this.now, ...this.future];
  }

  undo() {
    this.step(this.past, this.future);
  }

  redo() {
    this.step(this.future, this.past);
  }

  step(from, to) {
    const state = from.pop();
    if (!state) return;
    to.push(this.now);
    this.now = state;
    this.merge = null;
    this.changed();
  }
}

/** Lines in reading order. @param {Line[]} lines */
function inOrder(lines) {
  const places = new Map(readingOrder(lines.map(({ box }) => box)).map((box, i) => [box, i]));
  return [...lines].sort((a, b) => places.get(a.box) - places.get(b.box));
}
