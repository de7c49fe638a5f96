/** The files and folders that an order names: whether each is there, and what it is at this moment. */
import { constants } from 'node:fs';
import { access, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { dataSources, isPolicyReference, type RunConfig } from '../../config/index.js';
import { MrpoError, toMrpoError } from '../../core/errors.js';
import { sourceFiles } from '../../data/index.js';
import type { RefusedField } from '../fault.js';

/** A path of this machine in a configuration. */
export interface NamedFile {
  /** As a path from the request: "spec.data.train[1]". */
  readonly field: string;
  /** Absolute: a file, a folder or a pattern. */
  readonly path: string;
  /** Of all its files together. */
  readonly bytes: number;
  /** When the newest of them was written, in milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** What has come of looking. */
export interface NamedFiles {
  readonly found: readonly NamedFile[];
  readonly refused: readonly RefusedField[];
  /** Names of models that are no paths: they stand for models of a hub. */
  readonly hubIds: readonly RefusedField[];
}

interface Named {
  readonly field: string;
  readonly path: string;
  /** Its files; none for what a hub has. @throws MrpoError for what a run would fail with. */
  readonly files: () => Promise<readonly string[]>;
}

/**
 * Looks at everything that a resolved configuration names. Nothing is opened: a pipe would never answer.
 * @param models Whether models lie on this machine: else only their backend can tell.
 */
export async function lookAtNamedFiles(config: RunConfig, models: boolean): Promise<NamedFiles> {
  const named = [...namedData(config), ...namedModule(config), ...(models ? namedModels(config) : [])];
  const found: NamedFile[] = [];
  const refused: RefusedField[] = [];
  for (const { field, path, files } of named) {
    try {
      const all = await files();
      if (all.length > 0) found.push({ field, path, ...(await factsOf(all)) });
    } catch (thrown) {
      refused.push({ field, description: toMrpoError(thrown).message });
    }
  }
  const names = models ? modelNames(config).filter(({ name }) => !isPath(name)) : [];
  const ids = names.map(({ field, name }) => ({ field, description: name }));
  return {
    found,
    refused: [...refused, ...ids.filter(({ description }) => !HUB_ID.test(description)).map(noHubId)],
    hubIds: ids.filter(({ description }) => HUB_ID.test(description)),
  };
}

const HUB_ID = /^[\w.-]+(\/[\w.-]+)?$/;

const noHubId = ({ field, description }: RefusedField): RefusedField => ({
  field,
  description: `${description}: no such folder or file, and no hub id (ORGANISATION/NAME)`,
});

/** Every local path of a resolved configuration is absolute. */
const isPath = (name: string): boolean => name.startsWith('/') || /^[A-Za-z]:[\\/]/.test(name);

function namedData({ data }: RunConfig): Named[] {
  const of = (field: string, written: Parameters<typeof dataSources>[0]): Named[] =>
    dataSources(written).map((source, i) => ({
      field: Array.isArray(written) ? `${field}[${i}]` : field,
      path: source.path,
      files: () => sourceFiles(source.path, source),
    }));
  return [
    ...of('spec.data.train', data.train),
    ...(typeof data.eval === 'number' ? [] : of('spec.data.eval', data.eval)),
  ];
}

const namedModule = ({ objective: { module } }: RunConfig): Named[] =>
  module === undefined ? [] : [{ field: 'spec.objective.module', path: module, files: async () => [module] }];

interface ModelName {
  readonly field: string;
  readonly name: string;
  /** Without which the folder is none. */
  readonly needs: readonly string[];
}

function modelNames({ policy, references }: RunConfig): ModelName[] {
  const of = (field: string, { model, adapter }: { readonly model: string; readonly adapter?: string | undefined }) => [
    { field: `${field}.model`, name: model, needs: ['config.json'] },
    ...(adapter === undefined
      ? []
      : [{ field: `${field}.adapter`, name: adapter, needs: ['adapter_config.json', 'adapter_model.safetensors'] }]),
  ];
  return [
    ...of('spec.policy', policy),
    ...references.flatMap((reference, i) =>
      isPolicyReference(reference) ? [] : of(`spec.references[${i}]`, reference),
    ),
  ];
}

const namedModels = (config: RunConfig): Named[] =>
  modelNames(config)
    .filter(({ name }) => isPath(name))
    .map(({ field, name, needs }) => ({ field, path: name, files: () => filesOfModel(name, needs) }));

async function filesOfModel(path: string, needs: readonly string[]): Promise<readonly string[]> {
  const facts = await factsOrUndefined(path);
  if (facts === undefined) throw new MrpoError('model', `${path}: no such folder or file`);
  if (!facts.isDirectory()) return [path];
  const names = await readdir(path).catch((cause: Error) => {
    throw new MrpoError('model', `${path}: cannot be read by the service: ${cause.message}`, { cause });
  });
  const missing = needs.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new MrpoError('model', `${path}: a folder without ${missing.join(' and ')}`);
  // What is neither asked for nor loaded from may be anything: a dead link, a folder that is somebody else's.
  const isNeeded = (name: string): boolean => needs.includes(name) || WEIGHTS.test(name);
  const kept = await Promise.all(names.map(async (name) => isNeeded(name) || (await isReadable(join(path, name)))));
  return names.filter((_, index) => kept[index]).map((name) => join(path, name));
}

/** What a model or an adapter is loaded from, if it is there. */
const WEIGHTS = /^(?:model|pytorch_model|adapter_model)\b.*\.(?:safetensors|bin)$/;

const isReadable = (file: string): Promise<boolean> =>
  access(file, constants.R_OK).then(
    () => true,
    () => false,
  );

const factsOrUndefined = (path: string) => stat(path).catch(() => undefined);

async function factsOf(files: readonly string[]): Promise<Pick<NamedFile, 'bytes' | 'modifiedAt'>> {
  let [bytes, modifiedAt] = [0, 0];
  for (const file of files) {
    const facts = await factsOrUndefined(file);
    if (facts === undefined) throw new MrpoError('data', `${file}: no such file`);
    await access(file, constants.R_OK).catch((cause: Error) => {
      throw new MrpoError('data', `${file}: cannot be read by the service: ${cause.message}`, { cause });
    });
    if (facts.isDirectory()) continue;
    if (facts.isFile() && facts.size === 0 && files.length === 1) throw new MrpoError('data', `${file}: is empty`);
    bytes += facts.size;
    modifiedAt = Math.max(modifiedAt, Math.round(facts.mtimeMs));
  }
  return { bytes, modifiedAt };
}
