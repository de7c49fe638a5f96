/** Paths of files and folders in a configuration, made absolute against the place they were written in. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

import type { ConfigPath } from './path.js';
import type { RunConfig } from './schema.js';
import { POLICY_AS_REFERENCE } from './models.js';
import { outputFolder, withOutputFolder } from './output.js';

/** The folder that a relative path at a key is relative to. */
export type FolderOf = (path: ConfigPath) => string;

/** The configuration with every local path absolute. Hub ids (`org/name`) and `hub:` sources stay as they are. */
export function resolveLocations(config: RunConfig, folderOf: FolderOf): RunConfig {
  const model = <T extends { readonly model: string; readonly adapter?: string | undefined }>(
    entry: T,
    path: ConfigPath,
  ): T => ({
    ...entry,
    model: entry.model === POLICY_AS_REFERENCE ? entry.model : modelLocation(entry.model, folderOf([...path, 'model'])),
    ...(entry.adapter === undefined ? {} : { adapter: modelLocation(entry.adapter, folderOf([...path, 'adapter'])) }),
  });
  const { data, objective } = config;
  return {
    ...config,
    policy: model(config.policy, ['policy']),
    references: config.references.map((reference, index) => model(reference, ['references', index])),
    data: {
      ...data,
      train: dataLocations(data.train, ['data', 'train'], folderOf),
      eval: typeof data.eval === 'number' ? data.eval : dataLocations(data.eval, ['data', 'eval'], folderOf),
    },
    objective:
      objective.module === undefined
        ? objective
        : { ...objective, module: absolute(objective.module, folderOf(['objective', 'module'])) },
    output: withOutputFolder(config.output, absolute(outputFolder(config.output), folderOf(['output', 'folder']))),
  };
}

/** A model is a path if it looks like one or lies there; anything else is a hub id. */
function modelLocation(model: string, folder: string): string {
  const isPath = /^(\.{1,2}([/\\]|$)|[/~\\])/.test(model) || /\.gguf$/i.test(model) || isAbsolute(model);
  return isPath || existsSync(resolve(folder, model)) ? absolute(model, folder) : model;
}

type WrittenSource = string | { readonly path: string };

/** Sources in the shape they were written in, with their paths absolute. */
function dataLocations<T extends WrittenSource>(written: T | T[], path: ConfigPath, folderOf: FolderOf): T | T[] {
  const located = (entry: WrittenSource, at: ConfigPath): WrittenSource =>
    typeof entry === 'string'
      ? dataLocation(entry, folderOf(at))
      : { ...entry, path: dataLocation(entry.path, folderOf([...at, 'path'])) };
  return Array.isArray(written)
    ? written.map((entry, index) => located(entry, [...path, index]) as T)
    : (located(written, path) as T);
}

const dataLocation = (source: string, folder: string): string =>
  source.startsWith('hub:') ? source : absolute(source, folder);

const absolute = (path: string, folder: string): string =>
  path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : resolve(folder, path);
