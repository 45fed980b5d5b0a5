/** Reads pictures of single text lines, in the browser or in Node. See README.md. */

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
  /** The probability (0-1) of exactly this text, all of its alignments summed; 0 where nothing was read. */
  confidence: number;
  characters: Character[];
  /** What was read: the box asked for in whole pixels, or the whole picture. */
  box: Box;
  /** With option `input`: what the network saw, (channels, height, width). */
  input?: { data: Float32Array; shape: [number, number, number] };
}

/** The reader spec: the contract between training and reading, spec.json in the bundle. */
export interface Spec {
  readonly version: number;
  readonly name: string;
  readonly network: string;
  readonly charset: string;
  readonly blank: number;
  readonly height: number;
  readonly color: "grey" | "rgb" | "bgr";
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly pad: number;
  readonly widths: readonly number[];
  readonly width_step: number;
  readonly stride: number;
  readonly frames_lost: number;
  readonly layout: "NTC" | "TNC";
  readonly scores: "logits" | "log_probs" | "probs";
  readonly temperature: number;
  /** What its lines can say, where the recipe could list it: forms such as "{field}{40..110:.1f}公斤", and their words. */
  readonly grammar?: { readonly forms: readonly string[]; readonly vocabulary?: Readonly<Record<string, readonly string[]>> };
}

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
  /** Several lines of one picture, read in batches. */
  boxes?: Box[];
  /** Return the network's input too. */
  input?: boolean;
  /** "grammar" gives the most probable text of the reader's grammar, however improbable; confidence says so. Default "greedy". */
  decoding?: "greedy" | "grammar";
}

export interface Reader {
  readonly spec: Spec;
  readonly engine: "tfjs" | "onnxruntime";
  readonly backend: Backend;
  /** Backends that were tried before this one, and why each could not be used. */
  readonly failures: readonly { backend: Backend; cause: string }[];
  /** Milliseconds for a short line, by backend: all that work with "fastest", else the one in use (its first run). */
  readonly timings: Readonly<Partial<Record<Backend, number>>>;
  read(picture: Picture, options: ReadOptions & { boxes: Box[] }): Promise<Reading[]>;
  read(pictures: Picture[], options?: Pick<ReadOptions, "input" | "decoding">): Promise<Reading[]>;
  read(picture: Picture, options?: ReadOptions): Promise<Reading>;
  /** Frees the network's memory. */
  dispose(): void;
}

/** Bad input. The message says value, place and remedy, in one line. */
export class LineletError extends Error {}

/**
 * Loads the reader of a bundle folder (address relative to the page, or a path in Node), or of an ONNX file.
 * @throws LineletError
 */
export function loadReader(address: string | URL, options?: LoadOptions): Promise<Reader>;

/** Boxes of the text lines of a plain screenshot, from top to bottom. No detector for photographs. */
export function findLines(picture: Picture): Promise<Box[]>;
