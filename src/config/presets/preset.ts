/** A named set of settings to start from. */
import type { RunConfigInput } from '../schema.js';

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
    : T;

export interface Preset {
  readonly name: string;
  /** One line for `mrpo init --list-presets`. */
  readonly summary: string;
  readonly settings: DeepPartial<RunConfigInput>;
}
