/** The presets by name. A new one is a file beside this and a line here. */
import { dpoPreset } from './dpo.js';
import { mrpoPreset } from './mrpo.js';
import { paperBigPreset } from './paper-big.js';
import { paperSmallPreset } from './paper-small.js';
import type { Preset } from './preset.js';

export type { Preset } from './preset.js';

/** All presets, in the order in which they are listed. */
export const PRESETS: readonly Preset[] = [mrpoPreset, dpoPreset, paperSmallPreset, paperBigPreset];

/** Names of all presets, in the order of {@link PRESETS}. */
export const presetNames = (): string[] => PRESETS.map((preset) => preset.name);

/** The preset with this exact name; undefined if there is none. */
export const findPreset = (name: string): Preset | undefined => PRESETS.find((preset) => preset.name === name);
