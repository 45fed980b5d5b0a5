/** Generated from linelet_common/spec.py by tools/make_spec.py; change it there. */
export interface Spec {
  /** Of this format. */
  readonly version: number;
  /** Shown to people, e.g. the recipe's name. */
  readonly name: string;
  /** The network's name where it is one of Linelet's. */
  readonly network: string;
  /** Ordered characters; class = index + 1, or index where the blank stands last. */
  readonly charset: string;
  /** 0 or len(charset). */
  readonly blank: number;
  /** Whether the last class, behind the charset, is U+FFFD: every other character. */
  readonly unknown: boolean;
  /** Of lines from right to left, whose classes stand as their characters are seen. */
  readonly direction?: "rtl";
  /** Of the network's input, in pixels. */
  readonly height: number;
  /** The channels of the network's input. */
  readonly color: "grey" | "rgb" | "bgr";
  /** One for all channels or one each, of values in 0-1. */
  readonly mean: readonly number[];
  /** The same, to divide by. */
  readonly std: readonly number[];
  /** What padding is filled with, after normalisation. */
  readonly pad: number;
  readonly widths: readonly number[];
  /** Pixels; lines are padded to a multiple. */
  readonly width_step: number;
  /** Pixels a frame. */
  readonly stride: number;
  /** T = width // stride - frames_lost. */
  readonly frames_lost: number;
  /** Axes of the network's output: N batch, T frames, C classes. */
  readonly layout: "NTC" | "TNC";
  /** What its numbers are. */
  readonly scores: "logits" | "log_probs" | "probs";
  /** Divides the logits before confidences are taken. */
  readonly temperature: number;
  /** What its lines can say, for those who want no other text. */
  readonly grammar?: { readonly forms: readonly string[]; readonly vocabulary?: Readonly<Record<string, readonly string[]>> };
  /** The named values of its screens. */
  readonly fields: Readonly<Record<string, { readonly name: string | readonly string[]; readonly form: string | readonly string[] }>>;
}
