import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const script = join(root, 'test/support/tiny_models.py');
const cache = join(root, '.cache/tiny-models');

/** The models that test/support/tiny_models.py describes. */
export type TinyModelName = 'llama' | 'mistral' | 'qwen2' | 'gemma3' | 'gpt2';

const paths = new Map<TinyModelName, string>();

/** The Python that runs tests: `MRPO_PYTHON`, else the checkout's own environment. */
export function testPython(): string {
  const chosen = process.env['MRPO_PYTHON'];
  if (chosen !== undefined && chosen !== '') return chosen;
  const own = process.platform === 'win32' ? '.venv/Scripts/python.exe' : '.venv/bin/python';
  const path = join(root, own);
  if (!existsSync(path)) throw new Error(`no Python environment at ${path}; npm test makes it`);
  return path;
}

/** Where the Python side puts a model; a folder that is there is complete. */
function folderOf(name: TinyModelName): string {
  const version = /^VERSION = (\d+)$/m.exec(readFileSync(script, 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${script}: expected a line "VERSION = ...", found none`);
  return join(cache, `v${version}`, name);
}

/**
 * Folder of a tiny Hugging Face model, built on first use (about 5 s) and kept under .cache/tiny-models.
 *
 * Any number of test processes may ask at once: the Python side puts finished folders in place atomically. Python is
 * started only where the folder is missing, for its imports take seconds.
 */
export function tinyModel(name: TinyModelName): string {
  const known = paths.get(name) ?? folderOf(name);
  paths.set(name, known);
  if (existsSync(known)) return known;
  const output = execFileSync(testPython(), [script, cache, name], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 300_000, // ms; eight builds at once on two cores stay far below
  });
  if (output.trim() !== known) throw new Error(`${script} built ${output.trim()}, expected ${known}`);
  return known;
}
