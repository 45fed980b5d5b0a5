/**
 * Everything that can go wrong with input. The message says value, place and remedy, in one line. `code` names the kind of
 * failure and `about` what it is about, for programs and for messages in other languages: plain data, which a worker can send.
 */
export class LineletError extends Error {
  /** @param {string} message @param {{code?: import("./linelet.js").ErrorCode, about?: Record<string, any>, cause?: unknown}} [options] */
  constructor(message, { code = "invalid", about = {}, ...options } = {}) {
    super(message, options);
    this.name = "LineletError";
    this.code = code;
    this.about = about;
  }
}

/** A backend that cannot be used here, whereas another one may do. */
export class BackendError extends LineletError {}

/** A file that is not there, whereas its server or disk is. */
export class MissingFileError extends LineletError {}

/**
 * Refuse keys that nobody reads: an option in the wrong place must not be ignored in silence.
 * @param {object} given @param {readonly string[]} known @param {string} where
 */
export function refuseUnknown(given, known, where) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    throw new LineletError(`${where} must be an object, not ${JSON.stringify(given)}; known keys are ${known.join(", ")}`);
  }
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      throw new LineletError(`unknown key '${key}' in ${where}; known are ${known.join(", ")}`);
    }
  }
}

/**
 * All results. Of several failures the first in the list is thrown, not the first in time: one fault is told one way, however
 * the network answers.
 * @template T @param {Iterable<T | PromiseLike<T>>} promises @returns {Promise<Awaited<T>[]>}
 */
export async function inOrder(promises) {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
}

/** A file of the bundle that does not hold what it should. @param {string} file @param {string} problem @param {string} remedy */
export const invalidFile = (file, problem, remedy = "convert again") =>
  new LineletError(`${file}${problem}; ${remedy}`, { code: "file-invalid", about: { file } });

/** A reader that is used after its end. */
export const disposed = () => new LineletError("this reader was disposed of; load it again", { code: "disposed" });

/** What a failure says of itself, for messages. @param {unknown} failure @returns {string} */
export const reason = (failure) => (failure instanceof Error ? failure.message : String(failure)).split("\n")[0];
