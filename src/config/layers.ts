/**
 * The layers a configuration is made of, and which of them a value came from.
 * Order, strongest first: flags, environment and `.env`, file, preset, defaults (the schema's own, applied later).
 */
import type { ConfigDocument } from './document.js';
import { mergeSettings, positionsToLists, settingsFrom, shortFormOf, type Settings } from './merge.js';
import type { Override } from './overrides.js';
import { formatPath, valueAt, type ConfigPath } from './path.js';
import { findPreset, presetNames } from './presets/index.js';
import { configError, nearestName } from './problem.js';

/** A layer, as {@link LoadedConfig} reports it. `environment` includes `.env`. */
export type LayerName = 'flag' | 'environment' | 'file' | 'preset' | 'default';

/** All layers laid over each other, with the origin of each value. */
export interface Layers {
  /** Everything above the defaults, merged. */
  readonly merged: unknown;
  /** The strongest layer that says something at a path. */
  layerOf(path: ConfigPath): LayerName;
  /** Where the user wrote the value at a path: `run.yaml:12:3`, `--set ...`, `preset paper-small`. */
  locate(path: ConfigPath, key?: string): string;
}

/**
 * Merges the layers of one configuration. In `environment` and `flags` later assignments win.
 * @throws MrpoError `config` if the preset asked for does not exist.
 */
export function stackLayers(
  file: ConfigDocument,
  environment: readonly Override[],
  flags: readonly Override[],
): Layers {
  const outside = mergeSettings(settingsFrom(environment), settingsFrom(flags));
  const asked = valueAt(mergeSettings(file.value, outside), ['preset']);
  const preset = typeof asked === 'string' ? presetSettings(asked, () => locateIn(['preset'])) : {};
  const merged = positionsToLists(mergeSettings(mergeSettings(preset, file.value), outside));

  function layerOf(path: ConfigPath): LayerName {
    if (flags.some((flag) => isPrefix(flag.path, path))) return 'flag';
    if (environment.some((variable) => isPrefix(variable.path, path))) return 'environment';
    if (file.has(path) || file.has(shortened(path))) return 'file';
    return valueAt(preset, path) === undefined ? 'default' : 'preset';
  }

  function locateIn(path: ConfigPath, key?: string): string {
    const full = key === undefined ? path : [...path, key];
    const override = overrideTouching(flags, full) ?? overrideTouching(environment, full);
    if (override !== undefined) {
      // Set as a whole from outside, or changed inside: then the fault may be in either place.
      const whole = isPrefix(override.path, full) || !file.has(full);
      return whole ? override.where : `${file.locate(full)} with ${override.where}`;
    }
    if (key !== undefined && file.has(full)) return file.locateKey(path, key);
    if (!file.has(full) && valueAt(preset, full) !== undefined && typeof asked === 'string') return `preset ${asked}`;
    return file.locate(full);
  }

  return { merged, layerOf, locate: locateIn };
}

function presetSettings(name: string, where: () => string): Settings {
  const preset = findPreset(name);
  if (preset !== undefined) return preset.settings;
  const near = nearestName(name, presetNames());
  const suggestion = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
  const message = `expected ${presetNames().join(' | ')}, got ${JSON.stringify(name)}${suggestion}`;
  throw configError([{ path: ['preset'], message, where: where() }], formatPath(['preset']));
}

/** The last assignment at a path, above it or inside it. */
const overrideTouching = (overrides: readonly Override[], path: ConfigPath): Override | undefined =>
  overrides.findLast((override) => isPrefix(override.path, path) || isPrefix(path, override.path));

/** The place of a short form that may stand for the value at a path; without one, the path itself. */
const shortened = (path: ConfigPath): ConfigPath => {
  const parent = path.slice(0, -1);
  return path.length > 1 && shortFormOf(parent.at(-1)) === path.at(-1) ? parent : path;
};

const isPrefix = (start: ConfigPath, path: ConfigPath): boolean =>
  start.length <= path.length && start.every((step, index) => String(step) === String(path[index]));
