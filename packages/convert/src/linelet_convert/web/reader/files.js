/** Fetching a bundle's files, in browsers and in Node, with messages that name the file and the remedy. */
import { LineletError, MissingFileError, invalidFile, reason } from "./errors.js";

// Asked for as a property: a bundler for browsers would install a polyfill for the plain name.
const { process } = /** @type {any} */ (globalThis);

/** Node, or a bundler's server-side rendering: files are read from disk there. */
export const IN_NODE = !!process?.versions?.node && typeof document === "undefined";

/** A module of Node's own. Asked for by its name only, so that a bundler for browsers finds no import of it. */
export const nodeModule = (name) => process.getBuiltinModule(name);

/**
 * A folder's or file's address as an absolute URL.
 * @param {string | URL} address relative to the page, or a path in Node @returns {Promise<URL>}
 */
export async function resolve(address) {
  if (address instanceof URL || /^[a-z][a-z+.-]+:\/\//i.test(address)) return new URL(address);
  if (IN_NODE) {
    return new URL(String(nodeModule("node:url").pathToFileURL(address)) + (address.endsWith("/") ? "/" : ""));
  }
  return new URL(address, globalThis.document?.baseURI ?? globalThis.location.href);
}

/** A URL as a folder: its path ends with a slash; a query (a version, a token) stays. @param {URL} url */
export function asFolder(url) {
  if (url.pathname.endsWith("/")) return url;
  const folder = new URL(url);
  folder.pathname = url.pathname.endsWith(".json") ? url.pathname.replace(/[^/]*$/, "") : `${url.pathname}/`;
  return folder;
}

/** A file or folder in a folder, under the folder's own query. @param {string} name @param {URL} folder */
export function inside(name, folder) {
  const url = new URL(name, folder);
  url.search = folder.search;
  return url;
}

/** @param {URL} url @returns {Promise<Uint8Array>} */
export async function fetchBytes(url) {
  if (url.protocol === "file:" && IN_NODE) {
    const { readFile } = nodeModule("node:fs/promises");
    try {
      return new Uint8Array(await readFile(url));
    } catch (failure) {
      const kind = /** @type {any} */ (failure)?.code === "ENOENT" ? MissingFileError : LineletError;
      const code = kind === MissingFileError ? "file-missing" : "file-unreachable";
      const about = { file: url.pathname, reason: reason(failure) };
      throw new kind(`${url.pathname}: ${reason(failure)}; convert again or check the path`, { code, about });
    }
  }
  let response;
  try {
    response = await fetch(url);
  } catch (failure) {
    throw new LineletError(`${url.href} cannot be fetched (${reason(failure)}); is the page served over HTTP and online?`, {
      code: "file-unreachable", about: { file: url.href, reason: reason(failure) }, cause: failure,
    });
  }
  const about = { file: url.href, status: response.status };
  if (response.status === 404) {
    throw new MissingFileError(`${url.href} is missing from the bundle (HTTP 404); copy the whole folder or convert again`, {
      code: "file-missing", about,
    });
  }
  if (!response.ok) {
    throw new LineletError(`${url.href} was refused by its server (HTTP ${response.status}); allow it, or correct the address`, {
      code: "file-refused", about,
    });
  }
  if (response.headers.get("content-type")?.startsWith("text/html")) {
    const from = response.redirected ? `, redirected to ${response.url}` : "";
    throw new LineletError(
      `${url.href} is answered with an HTML page (HTTP ${response.status}${from}), as for a login or an unknown address; ` +
        "correct the address or the server",
      { code: "file-html", about },
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * The files of a bundle, each checked against the SHA-256 that its files.json lists. The browser computes it, which it does
 * on HTTPS and localhost only: elsewhere, and in bundles older than the list, `verified` is false and nothing is compared.
 */
export class Files {
  /** @param {URL} root @param {Record<string, string> | null} digests name -> SHA-256 in hexadecimal */
  constructor(root, digests) {
    this.root = root;
    this.digests = digests;
    this.verified = digests !== null && !!globalThis.crypto?.subtle;
  }

  /** @param {URL} root the bundle's folder */
  static async open(root) {
    const url = inside("files.json", root);
    let text;
    try {
      text = await fetchText(url);
    } catch (failure) {
      if (failure instanceof MissingFileError) return new Files(root, null);
      throw failure;
    }
    try {
      const { format, files } = JSON.parse(text);
      if (format === "linelet-files" && typeof files === "object" && files !== null) return new Files(root, files);
    } catch {
      // Said below.
    }
    throw invalidFile(url.href, " is not the list of a bundle's files", "copy the whole folder or convert again");
  }

  /** @param {URL} url @returns {Promise<Uint8Array>} */
  async bytes(url) {
    const bytes = await fetchBytes(url);
    const name = decodeURIComponent(url.pathname.slice(this.root.pathname.length));
    const listed = this.digests && Object.hasOwn(this.digests, name) ? this.digests[name] : undefined;
    if (this.verified && listed !== undefined && (await sha256(bytes)) !== listed) {
      throw new LineletError(
        `${url.href} was changed since it was converted: its SHA-256 is not the one in files.json; ` +
          "empty the browser's cache, copy the whole folder or convert again",
        { code: "file-changed", about: { file: url.href } },
      );
    }
    return bytes;
  }

  /** @param {URL} url @returns {Promise<string>} */
  async text(url) {
    return new TextDecoder().decode(await this.bytes(url));
  }
}

/** @param {Uint8Array} bytes @returns {Promise<string>} in hexadecimal */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {BufferSource} */ (bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {URL} url @returns {Promise<string>} */
export const fetchText = async (url) => new TextDecoder().decode(await fetchBytes(url));
