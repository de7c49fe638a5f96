import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { loadConfig, presetNames } from '../../src/config/index.js';
import {
  configKeyPaths,
  alternatives,
  configJsonSchema,
  configJsonSchemaText,
  type SchemaNode,
} from '../../src/config/json-schema.js';
import { formatPath } from '../../src/config/path.js';
import { SCHEMA_FILE } from '../../src/config/schema-file.js';
import { starterConfig } from '../../src/config/starter.js';
import { runMrpo } from '../support/run-mrpo.js';

const folder = mkdtempSync(join(tmpdir(), 'mrpo-init-'));
afterAll(() => rmSync(folder, { recursive: true }));

const load = (text: string) => loadConfig({ text, env: {}, cwd: folder }).config;

describe('the starter file', () => {
  it.each([undefined, ...presetNames()])('loads as it is, preset %s', (preset) => {
    const config = load(starterConfig(preset, './schema.json'));
    expect(config.data.train).toBe(join(folder, 'pairs.jsonl'));
    if (preset === undefined) return;
    // Writing a preset out and naming it are the same, but for what the starter adds for the user to replace.
    const named = load(
      `preset: ${preset}\npolicy: { model: ./models/base }\nreferences: [{ model: policy }]\ndata: { train: pairs.jsonl }`,
    );
    expect(config.objective).toEqual(named.objective);
    expect(config.training).toEqual(named.training);
  });

  it.each([undefined, 'paper-small'])(
    'changes nothing when its commented defaults are switched on, preset %s',
    (preset) => {
      const text = starterConfig(preset, './schema.json');
      const switchedOn = text.replace(/^(\s*)#(\w+: \S.*)$/gm, '$1$2');
      expect(switchedOn).not.toBe(text);
      expect(load(switchedOn)).toEqual(load(text));
    },
  );

  it('has every key of the schema, with its description', () => {
    const text = starterConfig(undefined, './schema.json');
    const shown = configKeyPaths().filter(([first]) => first !== '$schema' && first !== 'preset');
    // Keys inside alternatives that the starter does not choose: other clip modes, weight methods, poolings, lists of files.
    const hidden = [
      'objective.clip.epsilon',
      'objective.weights',
      'objective.pooling',
      'data.columns',
      'data.messages',
      'data.train',
      'data.eval',
    ];
    for (const path of shown) {
      const name = formatPath(path);
      if (
        hidden.some(
          (start) => name.startsWith(`${start}.`) || name.startsWith(`${start}[`) || name === 'objective.clip.epsilon',
        )
      )
        continue;
      expect(text, name).toMatch(new RegExp(`^\\s*(- |#)?${path.at(-1)}:`, 'm'));
    }
  });
});

describe('the schema', () => {
  it('describes every key', () => {
    const undescribed: string[] = [];
    const visit = (node: SchemaNode, name: string): void => {
      for (const shape of alternatives(node)) {
        for (const [key, child] of Object.entries(shape.properties ?? {})) {
          // A constant says which shape it is; the shapes are described together.
          if (child.description === undefined && child.const === undefined) undescribed.push(`${name}.${key}`);
          visit(child, `${name}.${key}`);
        }
        if (shape.items !== undefined) visit(shape.items, `${name}[]`);
      }
    };
    visit(configJsonSchema(), '');
    expect(undescribed).toEqual([]);
  });

  it('is the file that editors read; npm run generate writes it', () => {
    expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(configJsonSchemaText());
  });
});

describe('mrpo init', () => {
  it('writes a file that loads, with the schema linked, and never overwrites one', async () => {
    const file = join(folder, 'run.yaml');
    const first = await runMrpo(['init', 'run.yaml', '--preset', 'dpo'], { cwd: folder });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain('npx mrpo train run.yaml');
    const written = readFileSync(file, 'utf8');
    expect(written.split('\n')[0]).toBe(`# yaml-language-server: $schema=${SCHEMA_FILE}`);
    expect(loadConfig({ file, env: {}, cwd: folder }).config.objective.loss).toBe('dpo');
    writeFileSync(file, 'mine');
    const second = await runMrpo(['init', 'run.yaml'], { cwd: folder });
    expect(second.code).toBe(2);
    expect(second.stderr).toContain('exists already');
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it('prints the starter, the presets, and JSON', async () => {
    expect((await runMrpo(['init', '-'], { cwd: folder })).stdout).toContain('learning_rate: 1e-5');
    const list = await runMrpo(['init', '--list-presets'], { cwd: folder });
    for (const name of presetNames()) expect(list.stdout).toContain(name);
    const json = await runMrpo(['init', 'other.yaml', '--json'], { cwd: folder });
    expect(JSON.parse(json.stdout)).toEqual({ file: join(folder, 'other.yaml'), preset: null });
  });

  it('names the nearest preset', async () => {
    const result = await runMrpo(['init', 'x.yaml', '--preset', 'paper-smal'], { cwd: folder });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('Did you mean "paper-small"?');
    expect((await runMrpo(['init', 'no/such/x.yaml'], { cwd: folder })).stderr).toContain('does not exist');
  });
});
