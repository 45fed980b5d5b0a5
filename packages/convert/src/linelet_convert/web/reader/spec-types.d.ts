/** Generated from linelet_common/spec.py by tools/make_spec.py; change it there. */
export interface Spec {
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
  readonly height: number;
  readonly color: "grey" | "rgb" | "bgr";
  /** One for all channels or one each, of values in 0-1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** What padding is filled with, after normalisation. */
  readonly pad: number;
  readonly widths: readonly number[];
  readonly width_step: number;
  /** Pixels a frame. */
  readonly stride: number;
  /** T = width // stride - frames_lost. */
  readonly frames_lost: number;
  readonly layout: "NTC" | "TNC";
  readonly scores: "logits" | "log_probs" | "probs";
  /** Divides the logits before confidences are taken. */
  readonly temperature: number;
  /** What its lines can say, for those who want no other text. */
  readonly grammar?: { readonly forms: readonly string[]; readonly vocabulary?: Readonly<Record<string, readonly string[]>> };
  /** The named values of its screens. */
  readonly fields: Readonly<Record<string, { readonly name: string | readonly string[]; readonly form: string | readonly string[] }>>;
}
