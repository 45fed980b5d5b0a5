/** Questions before something that a person wrote would go. */
import { texts } from "./page-language.js";

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("ask"));

/**
 * Ask; the answer is one of the choices, or null where none was taken.
 * @param {string} question @param {string[]} choices names of texts, the safest first @returns {Promise<string | null>}
 */
export async function ask(question, choices) {
  if (dialog.open) return null;
  document.getElementById("ask-text").textContent = question;
  const buttons = [...choices, "cancel"].map((choice) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: texts()[choice] });
    button.addEventListener("click", () => dialog.close(choice));
    return button;
  });
  document.getElementById("ask-choices").replaceChildren(...buttons);
  buttons[0].className = "primary";
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return choices.includes(dialog.returnValue) ? dialog.returnValue : null;
}
