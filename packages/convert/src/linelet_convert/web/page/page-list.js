/** The list of lines: text to read and correct, confidence of each character, milliseconds. */
import { texts } from "./page-language.js";

const SURE = 0.9; // characters below this are marked; below half of it in red

const percent = (share) => (share > 0.9995 ? "100" : (100 * share).toFixed(1));

export class LineList extends EventTarget {
  /** Events, each with `detail`: "edit" ({id, text}), "keep" ({id, keep}), "remove" (id), "link" (id or null). */
  constructor() {
    super();
    this.element = document.getElementById("lines");
    this.template = document.getElementById("line");
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Shows a line, new or changed. @param {import("./page-files.js").Line & {id: number}} line @param {number} number */
  show(line, number) {
    const item = this.item(line.id) ?? this.create(line.id);
    const t = texts();
    const { reading } = line;
    item.querySelector(".text").value = line.text;
    item.querySelector(".text").setAttribute("aria-label", t.lineLabel(number));
    item.querySelector(".figures").textContent = t.figures(percent(reading.confidence), line.ms.toFixed(1));
    const look = item.querySelector(".look");
    look.textContent = t.look;
    look.setAttribute("aria-label", t.lookLabel(number));
    const remove = item.querySelector(".remove");
    remove.textContent = t.remove;
    remove.setAttribute("aria-label", t.removeLabel(number));
    item.querySelector(".keep span").textContent = t.keep;
    item.querySelector(".keep input").checked = line.keep;
    item.querySelector(".characters").replaceChildren(...reading.characters.map(characterElement));
    const doubtful = reading.characters.filter(({ confidence }) => confidence < SURE);
    item.querySelector(".uncertain").textContent = doubtful.length
      ? t.uncertain(doubtful.map(({ text, confidence }) => `${text} ${percent(confidence)} %`).join(", "))
      : "";
    drawInput(item.querySelector("canvas"), reading.input, t.inputLabel(line.text));
  }

  create(id) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    item.dataset.id = id;
    const on = (selector, type, act) => item.querySelector(selector).addEventListener(type, act);
    on(".text", "input", (event) => this.tell("edit", { id, text: event.target.value }));
    on(".keep input", "change", (event) => this.tell("keep", { id, keep: event.target.checked }));
    on(".remove", "click", () => this.tell("remove", id));
    on(".look", "click", (event) => {
      const canvas = item.querySelector("canvas");
      canvas.hidden = !canvas.hidden;
      event.target.setAttribute("aria-expanded", String(!canvas.hidden));
    });
    for (const type of ["pointerenter", "focusin"]) item.addEventListener(type, () => this.tell("link", id));
    for (const type of ["pointerleave", "focusout"]) item.addEventListener(type, () => this.tell("link", null));
    this.element.append(item);
    return item;
  }

  item(id) {
    return this.element.querySelector(`li[data-id="${id}"]`);
  }

  link(id) {
    for (const item of this.element.children) item.classList.toggle("linked", item.dataset.id === String(id));
  }

  /** Brings a line's text into view and, if asked, under the cursor. */
  open(id, focus) {
    const item = this.item(id);
    item?.scrollIntoView({ block: "nearest" });
    if (focus) item?.querySelector(".text").focus({ preventScroll: true });
  }

  /** Marks a text that holds characters the reader does not know. */
  mark(id, impossible) {
    const input = this.item(id)?.querySelector(".text");
    input?.classList.toggle("impossible", impossible);
    input?.setAttribute("aria-invalid", String(impossible));
  }

  remove(id) {
    this.item(id)?.remove();
  }

  clear() {
    this.element.replaceChildren();
  }
}

function characterElement({ text, confidence }) {
  const element = document.createElement("span");
  element.className = confidence >= SURE ? "" : confidence >= SURE / 2 ? "doubt" : "bad";
  element.append(Object.assign(document.createElement("b"), { textContent: text }), percent(confidence));
  return element;
}

/** The network's own input as a picture: its lowest value black, its highest white. */
function drawInput(canvas, { data, shape: [channels, height, width] }, label) {
  canvas.width = width;
  canvas.height = height;
  canvas.setAttribute("aria-label", label);
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
}
