/**
 * The picture with its boxes: drag on it to draw one, drag a box to move it and its corner to resize it, or use the
 * keyboard. Coordinates are the picture's pixels. A finger scrolls the page, unless it draws or drags the chosen box.
 */

const SHORTEST_DRAG = 4; // screen pixels: less is a click
const CORNER = 14; // screen pixels around a box's lower right corner that resize it
const TAG = 32; // screen pixels that the text above a box takes

const limit = (value, low, high) => Math.min(Math.max(value, low), high);

export class Stage extends EventTarget {
  /** Events, each with `detail`: "draw" (a box), "change" ({id, box, byKey}), "remove" (id), "link" (id or null), "open" (id). */
  constructor() {
    super();
    this.element = document.getElementById("stage");
    this.canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("picture"));
    this.layer = document.getElementById("boxes");
    this.buttons = /** @type {HTMLCollectionOf<HTMLElement & {box: import("./page-sheet.js").Box}>} */ (this.layer.children);
    this.rubber = document.getElementById("rubber");
    this.watchPointer();
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {ImageBitmap} bitmap */
  open(bitmap) {
    this.canvas.width = bitmap.width;
    this.canvas.height = bitmap.height;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    this.pixels = context.getImageData(0, 0, bitmap.width, bitmap.height); // once, not for every line
    this.layer.replaceChildren();
  }

  /**
   * Shows these boxes and no others, in this order.
   * @param {{id: number, box: import("./page-sheet.js").Box, label: string, text: string, kind: string}[]} boxes
   *   text: what stands above a box that is looked at; kind: "", "doubtful" or "unknown"
   */
  show(boxes) {
    const known = new Map([...this.buttons].map((button) => [button.dataset.id, button]));
    boxes.forEach(({ id, box, label, text, kind }, i) => {
      const button = known.get(String(id)) ?? this.create(id);
      known.delete(String(id));
      if (this.buttons[i] !== button) this.layer.insertBefore(button, this.buttons[i] ?? null);
      button.box = box;
      button.setAttribute("aria-label", label);
      button.dataset.kind = kind;
      button.dataset.read = text; // not data-text, by which the page's own texts are translated
      this.position(button, box);
    });
    for (const button of known.values()) button.remove();
    if (!this.layer.querySelector("[tabindex='0']")) this.takeTab(this.buttons[0]);
  }

  create(id) {
    const box = { x: 0, y: 0, width: 0, height: 0 }; // until it is shown
    const button = Object.assign(document.createElement("button"), { type: "button", className: "box", tabIndex: -1, box });
    button.dataset.id = id;
    button.append(Object.assign(document.createElement("span"), { className: "frame" }));
    button.addEventListener("click", () => this.tell("open", id));
    button.addEventListener("focus", () => this.takeTab(button));
    for (const type of ["pointerenter", "focus"]) button.addEventListener(type, () => this.tell("link", id));
    // A finger leaves when it is lifted: what it chose stays chosen.
    button.addEventListener("pointerleave", ({ pointerType }) => pointerType !== "touch" && this.tell("link", null));
    button.addEventListener("blur", () => this.tell("link", null));
    button.addEventListener("keydown", (event) => this.key(event, id));
    return button;
  }

  /** Makes one box the one that Tab reaches. */
  takeTab(button) {
    if (!button) return;
    for (const other of this.buttons) other.tabIndex = other === button ? 0 : -1;
  }

  /** @param {number} id @returns {HTMLElement | null} */
  button(id) {
    return this.layer.querySelector(`[data-id="${id}"]`);
  }

  link(id) {
    for (const button of this.buttons) button.classList.toggle("linked", button.dataset.id === String(id));
  }

  focus(id) {
    this.button(id)?.focus();
  }

  position(element, { x, y, width, height }) {
    const share = (value, whole) => `${(100 * value) / whole}`;
    const { width: across, height: down } = this.canvas;
    element.style.setProperty("--x", share(x, across));
    element.style.setProperty("--y", share(y, down));
    element.style.setProperty("--w", share(width, across));
    element.style.setProperty("--h", share(height, down));
    // Above a box at the picture's upper edge there is no room for its text.
    element.classList.toggle("topmost", (y / down) * this.canvas.clientHeight < TAG);
  }

  key(event, id) {
    const button = event.currentTarget;
    const step = event.ctrlKey ? 10 : 1;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    const { firstElementChild: first, lastElementChild: last } = this.layer;
    const goal = {
      PageUp: button.previousElementSibling ?? last, PageDown: button.nextElementSibling ?? first, Home: first, End: last,
    }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") this.tell("remove", id);
    else if (goal) goal.focus();
    else if (move) {
      const box = event.shiftKey ? this.grown(button.box, move) : this.moved(button.box, move);
      this.tell("change", { id, box, byKey: true });
    }
    else return;
    event.preventDefault();
  }

  moved(box, [dx, dy]) {
    const { width, height } = this.canvas;
    return {
      ...box,
      x: limit(Math.round(box.x + dx), 0, width - box.width),
      y: limit(Math.round(box.y + dy), 0, height - box.height),
    };
  }

  grown(box, [dx, dy]) {
    const { width, height } = this.canvas;
    return {
      ...box,
      width: limit(Math.round(box.width + dx), 1, width - box.x),
      height: limit(Math.round(box.height + dy), 1, height - box.y),
    };
  }

  /** Where a pointer is, in pixels of the picture. */
  point(event) {
    const area = this.canvas.getBoundingClientRect();
    const inside = (value, extent) => limit(value, 0, extent);
    return {
      x: inside(((event.clientX - area.left) / area.width) * this.canvas.width, this.canvas.width),
      y: inside(((event.clientY - area.top) / area.height) * this.canvas.height, this.canvas.height),
    };
  }

  /** The drag that a press begins: what it makes of a box while it goes on. Null where the press is no drag. */
  dragFrom(event) {
    if (event.button !== 0) return null;
    const touch = event.pointerType === "touch";
    const drawing = this.element.classList.contains("drawing");
    const button = drawing ? null : event.target.closest(".box");
    const start = { ...this.point(event), clientX: event.clientX, clientY: event.clientY };
    if (button) {
      if (touch && !button.classList.contains("linked")) return null;
      const { right, bottom, width, height } = button.querySelector(".frame").getBoundingClientRect();
      const atCorner = right - event.clientX < Math.min(CORNER, width / 3) && bottom - event.clientY < Math.min(CORNER, height / 2);
      const act = atCorner ? "grown" : "moved";
      const from = button.box;
      return { start, button, boxAt: (end) => this[act](from, [end.x - start.x, end.y - start.y]) };
    }
    if (touch && !drawing) return null;
    return { start, button: null, boxAt: (end) => between(start, end) };
  }

  watchPointer() {
    let drag = null;
    let moving = false;
    const stop = () => {
      if (drag?.button) this.position(drag.button, drag.button.box);
      drag = null;
      moving = false;
      this.rubber.hidden = true;
    };
    this.element.addEventListener("pointerdown", (event) => {
      drag = this.dragFrom(event);
    });
    addEventListener("pointermove", (event) => {
      if (!drag) return;
      moving ||= Math.hypot(event.clientX - drag.start.clientX, event.clientY - drag.start.clientY) >= SHORTEST_DRAG;
      if (!moving) return;
      this.rubber.hidden = drag.button !== null;
      this.position(drag.button ?? this.rubber, drag.boxAt(this.point(event)));
    });
    addEventListener("pointerup", (event) => {
      const { button, boxAt } = drag ?? {};
      const box = moving && boxAt ? boxAt(this.point(event)) : null;
      stop();
      if (!box || box.width < 2 || box.height < 2) return;
      // The click that ends a drag over a box must not open that box; where none comes, nothing else may be lost.
      const swallow = (click) => click.stopPropagation();
      this.element.addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => {
        this.element.removeEventListener("click", swallow, { capture: true });
        if (button) this.tell("change", { id: Number(button.dataset.id), box });
        else this.tell("draw", box);
      });
    });
    addEventListener("pointercancel", stop);
    addEventListener("keydown", (event) => event.key === "Escape" && stop());
  }
}

function between(start, end) {
  const x = Math.floor(Math.min(start.x, end.x));
  const y = Math.floor(Math.min(start.y, end.y));
  return { x, y, width: Math.ceil(Math.max(start.x, end.x)) - x, height: Math.ceil(Math.max(start.y, end.y)) - y };
}
