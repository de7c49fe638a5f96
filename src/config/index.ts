/** Configuration of a run: schema, loading, presets. */
export { configHash, loadConfig, type LoadConfigOptions, type LoadedConfig } from './load.js';
export type { LayerName } from './layers.js';
export { configJsonSchemaText } from './json-schema.js';
export { dataSourceNames, dataSources } from './data-sources.js';
export { isPolicyReference, policyModelSpec, referenceModelSpec, referenceName } from './models.js';
export { outputFolder, trackersOf, withOutputFolder, type TrackerName } from './output.js';
export { findPreset, presetNames, PRESETS, type Preset } from './presets/index.js';
export type {
  DataConfig,
  DataSourceConfig,
  ObjectiveConfig,
  PolicyConfig,
  ReferenceConfig,
  RunConfig,
  RunConfigInput,
  TrainingConfig,
} from './schema.js';
