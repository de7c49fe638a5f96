/** Toys on disk: an exported adapter or merged model is one JSON file beside its model card. */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportOptions } from '../backend.js';
import { BackendFault } from '../fault.js';
import { PARAMETERS, namedWeights } from './toy-model.js';
import { effectiveWeights, type ToyAdapter } from './toy-trainer.js';

const MODEL_FILE = 'toy-model.json';
const ADAPTER_FILE = 'toy-adapter.json';

interface ToyFile {
  /** Decides the tokenizer. */
  readonly name: string;
  readonly values: readonly number[];
}

/** Weights of `toy:NAME` or of a folder with a merged toy, and the name whose tokenizer it uses. */
export async function readToy(source: string): Promise<{ name: string; weights: Float64Array }> {
  if (source.startsWith('toy:')) return { name: source, weights: namedWeights(source) };
  const file = await readToyFile(join(source, MODEL_FILE), source);
  return { name: file.name, weights: Float64Array.from(file.values) };
}

/** What an adapter folder adds to the weights. */
export async function readToyAdapter(folder: string): Promise<Float64Array> {
  return Float64Array.from((await readToyFile(join(folder, ADAPTER_FILE), folder)).values);
}

/** Writes into a folder that must not exist or must be empty; returns the names of the files. */
export async function writeToy(
  folder: string,
  content: ExportOptions & { name: string; base: Float64Array; adapter: ToyAdapter | undefined },
): Promise<readonly string[]> {
  if (content.replace === true && content.rehearse !== true) await rm(folder, { recursive: true, force: true });
  if (content.replace !== true && (await readdir(folder).catch(() => [])).length > 0) {
    throw new BackendFault('path_refused', `export: ${folder} is not empty`, { hint: 'Name a new folder.' });
  }
  if (content.rehearse === true) return [];
  await mkdir(folder, { recursive: true });
  const weights = content.adapter === undefined ? content.base : effectiveWeights(content.adapter);
  const delta = weights.map((weight, i) => weight - (content.base[i] ?? 0));
  const added = content.rawFolder ? await readToyAdapter(content.rawFolder) : delta;
  const values = content.merge ? content.base.map((weight, i) => weight + (added[i] ?? 0)) : added;
  const name = content.merge ? MODEL_FILE : ADAPTER_FILE;
  const file: ToyFile = { name: content.name, values: [...values] };
  await writeFile(join(folder, name), JSON.stringify(file));
  await writeFile(join(folder, 'README.md'), content.modelCard);
  return [name, 'README.md'];
}

async function readToyFile(path: string, source: string): Promise<ToyFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new BackendFault('model_not_found', `model "${source}": no ${path}`, {
      cause,
      hint: 'The in-memory backend knows toys named "toy:NAME" and folders that it exported.',
    });
  }
  const file = JSON.parse(text) as ToyFile;
  if (file.values.length !== PARAMETERS) {
    throw new BackendFault('model_invalid', `${path}: got ${file.values.length} values, expected ${PARAMETERS}`);
  }
  return file;
}
