/** The list of lines: text to read and correct, confidence of each character, what the network saw. */
import { texts } from "./page-language.js";
import { isCorrected } from "./page-sheet.js";
import { UNKNOWN } from "./spec.js";

const SURE = 0.9; // characters below this are marked; below half of it in red

const percent = (share) => (share > 0.9995 ? "100" : (100 * share).toFixed(1));

/**
 * @typedef {import("./page-sheet.js").Line} Line
 * @typedef {{number: number, doubtful: boolean, impossible: boolean}} Look how a line stands in the list
 */

export class LineList extends EventTarget {
  /**
   * Events, each with `detail`: "edit" ({id, text}), "restore" (id), "keep" ({id, keep}), "remove" (id), "look" (id),
   * "link" (id or null). One line at a time is reached by Tab; arrow keys go to its neighbours.
   */
  constructor() {
    super();
    this.element = document.getElementById("lines");
    this.template = /** @type {HTMLTemplateElement} */ (document.getElementById("line"));
    /** @type {Map<number, [Line, string]>} what each item shows */
    this.shown = new Map();
    this.element.addEventListener("focusin", ({ target }) => this.takeTab(/** @type {Element} */ (target).closest("li")));
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Shows these lines and no others. @param {Line[]} lines @param {(line: Line, i: number) => Look} lookOf */
  show(lines, lookOf) {
    const items = lines.map((line) => this.item(line.id) ?? this.create(line.id));
    const kept = new Set(items);
    for (const item of [...this.element.children]) if (!kept.has(item)) this.drop(item);
    items.forEach((item, i) => {
      if (this.element.children[i] !== item) this.element.insertBefore(item, this.element.children[i] ?? null);
    });
    lines.forEach((line, i) => {
      const look = lookOf(line, i);
      const key = JSON.stringify(look) + document.documentElement.lang;
      const before = this.shown.get(line.id);
      if (before?.[0] !== line || before[1] !== key) this.fill(items[i], line, look);
      this.shown.set(line.id, [line, key]);
    });
    if (!this.element.querySelector(".text[tabindex='0']")) this.takeTab(this.element.firstElementChild);
  }

  drop(item) {
    this.shown.delete(Number(item.dataset.id));
    item.remove();
  }

  /** @param {any} item @param {Line} line @param {Look} look */
  fill(item, line, { number, doubtful, impossible }) {
    const t = texts();
    const corrected = isCorrected(line);
    const text = item.querySelector(".text");
    if (text.value !== line.text) text.value = line.text;
    text.setAttribute("aria-label", t.lineLabel(number));
    text.setAttribute("aria-invalid", String(impossible));
    item.classList.toggle("impossible", impossible);
    item.classList.toggle("doubtful", doubtful);
    item.querySelector(".mark").textContent = corrected ? t.corrected : doubtful ? t.doubtful : "";
    // What was read of a text says nothing of the one that a person wrote.
    const characters = corrected ? [] : (line.reading?.characters ?? []);
    item.querySelector(".figures").textContent =
      corrected ? "" : line.reading ? t.figures(percent(line.reading.confidence)) : t.notRead;
    item.querySelector(".characters").replaceChildren(...characters.map(characterElement));
    const uncertain = characters.filter(({ confidence }) => confidence < SURE);
    const named = (character) => (character === UNKNOWN ? t.unknownCharacter : character);
    item.querySelector(".uncertain").textContent = uncertain.length
      ? t.uncertain(uncertain.map(({ text: c, confidence }) => `${named(c)} ${percent(confidence)} %`).join(", "))
      : "";
    for (const [name, label] of [["look", t.lookLabel], ["remove", t.removeLabel]]) {
      const button = item.querySelector(`.${name}`);
      button.textContent = t[name];
      button.setAttribute("aria-label", label(number));
    }
    item.querySelector(".keep span").textContent = t.keep;
    item.querySelector(".keep input").checked = line.keep;
    if (this.shown.get(line.id)?.[0].box !== line.box) this.hideInput(item);
  }

  create(id) {
    const item = /** @type {any} */ (this.template.content.firstElementChild.cloneNode(true));
    item.dataset.id = id;
    const on = (selector, type, act) => item.querySelector(selector).addEventListener(type, act);
    on(".text", "input", (event) => this.tell("edit", { id, text: event.target.value }));
    on(".text", "keydown", (event) => this.key(event, id));
    on(".keep input", "change", (event) => this.tell("keep", { id, keep: event.target.checked }));
    on(".remove", "click", () => this.tell("remove", id));
    on(".look", "click", () => (item.querySelector("canvas").hidden ? this.tell("look", id) : this.hideInput(item)));
    for (const type of ["pointerenter", "focusin"]) item.addEventListener(type, () => this.tell("link", id));
    for (const type of ["pointerleave", "focusout"]) item.addEventListener(type, () => this.tell("link", null));
    this.setTab(item, false);
    return item;
  }

  key(event, id) {
    const item = event.target.closest("li");
    const neighbour = { ArrowUp: item.previousElementSibling, ArrowDown: item.nextElementSibling }[event.key];
    if (event.key === "Escape") this.tell("restore", id);
    else if (neighbour) neighbour.querySelector(".text").focus();
    else return;
    event.preventDefault();
  }

  /** Makes one item the one that Tab reaches. */
  takeTab(item) {
    if (!item) return;
    for (const other of this.element.children) this.setTab(other, other === item);
  }

  setTab(item, reachable) {
    for (const control of item.querySelectorAll("input, button")) control.tabIndex = reachable ? 0 : -1;
  }

  /** @param {number} id @returns {any} */
  item(id) {
    return this.element.querySelector(`li[data-id="${id}"]`);
  }

  link(id) {
    for (const item of /** @type {any} */ (this.element.children)) item.classList.toggle("linked", item.dataset.id === String(id));
  }

  /** Brings a line into view, in the list only unless it is to be focused: the page must not jump. */
  open(id, focus) {
    const item = this.item(id);
    if (!item) return;
    const { top, bottom } = this.element.getBoundingClientRect();
    const own = item.getBoundingClientRect();
    if (own.top < top) this.element.scrollTop += own.top - top;
    else if (own.bottom > bottom) this.element.scrollTop += own.bottom - bottom;
    if (focus) item.querySelector(".text").focus();
  }

  /** The network's own input as a picture: its lowest value black, its highest white. */
  showInput(id, { data, shape: [channels, height, width] }, text) {
    const item = this.item(id);
    if (!item) return;
    const canvas = item.querySelector("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.setAttribute("aria-label", texts().inputLabel(text));
    const low = data.reduce((a, b) => Math.min(a, b));
    const high = data.reduce((a, b) => Math.max(a, b));
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) {
        const value = data[(channels === 1 ? 0 : c) * width * height + i];
        image.data[4 * i + c] = high > low ? (255 * (value - low)) / (high - low) : value > 0 ? 255 : 0;
      }
      image.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    canvas.hidden = false;
    item.querySelector(".look").setAttribute("aria-expanded", "true");
  }

  hideInput(item) {
    item.querySelector("canvas").hidden = true;
    item.querySelector(".look").setAttribute("aria-expanded", "false");
  }
}

function characterElement({ text, confidence }) {
  const element = document.createElement("span");
  element.className = confidence >= SURE ? "" : confidence >= SURE / 2 ? "doubt" : "bad";
  element.append(Object.assign(document.createElement("b"), { textContent: text }), percent(confidence));
  return element;
}
