/** A named set of settings to start from. */
import type { RunConfigInput } from '../schema.js';

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
    : T;

/** Settings that a configuration names with `preset:`; what the user writes wins over them. */
export interface Preset {
  /** As written in `preset:`. */
  readonly name: string;
  /** One line for `mrpo init --list-presets`. */
  readonly summary: string;
  /** Any part of a configuration; the rest stays at its defaults. */
  readonly settings: DeepPartial<RunConfigInput>;
}
