/** The table of a screen's named values. */
import { texts } from "./page-language.js";

export class FieldTable extends EventTarget {
  /** Events, each with `detail`: "copy" (a text), "link" (a box or null). */
  constructor() {
    super();
    this.section = document.getElementById("fields-section");
    this.body = document.getElementById("fields");
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * @param {Record<string, {name: string | string[], form: string | string[]}>} known the recipe's fields
   * @param {Record<string, {text: string, box: object}>} shown the screen's
   * @param {boolean} settled whether no more of them will come
   */
  show(known, shown, settled) {
    const t = texts();
    const nameOf = (key) => [known[key].name].flat()[0];
    this.section.hidden = Object.keys(known).length === 0;
    document.getElementById("fields-table").hidden = Object.keys(shown).length === 0;
    this.body.replaceChildren(...Object.entries(shown).map(([key, found]) => this.row(key, nameOf(key), found)));
    const absent = Object.keys(known).filter((key) => !(key in shown));
    document.getElementById("fields-absent").textContent = settled && absent.length ? t.absent(absent.map(nameOf)) : "";
  }

  row(key, name, { text, box }) {
    const t = texts();
    const row = document.createElement("tr");
    const head = Object.assign(document.createElement("th"), { scope: "row", textContent: name, title: key });
    const value = Object.assign(document.createElement("td"), { textContent: text });
    const copy = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: t.copyOne });
    copy.setAttribute("aria-label", t.copyValue(name));
    copy.addEventListener("click", () => this.tell("copy", text));
    const last = document.createElement("td");
    last.append(copy);
    row.append(head, value, last);
    for (const type of ["pointerenter", "focusin"]) row.addEventListener(type, () => this.tell("link", box));
    for (const type of ["pointerleave", "focusout"]) row.addEventListener(type, () => this.tell("link", null));
    return row;
  }
}
