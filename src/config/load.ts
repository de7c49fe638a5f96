/**
 * Loading a configuration: layers in order, schema, rules between keys, paths made absolute, frozen.
 * Precedence: flags > environment and `.env` > file > preset > defaults.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';

import { contentHash } from '../core/hash.js';
import { MrpoError } from '../core/errors.js';
import { configWarnings, crossFieldProblems } from './checks.js';
import { deepFreeze } from './deep-freeze.js';
import { parseConfigText, type ConfigDocument } from './document.js';
import { configKeyPaths } from './json-schema.js';
import { stackLayers, type LayerName, type Layers } from './layers.js';
import { resolveLocations } from './locations.js';
import { isPolicyReference, referenceName } from './models.js';
import { parseFlag, readEnvironment } from './overrides.js';
import { formatPath, valueAt, type ConfigPath } from './path.js';
import { configError } from './problem.js';
import { runSchema, type RunConfig, type RunConfigInput } from './schema.js';
import { schemaProblems } from './schema-problems.js';

/** Exactly one of `file`, `text` and `object` says where the configuration is; without any, flags and environment must. */
export interface LoadConfigOptions {
  /** A YAML or JSON file; relative paths in it are relative to its folder. */
  readonly file?: string | undefined;
  /** YAML or JSON text; relative paths in it are relative to `cwd`. */
  readonly text?: string | undefined;
  /** A configuration built by a program. */
  readonly object?: RunConfigInput | undefined;
  /** Assignments that win over everything: `training.learning_rate=1e-5`. Paths in them are relative to `cwd`. */
  readonly set?: readonly string[] | undefined;
  /** Default: `process.env`. Variables `MRPO_SET_training__learning_rate` are settings. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Default: the current folder. Its `.env` file is read. */
  readonly cwd?: string | undefined;
}

/** A checked configuration with where its values came from. */
export interface LoadedConfig {
  /** Every default applied, local paths absolute, frozen at every level. */
  readonly config: RunConfig;
  /** SHA-256 of what decides the result: the configuration without output folder, preset name and `$schema`. */
  readonly hash: string;
  /** Where each key that is not at its default came from. */
  readonly sources: readonly { readonly key: string; readonly layer: LayerName; readonly where: string }[];
  /** What is allowed and probably not meant. */
  readonly warnings: readonly string[];
  /** Folder that relative paths of the file are relative to. */
  readonly baseDir: string;
}

/**
 * Loads, checks and resolves a configuration.
 * @example
 * const { config, warnings } = loadConfig({ file: 'my-run.yaml', set: ['training.epochs=1'] });
 * console.log(config.objective.loss, warnings);
 * @throws MrpoError `config` with every problem, each with file, line and column, expected, got and the nearest name.
 */
export function loadConfig(options: LoadConfigOptions = {}): LoadedConfig {
  const cwd = resolve(options.cwd ?? process.cwd());
  const { document, name, baseDir } = readDocument(options, cwd);
  const flags = (options.set ?? []).map(parseFlag);
  const layers = stackLayers(document, readEnvironment(options.env ?? process.env, cwd), flags);
  const checked = check(layers, name);
  const config = resolveLocations(checked, (path) => (layers.layerOf(path) === 'file' ? baseDir : cwd));
  return deepFreeze({
    config,
    hash: configHash(config),
    sources: explicitSources(layers, config),
    warnings: configWarnings(checked),
    baseDir,
  });
}

/** SHA-256 of what decides a run's result: equal hashes, equal runs. */
export function configHash(config: RunConfig): string {
  return contentHash({ ...config, output: undefined, preset: undefined, $schema: undefined });
}

function check(layers: Layers, name: string): RunConfig {
  const parsed = runSchema.safeParse(layers.merged);
  if (!parsed.success) {
    const problems = schemaProblems(parsed.error.issues, layers.merged);
    throw configError(
      problems.map(({ path, key, message }) => ({ path, message, where: layers.locate(path, key) })),
      name,
    );
  }
  const config = completeReferences(parsed.data, layers.merged);
  const problems = crossFieldProblems(config);
  if (problems.length > 0) {
    throw configError(
      problems.map((problem) => ({ ...problem, where: layers.locate(problem.path) })),
      name,
    );
  }
  return config;
}

/** Gives every reference its name, and a reference that is the policy the policy's own model settings. */
function completeReferences(config: RunConfig, written: unknown): RunConfig {
  const references = config.references.map((reference, index) => {
    const named = { ...reference, name: referenceName(reference) };
    if (!isPolicyReference(reference)) return named;
    const own = valueAt(written, ['references', index]) ?? {};
    const { quantization, dtype, revision, adapter, chat_template } = config.policy;
    const inherited = Object.entries({ quantization, dtype, revision, adapter, chat_template }).filter(
      ([key, value]) => value !== undefined && !Object.hasOwn(own, key),
    );
    return { ...named, ...Object.fromEntries(inherited) };
  });
  return { ...config, references };
}

function readDocument(
  options: LoadConfigOptions,
  cwd: string,
): { document: ConfigDocument; name: string; baseDir: string } {
  const { file, text, object } = options;
  const given = [file, text, object].filter((source) => source !== undefined).length;
  if (given > 1) throw new MrpoError('usage', `configuration: expected one of file, text and object, got ${given}`);
  if (file !== undefined) {
    const path = resolve(cwd, file);
    const name = relative(cwd, path).startsWith('..') ? path : relative(cwd, path);
    return { document: parseConfigText(readConfigFile(path), name), name, baseDir: dirname(path) };
  }
  const name = object === undefined ? 'configuration text' : 'configuration object';
  const content = text ?? (object === undefined ? '' : JSON.stringify(object, undefined, 2));
  return { document: parseConfigText(content, name), name, baseDir: cwd };
}

function readConfigFile(path: string): string {
  if (!existsSync(path)) {
    throw new MrpoError('config', `configuration file ${path} does not exist`, {
      hint: 'Write one with: mrpo init run.yaml',
    });
  }
  if (statSync(path).isDirectory()) {
    throw new MrpoError('config', `configuration ${path} is a folder; expected a YAML or JSON file`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    throw new MrpoError(
      'config',
      `configuration file ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function explicitSources(layers: Layers, config: RunConfig): LoadedConfig['sources'] {
  const paths = configKeyPaths().flatMap((path) => spreadOverLists(path, config));
  return paths
    .filter((path) => {
      const value = valueAt(layers.merged, path);
      return (
        value !== undefined &&
        (value === null || typeof value !== 'object' || (Array.isArray(value) && !value.every(isObject)))
      );
    })
    .map((path) => ({ key: formatPath(path), layer: layers.layerOf(path), where: layers.locate(path) }));
}

const isObject = (value: unknown): boolean => value !== null && typeof value === 'object';

/** A path into a list of objects stands for its first entry: one path for each entry there is. */
function spreadOverLists(path: ConfigPath, config: RunConfig): ConfigPath[] {
  const at = path.indexOf(0);
  if (at < 0) return [path];
  const list = valueAt(config, path.slice(0, at));
  return Array.isArray(list) ? list.map((_, index) => [...path.slice(0, at), index, ...path.slice(at + 1)]) : [];
}
