/** What SDK functions accept as a configuration: a file, a value written in code, or one that is loaded already. */
import { loadConfig, type LoadedConfig, type RunConfigInput } from '../config/index.js';

/** Path of a configuration file, a configuration written in code, or the result of `loadConfig`. */
export type ConfigSource = string | RunConfigInput | LoadedConfig;

/**
 * Loads what is not loaded yet.
 * @param source Path of a YAML or JSON file, a configuration value, or the result of `loadConfig`.
 */
export function loadAny(source: ConfigSource): LoadedConfig {
  if (typeof source === 'string') return loadConfig({ file: source });
  return isLoaded(source) ? source : loadConfig({ object: source });
}

const isLoaded = (source: RunConfigInput | LoadedConfig): source is LoadedConfig =>
  'hash' in source && 'config' in source;
