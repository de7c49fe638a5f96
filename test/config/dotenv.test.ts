import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { applyDotenv, readDotenv } from '../../src/config/dotenv.js';
import { readEnvironment } from '../../src/config/overrides.js';

function folderWith(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-dotenv-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, '.env'), text);
  return folder;
}

describe('.env', () => {
  it('sets what is documented and is not set already', () => {
    const environment = { MRPO_TOKEN: 'mine' };
    const notes = applyDotenv(environment, folderWith('MRPO_TOKEN=other\nMRPO_BACKEND=gpu:1\nHF_TOKEN=hf\n'));
    expect(environment).toEqual({ MRPO_TOKEN: 'mine', MRPO_BACKEND: 'gpu:1', HF_TOKEN: 'hf' });
    expect(notes).toEqual([]);
  });

  it.each(['MRPO_PYTHON', 'PYTHONPATH', 'LD_PRELOAD', 'NODE_OPTIONS', 'HF_ENDPOINT', 'npm_config_registry', 'PATH'])(
    'does not set %s',
    (name) => {
      const environment = {};
      applyDotenv(environment, folderWith(`${name}=/evil\n`));
      expect(environment).toEqual({});
    },
  );

  it('says which names it sets in vain, and never what to', () => {
    const [note] = applyDotenv({}, folderWith('MRPO_PYTHON=/secret\nMRPO_TOKN=secret\nDATABASE_URL=secret\n'));
    expect(note).toMatch(/MRPO_PYTHON, MRPO_TOKN are not read from a file/);
    expect(note).not.toMatch(/secret|DATABASE/);
  });

  it.each(['MRPO_SET_objective__module=./evil.mjs', 'MRPO_SET_objective={module: ./evil.mjs, loss: custom}'])(
    'cannot choose a module that is run: %s',
    (line) => {
      const folder = folderWith(`${line}\n`);
      expect(() => readEnvironment({}, folder)).toThrow(/cannot name a module to run/);
      const [name = '', value] = line.split(/=(.*)/s);
      expect(readEnvironment({ [name]: value }, tmpdir())).toHaveLength(1);
    },
  );

  it('is a file: a folder of that name is nothing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mrpo-dotenv-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, '.env'));
    expect(readDotenv(folder)).toEqual({ variables: {}, settings: {}, ignored: [] });
  });
});
