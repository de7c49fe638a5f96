/** ListModels: what lies below the roots and can be a model of a spec. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model } from '../../gen/mrpo/runs/v1/runs.js';
import type { Service } from './service.js';

/** Folders are looked into so deep, and so many of them. */
const DEEPEST = 4;
const MOST_FOLDERS = 5000;

/** Sorted by path. Hidden folders and links are left out. */
export async function listModels({ roots }: Service): Promise<Model[]> {
  const models: Model[] = [];
  let folders = 0;
  const look = async (folder: string, depth: number): Promise<void> => {
    if (depth > DEEPEST || (folders += 1) > MOST_FOLDERS) return;
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    for (const name of names.filter((file) => /\.gguf$/i.test(file))) models.push(await single(join(folder, name)));
    const adapter = names.includes('adapter_config.json');
    if (adapter || names.includes('config.json')) {
      const model = await folderModel(folder, names, adapter);
      if (model !== undefined) models.push(model);
    }
    for (const entry of entries) {
      if (entry.isDirectory() && !entry.name.startsWith('.')) await look(join(folder, entry.name), depth + 1);
    }
  };
  for (const root of roots.folders) await look(root, 0);
  return [...new Map(models.map((model) => [model.path, model])).values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

const single = async (path: string): Promise<Model> => ({
  path,
  architecture: '',
  bytes: (await stat(path)).size,
  adapter: false,
});

async function folderModel(path: string, names: readonly string[], adapter: boolean): Promise<Model | undefined> {
  const weights = names.filter((name) => name.endsWith('.safetensors'));
  if (weights.length === 0) return undefined;
  const sizes = await Promise.all(weights.map(async (name) => (await stat(join(path, name))).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { path, architecture: adapter ? '' : await architectureOf(join(path, 'config.json')), bytes, adapter };
}

async function architectureOf(file: string): Promise<string> {
  try {
    const { architectures } = JSON.parse(await readFile(file, 'utf8')) as { architectures?: unknown };
    return Array.isArray(architectures) ? String(architectures[0]) : '';
  } catch {
    return '';
  }
}
