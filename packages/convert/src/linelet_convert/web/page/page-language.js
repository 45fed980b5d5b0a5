/** The page's language: the one asked for in the address, chosen before, or the browser's; English otherwise. */
import { TEXTS } from "./page-texts.js";

const KEY = "linelet-language"; // in localStorage

/** The language that a tag means here: "zh-TW" is read in "zh-CN" where nothing is nearer. @param {string | null} tag */
function known(tag) {
  const base = tag?.split("-")[0];
  return tag && tag in TEXTS ? tag : Object.keys(TEXTS).find((name) => name.split("-")[0] === base);
}

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is blocked: the browser's language decides
  }
}

const asked = new URLSearchParams(location.search).get("lang");
let language = known(asked) ?? known(remembered()) ?? known(navigator.language) ?? "en";

/** The texts of the language in use. */
export const texts = () => TEXTS[language];

/** Offers the languages, each under its own name, and calls `act` when another one is chosen. */
export function offerLanguages(act) {
  const choice = /** @type {HTMLSelectElement} */ (document.getElementById("language"));
  for (const [tag, { language: name }] of Object.entries(TEXTS)) {
    choice.append(Object.assign(new Option(name, tag), { lang: tag }));
  }
  choice.value = language;
  choice.addEventListener("change", () => {
    language = choice.value;
    try {
      localStorage.setItem(KEY, language);
    } catch {
      // Storage is blocked: the choice lasts for this visit.
    }
    translate();
    act();
  });
}

/** Writes the texts into the page's elements marked data-text and data-title. */
export function translate() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = texts()[element.dataset.text];
  for (const element of document.querySelectorAll("[data-title]")) element.title = texts()[element.dataset.title];
}
