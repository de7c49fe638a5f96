import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

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

/**
 * Folder of a tiny Hugging Face model, built on first use (about 5 s) and kept under .cache/tiny-models.
 *
 * Any number of test processes may ask at once: the Python side puts finished folders in place atomically.
 */
export function tinyModel(name: TinyModelName): string {
  const known = paths.get(name);
  if (known !== undefined) return known;
  const script = join(root, 'test/support/tiny_models.py');
  const output = execFileSync(testPython(), [script, join(root, '.cache/tiny-models'), name], {
    encoding: 'utf8',
    env: { ...process.env, OMP_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 300_000, // ms; eight builds at once on two cores stay far below
  });
  const path = output.trim();
  paths.set(name, path);
  return path;
}
