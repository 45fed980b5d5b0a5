/** Fetching a bundle's files, in browsers and in Node, with messages that name the file and the remedy. */
import { LineletError, MissingFileError, reason } from "./errors.js";

/** Node, or a bundler's server-side rendering: files are read from disk there. */
export const IN_NODE = typeof process !== "undefined" && !!process.versions?.node && typeof document === "undefined";

/**
 * A folder's or file's address as an absolute URL.
 * @param {string | URL} address relative to the page, or a path in Node @returns {Promise<URL>}
 */
export async function resolve(address) {
  if (address instanceof URL || /^[a-z][a-z+.-]+:\/\//i.test(address)) return new URL(address);
  if (IN_NODE) {
    const { pathToFileURL } = await import("node:url");
    return new URL(String(pathToFileURL(address)) + (address.endsWith("/") ? "/" : ""));
  }
  return new URL(address, globalThis.document?.baseURI ?? globalThis.location.href);
}

/** A URL as a folder: whatever it is, it ends with a slash. @param {URL} url */
export function asFolder(url) {
  if (url.pathname.endsWith("/")) return url;
  return url.pathname.endsWith(".json") ? new URL(".", url) : new URL(`${url.href}/`);
}

/** @param {URL} url @returns {Promise<Uint8Array>} */
export async function fetchBytes(url) {
  if (url.protocol === "file:" && IN_NODE) {
    const { readFile } = await import("node:fs/promises");
    try {
      return new Uint8Array(await readFile(url));
    } catch (failure) {
      const kind = /** @type {any} */ (failure)?.code === "ENOENT" ? MissingFileError : LineletError;
      throw new kind(`${url.pathname}: ${reason(failure)}; convert again or check the path`);
    }
  }
  let response;
  try {
    response = await fetch(url);
  } catch (failure) {
    throw new LineletError(`${url.href} cannot be fetched (${reason(failure)}); is the page served over HTTP and online?`, {
      cause: failure,
    });
  }
  if (!response.ok) {
    const kind = response.status === 404 ? MissingFileError : LineletError;
    throw new kind(`${url.href} is missing from the bundle (HTTP ${response.status}); copy the whole folder or convert again`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {URL} url @returns {Promise<string>} */
export const fetchText = async (url) => new TextDecoder().decode(await fetchBytes(url));
