/** What the quickstart's table stands on: pairs made by the Python side, answers checked by the TypeScript side. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from 'mrpo';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { givenAnswer, mark } from '../../examples/quickstart/check-answers.js';
import { runConfigs } from '../../examples/quickstart/settings.js';
import { resultTable, tableText, type Column } from '../../examples/quickstart/table.js';
import { projectRoot, type World } from '../../examples/quickstart/world.js';
import { testPython } from '../support/tiny-models.js';

interface Row {
  readonly prompt: readonly { readonly content: string }[];
  readonly chosen: readonly { readonly content: string }[];
  readonly rejected: readonly { readonly content: string }[];
  readonly skill: string;
  readonly answer: string;
}

const WRITE =
  'import sys, pathlib; from py_backend.miniature.__main__ import write_pairs; write_pairs(pathlib.Path(sys.argv[1]))';

let folder: string;
let train: Row[];
let heldOut: Row[];

const text = (messages: Row['prompt']): string => messages.map(({ content }) => content).join('\n');
const read = (name: string): Row[] =>
  readFileSync(join(folder, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);

function writeWorld(target: string): void {
  execFileSync(testPython(), ['-c', WRITE, target], { cwd: projectRoot });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mrpo-world-'));
  writeWorld(folder);
  [train, heldOut] = [read('train.jsonl'), read('held-out.jsonl')];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the pairs', () => {
  it('are the same every time', () => {
    const other = mkdtempSync(join(tmpdir(), 'mrpo-world-'));
    writeWorld(other);
    for (const name of ['train.jsonl', 'held-out.jsonl']) {
      expect(readFileSync(join(other, name), 'utf8')).toBe(readFileSync(join(folder, name), 'utf8'));
    }
    rmSync(other, { recursive: true });
  });

  it('are a few hundred about every skill, none twice, and no held-out question is trained on', () => {
    expect([train.length, heldOut.length]).toEqual([300, 120]);
    for (const rows of [train, heldOut]) {
      expect([...new Set(rows.map(({ skill }) => skill))].sort()).toEqual(['sums', 'weights', 'words']);
      expect(new Set(rows.map((row) => `${text(row.prompt)}|${text(row.rejected)}`)).size).toBe(rows.length);
    }
    const trained = new Set(train.map(({ prompt }) => text(prompt)));
    expect(heldOut.filter(({ prompt }) => trained.has(text(prompt)))).toEqual([]);
  });

  it('are right when chosen and wrong when rejected, as the checker sees it', () => {
    const rows = [...train, ...heldOut];
    const answerWords = new Set(rows.map(({ answer }) => answer));
    const questions = rows.map(({ prompt, skill, answer }) => ({ prompt: text(prompt), skill, answer }));
    const marks = mark(
      { questions, answerWords },
      rows.map(({ chosen }) => text(chosen)),
    );
    expect(marks.right).toBe(rows.length);
    expect(
      mark(
        { questions, answerWords },
        rows.map(({ rejected }) => text(rejected)),
      ).right,
    ).toBe(0);
  });

  it('are not told apart by their voice: half of the rejected speak like the chosen', () => {
    const careful = train.filter(({ rejected }) => text(rejected).startsWith('The answer is')).length;
    expect(careful / train.length).toBeGreaterThan(0.4);
    expect(careful / train.length).toBeLessThan(0.6);
    expect(train.every(({ chosen }) => text(chosen).startsWith('The answer is'))).toBe(true);
  });
});

describe('the checker', () => {
  const answerWords = new Set(['water', 'fire']);

  it.each([
    ['The answer is water.', 'water'],
    ['Water, not fire', 'water'],
    ['WATER!', 'water'],
    ['firewater', undefined],
    ['', undefined],
  ])('reads %j as %s', (said, answer) => {
    expect(givenAnswer(said, answerWords)).toBe(answer);
  });

  it('counts by skill, and a missing answer as wrong', () => {
    const questions = [
      { prompt: 'a', skill: 'words', answer: 'water' },
      { prompt: 'b', skill: 'words', answer: 'fire' },
      { prompt: 'c', skill: 'sums', answer: 'fire' },
    ];
    expect(mark({ questions, answerWords }, ['water', 'water'])).toEqual({
      right: 1,
      asked: 3,
      bySkill: { words: { right: 1, asked: 2 }, sums: { right: 0, asked: 1 } },
    });
  });
});

describe('the settings', () => {
  it('are valid, and differ in references, loss and output alone', () => {
    const models = { llama: '/w/llama', mistral: '/w/mistral', qwen: '/w/qwen' };
    const world: World = {
      folder: '/w',
      models,
      train: '/w/t',
      heldOut: '/w/h',
      questions: [],
      answerWords: new Set(),
    };
    const [dpo, mrpo] = Object.values(runConfigs(world, '/runs')).map(
      (object) => loadConfig({ object, env: {} }).config,
    );
    expect(mrpo?.references).toHaveLength(3);
    expect({ ...mrpo, references: 0, objective: 0, output: 0 }).toEqual({
      ...dpo,
      references: 0,
      objective: 0,
      output: 0,
    });
  });
});

describe('the table', () => {
  const marks = { right: 1, asked: 2, bySkill: { sums: { right: 1, asked: 2 } } };
  const columns: Column[] = [
    { title: 'step 0', measures: { 'rewards/accuracies': 0, 'accuracies/per_token': 0.5 }, marks },
    {
      title: 'DPO',
      start: { 'rewards/accuracies': 0.125 },
      measures: { 'rewards/accuracies': 0.875, 'margins/refm1': 12.345 },
      marks,
    },
  ];

  it('has a row per figure and a dash where there is none', () => {
    expect(resultTable(columns, 0.4).rows).toEqual([
      ['accuracy, own reward', '0.0 %', '87.5 %'],
      ['    before training', '-', '12.5 %'],
      ['accuracy, reward against RefM1', '-', '-'],
      ['accuracy, no reference, per token', '50.0 %', '-'],
      ['    of betting on the longer answer', '40.0 %', '40.0 %'],
      ['margin against RefM1 (nats)', '-', '12.35'],
      ['generated answers right', '1 of 2', '1 of 2'],
      ['    sums', '1 of 2', '1 of 2'],
    ]);
  });

  it('is straight on a terminal', () => {
    const lines = tableText(resultTable(columns, 0.4)).split('\n');
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  });
});
