/** `mrpo data`, as a user types it; once with a real model behind the real backend. */
import { describe, expect, it } from 'vitest';

import type { TokenRule } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { dataReport } from '../../src/cli/data-report.js';
import { viewTokens } from '../../src/cli/token-view.js';
import { formatNames, readPreferenceData } from '../../src/data/index.js';
import { summariseData } from '../../src/data/summarise.js';
import { runMrpo } from '../support/run-mrpo.js';
import { tinyModel } from '../support/tiny-models.js';
import { dataFolder, failureOf, goodRow, lines } from './support.js';

const folder = dataFolder();
const data = (...argv: string[]) => runMrpo(['data', ...argv], { cwd: folder.path });
const chat = (number: number) => ({
  prompt: [{ role: 'user', content: `Question ${number}?` }],
  chosen: [{ role: 'assistant', content: `A rather long good answer ${number}` }],
  rejected: [{ role: 'assistant', content: `Bad ${number}` }],
});

describe('mrpo data', () => {
  const file = folder.write('rows.jsonl', lines(chat(1), '{broken', chat(2), { ...chat(3), chosen: [] }, chat(1)));

  it('says format, counts, lengths, length bias, samples, and every dropped row with its line', async () => {
    const { code, stdout, stderr } = await data(file, '--samples', '1');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('JSON lines, rows of format trl-conversational');
    expect(stdout).toContain('5 rows: 3 pairs, 2 dropped; 2 prompts, 1 duplicate, 0 contradictions');
    expect(stdout).toMatch(/^chosen +characters +27 +27 +27 +27 +27 +27$/m);
    expect(stdout).toContain('chosen is longer than rejected in 100.0% of the pairs');
    expect(stdout).toContain('  | <user> Question 1?');
    expect(stdout).toMatch(
      /dropped: 2 rows\n {2}1 x not JSON: .*\(first: line 2\)\n {2}1 x chosen: empty response \(first: line 4\)/,
    );
    expect(stdout.match(/^sample /gm)).toHaveLength(1);
  });

  it.each([
    ['jsonl', '{}\n'.repeat(200_000), /rows of no known format: they have no fields/],
    ['csv', `prompt,chosen,rejected\n${'"a\n'.repeat(3)}`, /no rows|not CSV/],
  ])('reads a long or broken .%s file to its end', async (ending, content, problem) => {
    const { code, stderr } = await data(folder.write(`long.${ending}`, content));
    expect(code).toBe(1);
    expect(stderr).toMatch(problem);
  });

  it('prints one JSON object with the same facts', async () => {
    const { code, stdout, stderr } = await data(file, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({
      format: 'trl-conversational',
      counts: { rows: 5, pairs: 3, dropped: 2, prompts: 2 },
      duplicates: 1,
      chosenLonger: 1,
      dropped: [{ line: 2 }, { line: 4, reason: 'chosen: empty response' }],
    });
    expect(summary.samples).toHaveLength(3);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it('lists dropped rows one by one where many share a reason, up to a limit', async () => {
    const many = folder.write(
      'many.jsonl',
      lines(goodRow(), ...Array.from({ length: 5 }, () => ({ ...goodRow(), chosen: 3 }))),
    );
    const limited = await data(many, '--dropped', '2');
    expect(limited.stdout).toContain('5 x chosen: expected text, got number 3 (first: line 2)\n  line 2: chosen');
    expect(limited.stdout).toContain('... 3 more: --dropped all');
    expect((await data(many, '--dropped', 'all')).stdout).toContain('  line 6: chosen: expected text');
  });

  it('shows what was dropped even where nothing is left, and fails', async () => {
    const none = folder.write('none.jsonl', lines({ ...goodRow(), chosen: '' }));
    const { code, stdout, stderr } = await data(none, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      counts: { pairs: 0, dropped: 1 },
      dropped: [{ line: 1, reason: 'chosen: empty response' }],
    });
    expect(stderr).toContain('none of its 1 rows can be used');
  });

  it('counts entries of a JSON list as rows, not lines', async () => {
    const list = folder.write(
      'list.json',
      JSON.stringify([chat(1), { ...chat(2), chosen: [] }, { ...chat(3), chosen: [] }], undefined, 2),
    );
    const { stdout } = await data(list);
    expect(stdout).toContain('sample 1 (row 1)');
    expect(stdout).toContain('2 x chosen: empty response (first: row 2)\n  row 2: chosen: empty response\n  row 3: ');
    const none = await failureOf(
      readPreferenceData(folder.write('none.json', JSON.stringify([{ ...chat(1), chosen: [] }]))),
    );
    expect(none.message).toContain('(first: row 1)');
    const strict = await failureOf(readPreferenceData(list, { strict: true }));
    expect(strict.message).toContain('row 2: chosen: empty response');
  });

  it('names the formats', async () => {
    const { stdout } = await data('--list-formats');
    for (const name of formatNames()) expect(stdout).toContain(name);
    expect(JSON.parse((await data('--list-formats', '--json')).stdout).formats).toHaveLength(formatNames().length);
  });

  it.each([
    [['nowhere.jsonl'], 1, 'no such file'],
    [[], 2, 'expected a file, or --list-formats'],
    [[file, '--format', 'sharegtp'], 2, 'Did you mean "sharegpt"?'],
    [[file, '--columns', 'question'], 2, 'expected prompt=, chosen=, rejected=, system='],
    [[file, '--columns', 'prompt=a,prompt=b'], 2, 'prompt is given two columns'],
    [[file, '--model', 'toy:a', '--max-length', '0'], 2, 'expected at least 2'],
    [[file, '--max-length', '1'], 2, 'expected at least 2'],
    [[file, '--pairing', 'best'], 2, 'best-vs-worst'],
    [[file, '--samples', 'x'], 2, 'expected a whole number'],
  ])('%j ends with a clear error', async (argv, code, message) => {
    const result = await data(...argv);
    expect(result).toMatchObject({ code, stdout: '' });
    expect(result.stderr).toContain(message);
  });

  it('shows pairs as a real model sees them: its tokens, its template, its special tokens', async () => {
    const { code, stdout, stderr } = await data(file, '--model', tinyModel('llama'), '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { tokens } = JSON.parse(stdout);
    expect(tokens).toMatchObject({ pairs: 3, truncated: 0, unusable: {} });
    const [sample] = tokens.samples;
    expect(sample.pieces.prompt).toHaveLength(sample.promptTokens);
    expect(sample.rendered.prompt).toContain('Question 1?');
    expect(sample.rendered.prompt).not.toBe('Question 1?');
    expect(tokens.tokens.chosen.median).toBe(sample.chosenTokens);
  }, 240_000);

  it('counts what a limit cuts or excludes, in the report', async () => {
    const backend = createMemoryBackend();
    const summary = await summariseData(file, { keepFirst: 10 });
    const report = async (rule: TokenRule): Promise<string> => {
      const view = await viewTokens(backend, { source: 'toy:a' }, summary.first, rule, 1, new AbortController().signal);
      return dataReport(summary, view, 1, 50);
    };
    const whole = await report({ maxLength: 1024, truncation: 'keep_start', template: 'chat' });
    expect(whole).toMatch(/^prompt +characters .*\n +bytes .*\n +tokens +\d+/m);
    expect(whole).toContain(
      'tokens of toy:a, first 3 pairs, template chat, at most 1024 tokens (keep_start):\n  0 pairs cut; cannot be used: none',
    );
    const [facts] = (
      await backend.registerRows((await backend.loadModel({ source: 'toy:a' })).handle, summary.first, {
        maxLength: 1024,
        truncation: 'drop',
        template: 'chat',
        returnTokens: true,
      })
    ).rows;
    expect(whole).toContain(`  prompt\n  | ${facts?.rendered?.prompt.split('\n')[0]}`);
    const tight = (facts?.promptTokens ?? 0) + (facts?.chosenTokens ?? 0) - 1;
    expect(await report({ maxLength: tight, truncation: 'drop', template: 'chat' })).toContain(
      '0 pairs cut; cannot be used: 3 too long',
    );
    expect(await report({ maxLength: tight, truncation: 'keep_start', template: 'chat' })).toContain(
      '3 pairs cut; cannot be used: none',
    );
  });
});
