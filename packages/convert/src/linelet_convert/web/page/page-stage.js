/** The picture with its boxes: drag to draw one, arrow keys to move one. Coordinates are the picture's pixels. */

const SHORTEST_DRAG = 4; // screen pixels: less is a click

export class Stage extends EventTarget {
  /** Events, each with `detail`: "draw" (a box), "change" ({id, box}), "remove" (id), "link" (id or null), "open" (id). */
  constructor() {
    super();
    this.element = document.getElementById("stage");
    this.canvas = document.getElementById("picture");
    this.layer = document.getElementById("boxes");
    this.rubber = document.getElementById("rubber");
    this.watchPointer();
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {ImageBitmap} bitmap */
  show(bitmap, label) {
    this.canvas.width = bitmap.width;
    this.canvas.height = bitmap.height;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    this.pixels = context.getImageData(0, 0, bitmap.width, bitmap.height); // once, not for every line
    this.canvas.setAttribute("aria-label", label);
    this.layer.replaceChildren();
  }

  /** Puts a box on the picture, or moves it. */
  place(id, box, label) {
    let button = this.layer.querySelector(`[data-id="${id}"]`);
    if (!button) {
      button = Object.assign(document.createElement("button"), { type: "button", className: "box" });
      button.dataset.id = id;
      button.addEventListener("click", () => this.tell("open", id));
      for (const type of ["pointerenter", "focus"]) button.addEventListener(type, () => this.tell("link", id));
      for (const type of ["pointerleave", "blur"]) button.addEventListener(type, () => this.tell("link", null));
      button.addEventListener("keydown", (event) => this.key(event, id));
      this.layer.append(button);
    }
    button.box = box;
    button.setAttribute("aria-label", label);
    this.position(button, box);
  }

  remove(id) {
    this.layer.querySelector(`[data-id="${id}"]`)?.remove();
  }

  link(id) {
    for (const button of this.layer.children) button.classList.toggle("linked", button.dataset.id === String(id));
  }

  focus(id) {
    this.layer.querySelector(`[data-id="${id}"]`)?.focus();
  }

  position(element, { x, y, width, height }) {
    const share = (value, whole) => `${(100 * value) / whole}%`;
    Object.assign(element.style, {
      left: share(x, this.canvas.width),
      top: share(y, this.canvas.height),
      width: share(width, this.canvas.width),
      height: share(height, this.canvas.height),
    });
  }

  key(event, id) {
    const step = event.ctrlKey ? 10 : 1;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") this.tell("remove", id);
    else if (!move) return;
    else this.tell("change", { id, box: this.moved(event.currentTarget.box, move, event.shiftKey) });
    event.preventDefault();
  }

  moved(box, [dx, dy], grow) {
    const limit = (value, low, high) => Math.min(Math.max(value, low), high);
    const { width, height } = this.canvas;
    if (grow) {
      return {
        ...box,
        width: limit(box.width + dx, 1, width - box.x),
        height: limit(box.height + dy, 1, height - box.y),
      };
    }
    return { ...box, x: limit(box.x + dx, 0, width - box.width), y: limit(box.y + dy, 0, height - box.height) };
  }

  watchPointer() {
    let start = null;
    const point = (event) => {
      const area = this.canvas.getBoundingClientRect();
      const inside = (value, extent) => Math.min(Math.max(value, 0), extent);
      return {
        x: inside(((event.clientX - area.left) / area.width) * this.canvas.width, this.canvas.width),
        y: inside(((event.clientY - area.top) / area.height) * this.canvas.height, this.canvas.height),
      };
    };
    const drawn = (event) => {
      const end = point(event);
      const x = Math.floor(Math.min(start.x, end.x));
      const y = Math.floor(Math.min(start.y, end.y));
      return { x, y, width: Math.ceil(Math.max(start.x, end.x)) - x, height: Math.ceil(Math.max(start.y, end.y)) - y };
    };
    const stop = () => {
      start = null;
      this.rubber.hidden = true;
    };
    this.element.addEventListener("pointerdown", (event) => {
      // A finger scrolls the page unless drawing was asked for; a press on a box opens that box unless it moves on.
      if (event.button !== 0 || (event.pointerType === "touch" && !this.element.classList.contains("drawing"))) return;
      start = { ...point(event), clientX: event.clientX, clientY: event.clientY };
    });
    addEventListener("pointermove", (event) => {
      if (!start || Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < SHORTEST_DRAG) return;
      this.rubber.hidden = false;
      this.position(this.rubber, drawn(event));
    });
    addEventListener("pointerup", (event) => {
      const box = start && !this.rubber.hidden ? drawn(event) : null;
      stop();
      if (!box || box.width < 2 || box.height < 2) return;
      // The click that ends a drag over a box must not open that box.
      this.element.addEventListener("click", (click) => click.stopPropagation(), { capture: true, once: true });
      setTimeout(() => this.tell("draw", box));
    });
    addEventListener("pointercancel", stop);
    addEventListener("keydown", (event) => event.key === "Escape" && stop());
  }
}
