/** The page's language: the one asked for in the address, chosen before, or the browser's; English otherwise. */
import { recall, remember } from "./page-memory.js";
import { TEXTS, errorText } from "./page-texts.js";

/** The language that a tag means here: "zh-TW" is read in "zh-CN" where nothing is nearer. @param {string | null} tag */
function known(tag) {
  const base = tag?.split("-")[0];
  return tag && tag in TEXTS ? tag : Object.keys(TEXTS).find((name) => name.split("-")[0] === base);
}

const asked = new URLSearchParams(location.search).get("lang");
let language = known(asked) ?? known(recall("language")) ?? known(navigator.language) ?? "en";

/** The texts of the language in use. */
export const texts = () => TEXTS[language];

/** What an error of the reader says in the language in use. */
export const saidOf = (failure) => errorText(failure, language);

/** Offers the languages, each under its own name, and calls `act` when another one is chosen. */
export function offerLanguages(act) {
  const choice = /** @type {HTMLSelectElement} */ (document.getElementById("language"));
  for (const [tag, { language: name }] of Object.entries(TEXTS)) {
    choice.append(Object.assign(new Option(name, tag), { lang: tag }));
  }
  choice.value = language;
  choice.addEventListener("change", () => {
    language = choice.value;
    remember("language", language);
    translate();
    act();
  });
}

/** Writes the texts into the page's elements marked data-text and data-title. */
export function translate() {
  document.documentElement.lang = language;
  /** @param {string} selector @returns {NodeListOf<HTMLElement>} */
  const all = (selector) => document.querySelectorAll(selector);
  for (const element of all("[data-text]")) element.textContent = texts()[element.dataset.text];
  for (const element of all("[data-title]")) element.title = texts()[element.dataset.title];
}
