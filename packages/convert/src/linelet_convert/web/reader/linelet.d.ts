/** Reads pictures of text lines and of whole screens, in the browser or in Node. See README.md. */

/** Pixels of a picture, from its top left corner. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** RGBA, row by row: an ImageData, or the like from a decoder in Node. */
export interface Pixels {
  data: Uint8ClampedArray | Uint8Array;
  width: number;
  height: number;
}

export type Picture = Pixels | ImageBitmapSource;

export interface Character {
  text: string;
  /** The highest probability of this character, 0-1. */
  confidence: number;
  /** Where it stands in the picture: sides by its ink, as high as the line. An estimate: CTC gives order, not edges. */
  box: Box;
}

export interface Reading {
  text: string;
  /**
   * The probability (0-1) of exactly this text, all of its alignments summed; 0 where nothing was read, and where the text
   * holds U+FFFD: characters outside the charset, one for each run of them.
   */
  confidence: number;
  /** In the order of reading: where lines run from right to left, the first one is the rightmost. */
  characters: Character[];
  /** What was read: the box asked for in whole pixels, or the whole picture. */
  box: Box;
  /** With decoding "grammar": whether the reader's grammar holds the text. */
  inGrammar?: boolean;
  /** With option `input`: what the network saw, (channels, height, width). */
  input?: { data: Float32Array; shape: [number, number, number] };
}

/** A named value of a screen. Absent from `ScreenReading.fields` where the screen does not show it beyond doubt. */
export interface FieldValue {
  /** The number of the field's form, several where it has several, or the text where it has none. */
  value: number | string | number[];
  text: string;
  confidence: number;
  box: Box;
}

export interface ScreenReading {
  /** In reading order. */
  lines: Reading[];
  /** By the names that the recipe gives them. */
  fields: Record<string, FieldValue>;
}

import type { Spec } from "./spec-types.js";
/** The reader spec: the contract between training and reading, spec.json in the bundle. */
export type { Spec };

export type Backend = "wasm" | "webgl" | "webgpu" | "cpu";

/** Unknown keys are refused. */
export interface LoadOptions {
  /** Default "tfjs". "onnxruntime" reads an ONNX file instead of a bundle and needs `module`. */
  engine?: "tfjs" | "onnxruntime";
  /** Your own TensorFlow.js or ONNX Runtime: the imported module, or (needed in a worker) its URL. */
  module?: object | string;
  /** "auto" (default) takes the first that works, "fastest" measures all that work; or name one, or several in order. */
  backend?: "auto" | "fastest" | Backend | Backend[];
  /** Folder that holds tfjs/ and worker.js. Default: where the model is. */
  assets?: string | URL;
  /** Let WebAssembly use threads: needs cross-origin isolation, and worker-src blob: in the CSP. Default false. */
  threads?: boolean;
  /** Read in a Web Worker. Default false. */
  worker?: boolean;
  /** Called for every file of weights that has arrived. */
  onProgress?: (progress: { file: string; done: number; of: number }) => void;
}

/** Unknown keys are refused. */
export interface ReadOptions {
  /** The part of the picture that holds the line. Default: all of it. */
  box?: Box;
  /** Several lines of one picture are read with BoxesOptions, which give an array. */
  boxes?: undefined;
  /** Return the network's input too. */
  input?: boolean;
  /** "grammar" gives the most probable text of the reader's grammar where the network finds one plausible. Default "greedy". */
  decoding?: "greedy" | "grammar";
}

/** Unknown keys are refused. */
export interface BoxesOptions extends Omit<ReadOptions, "box" | "boxes"> {
  /** Several lines of one picture, read in batches. */
  boxes: Box[];
}

/** Unknown keys are refused. */
export interface ScreenOptions {
  /** Keep lines in which the reader knows no character. Default false. */
  unknown?: boolean;
  /** Leave out lines read with less confidence, 0-1. Fields have a limit of their own. Default 0. */
  minConfidence?: number;
  decoding?: "greedy" | "grammar";
  /** Called for every line as soon as it is read; index: its place among the boxes found, in reading order. */
  onLine?: (line: Reading, place: { index: number; of: number }) => void;
}

export interface Reader {
  readonly spec: Spec;
  readonly engine: "tfjs" | "onnxruntime";
  readonly backend: Backend;
  /** Backends that were tried before this one, and why each could not be used. */
  readonly failures: readonly BackendFailure[];
  /** Milliseconds for a short line, by backend: all that work with "fastest", else the one in use (its first run). */
  readonly timings: Readonly<Partial<Record<Backend, number>>>;
  /**
   * Whether the bundle's files, or the ONNX file, were compared with the SHA-256 written with them. False in a bundle from
   * before there was one, and on pages that are neither HTTPS nor localhost, whose browsers compute none.
   */
  readonly verified: boolean;
  read(picture: Picture, options: BoxesOptions): Promise<Reading[]>;
  read(pictures: Picture[], options?: Pick<ReadOptions, "input" | "decoding">): Promise<Reading[]>;
  read(picture: Picture, options?: ReadOptions): Promise<Reading>;
  /** Finds and reads the lines of a whole screen. Needs the bundle's finder, which is loaded at the first call. */
  readScreen(picture: Picture, options?: ScreenOptions): Promise<ScreenReading>;
  /** The fields that lines show, as readScreen takes them; for lines that a person has corrected. */
  readFields(lines: readonly { text: string; confidence: number; box: Box }[]): Record<string, FieldValue>;
  /** Whether the bundle holds a finder of lines. */
  hasFinder(): Promise<boolean>;
  /** Frees the network's memory. */
  dispose(): void;
}

/**
 * Bad input. The message says value, place and remedy, in one line.
 * `code` names the kind of failure and `about` what it is about, for programs and for messages in other languages.
 */
export class LineletError extends Error {
  readonly code: ErrorCode;
  /** Plain data: `file`, `status` and `reason` of a file, `width` and `height` of a picture, `failures` of the backends. */
  readonly about: Readonly<Record<string, unknown>>;
}

/** "invalid": a wrong call. `BackendFailure`'s codes say why a backend cannot be used. */
export type ErrorCode =
  | "invalid" | "disposed" | "no-finder" | "worker"
  | "file-unreachable" | "file-missing" | "file-refused" | "file-html" | "file-changed" | "file-invalid"
  | "picture-unreadable" | "picture-tainted" | "picture-empty" | "too-large" | "too-wide"
  | "no-backend" | "no-webassembly" | "wasm-refused" | "no-webgl" | "no-webgpu" | "no-adapter" | "not-started"
  | "context-lost" | "no-answer";

/** A backend that cannot be used, and why. */
export interface BackendFailure {
  backend: Backend;
  cause: string;
  code: ErrorCode;
  about: Readonly<Record<string, unknown>>;
}

/**
 * Loads the reader of a bundle folder (address relative to the page, or a path in Node), or of an ONNX file.
 * @throws LineletError
 */
export function loadReader(address: string | URL, options?: LoadOptions): Promise<Reader>;
