/** What the page remembers from visit to visit; nothing, where the browser blocks storage. */

/** @param {string} key @returns {string | null} */
export function recall(key) {
  try {
    return localStorage.getItem(`linelet-${key}`);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(`linelet-${key}`, value);
  } catch {
    // Storage is blocked: the choice lasts for this visit.
  }
}
