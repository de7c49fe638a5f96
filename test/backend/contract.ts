/**
 * What every backend promises, as tests. They speak to a backend only through the seam, so the in-memory twin, the same
 * twin behind gRPC and the real Python backend run the same ones.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  PROTOCOL_VERSION,
  type Backend,
  type LoadedModel,
  type ModelSpec,
  type PairText,
  type RowSet,
  type TokenRule,
} from '../../src/backend/backend.js';
import { BackendFault } from '../../src/backend/fault.js';
import { PAIRS, RULE, pair } from './support/pairs.js';
import { describeTraining } from './contract-training.js';

export interface ContractTarget {
  readonly open: () => Promise<Backend>;
  readonly model: ModelSpec;
  readonly otherModel: ModelSpec;
  /** Relative error that the number format of the backend leaves in a log-prob. */
  readonly tolerance: number;
}

/** Scores rows and gives [chosen, rejected] by row. */
export async function scoresOf(
  backend: Backend,
  rowSet: string,
  options: Parameters<Backend['score']>[1] = {},
): Promise<Map<number, readonly [number, number]>> {
  const scores = new Map<number, readonly [number, number]>();
  for await (const { rows, logps } of backend.score(rowSet, options)) {
    rows.forEach((row, i) => {
      expect(scores.has(row), `row ${row} comes once`).toBe(false);
      scores.set(row, [logps.chosen[i] ?? NaN, logps.rejected[i] ?? NaN]);
    });
  }
  return scores;
}

/** Registers the tests under `name`; the backend is opened once for all of them. */
export function describeBackendContract(name: string, target: ContractTarget): void {
  describe(name, () => {
    let backend: Backend;
    let model: LoadedModel;
    let rows: RowSet;
    const folder = mkdtempSync(join(tmpdir(), 'mrpo-contract-'));
    const register = (pairs: Iterable<PairText> | AsyncIterable<PairText>, rule: TokenRule = RULE): Promise<RowSet> =>
      backend.registerRows(model.handle, pairs, rule);

    beforeAll(async () => {
      backend = await target.open();
      model = await backend.loadModel(target.model);
      rows = await register(PAIRS);
    });
    afterAll(async () => {
      await backend?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    describe('server', () => {
      it('says who it is, and is the same process each time', async () => {
        const [first, second] = [await backend.info(), await backend.info()];
        expect(first.protocolVersion).toBe(PROTOCOL_VERSION);
        expect(first.incarnation).not.toBe('');
        expect(second.incarnation).toBe(first.incarnation);
        expect(first.processId).toBeGreaterThan(0);
      });

      it('stops before it asks when the signal has fired', async () => {
        await expect(backend.info({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
      });
    });

    describe('models', () => {
      it('has one identity, loaded or not, and another for another model', async () => {
        const identity = await backend.identifyModel(target.model);
        expect(identity).toEqual(model.identity);
        expect(identity.weights).toMatch(/^[\da-f]{64}$/);
        expect((await backend.identifyModel(target.otherModel)).weights).not.toBe(identity.weights);
      });

      it('puts the chat template into the identity', async () => {
        const other = await backend.identifyModel({ ...target.model, chatTemplate: '{{ messages[0].content }}' });
        expect(other.chatTemplate).not.toBe(model.identity.chatTemplate);
        expect(other.weights).toBe(model.identity.weights);
      });

      it('describes what it loaded', () => {
        expect(model.parameters).toBeGreaterThan(0);
        expect(model.vocabulary).toBeGreaterThan(1);
        expect(model.hasChatTemplate).toBe(true);
        expect(['shared', 'plain']).toContain(model.layout);
      });

      it('reports progress while it loads', async () => {
        const stages: string[] = [];
        const loaded = await backend.loadModel(target.otherModel, { onProgress: ({ stage }) => stages.push(stage) });
        expect(stages).toContain('load');
        await backend.unloadModel(loaded.handle);
      });

      it('names a path that does not exist', async () => {
        const missing = join(folder, 'no-such-model');
        await expect(backend.loadModel({ source: missing })).rejects.toMatchObject({ reason: 'model_not_found' });
        await expect(backend.loadModel({ source: missing })).rejects.toThrow(missing);
        await expect(backend.identifyModel({ source: missing })).rejects.toMatchObject({ code: 'model' });
      });

      it('frees a model with its rows, and takes an unknown handle', async () => {
        const loaded = await backend.loadModel(target.otherModel);
        const set = await backend.registerRows(loaded.handle, PAIRS, RULE);
        await backend.unloadModel(loaded.handle);
        await backend.unloadModel(loaded.handle);
        await expect(scoresOf(backend, set.handle)).rejects.toMatchObject({ reason: 'unknown_handle' });
      });
    });

    describe('rows', () => {
      it('tells the length of each, in the order given', () => {
        expect(rows.rows).toHaveLength(PAIRS.length);
        for (const row of rows.rows) {
          expect(row.promptTokens).toBeGreaterThan(0);
          expect(row.chosenTokens).toBeGreaterThan(0);
          expect(row.unusable).toBeUndefined();
          expect(row.rendered).toBeUndefined();
        }
        expect(rows.rows[0]?.chosenTokens).toBeGreaterThan(rows.rows[0]?.rejectedTokens ?? Infinity);
      });

      it('keeps the order over many messages, from an async source', async () => {
        const count = 2500;
        const unusable = (i: number): boolean => i % 97 === 0;
        async function* source(): AsyncGenerator<PairText> {
          for (let i = 0; i < count; i++) yield pair(`count to ${i}`, 'yes', unusable(i) ? 'yes' : 'no');
        }
        const done: number[] = [];
        const options = { onProgress: (progress: { done: number }) => void done.push(progress.done) };
        const set = await backend.registerRows(model.handle, source(), RULE, options);
        expect(set.rows).toHaveLength(count);
        set.rows.forEach((row, i) => expect(row.unusable, `row ${i}`).toBe(unusable(i) ? 'identical' : undefined));
        expect(done.at(-1) ?? count).toBe(count);
      });

      it('says why a row cannot be scored', async () => {
        const long = 'word '.repeat(80);
        const set = await register(
          [pair('q', 'a', ''), pair('q', 'a', 'a'), pair(long, 'a', 'b'), pair('q', 'a', 'b')],
          {
            ...RULE,
            maxLength: 40,
            truncation: 'drop',
          },
        );
        expect(set.rows.map((row) => row.unusable)).toEqual(['empty_response', 'identical', 'too_long', undefined]);
      });

      it('scores the turns of the assistant in a response of several, or all', async () => {
        const several = {
          ...pair('q', 'yes', 'no'),
          chosen: ['which one?', 'the French one', 'yes'].map((content, i) => ({
            role: i === 1 ? 'user' : 'assistant',
            content,
          })),
        };
        const [own, all] = [await register([several]), await register([several], { ...RULE, scoreTurns: 'all' })];
        const [ownRow, allRow] = [own.rows[0], all.rows[0]];
        expect(ownRow?.chosenTokens).toBeGreaterThan(0);
        expect(allRow?.chosenTokens).toBeGreaterThan((ownRow?.chosenTokens ?? NaN) + 'the French one'.length / 6);
        expect(allRow?.rejectedTokens).toBe(ownRow?.rejectedTokens);
        const [ownScores, allScores] = [await scoresOf(backend, own.handle), await scoresOf(backend, all.handle)];
        expect(ownScores.get(0)?.[0]).toBeGreaterThan(allScores.get(0)?.[0] ?? NaN);
        expect(ownScores.get(0)?.[1]).toBeCloseTo(allScores.get(0)?.[1] ?? NaN, 3);
      });

      it('cuts a long response and flags it', async () => {
        const set = await register([pair('q', 'word '.repeat(80), 'b')], { ...RULE, maxLength: 40 });
        expect(set.rows[0]).toMatchObject({ truncatedChosen: true, truncatedRejected: false, unusable: undefined });
        const [row] = set.rows;
        expect((row?.promptTokens ?? NaN) + (row?.chosenTokens ?? NaN)).toBe(40);
      });

      it('shows text and tokens when asked', async () => {
        const set = await register(PAIRS.slice(0, 1), { ...RULE, returnTokens: true });
        const [row] = set.rows;
        expect(row?.rendered?.prompt).toContain('name a colour');
        expect(row?.rendered?.chosen).toContain('blue is a colour');
        expect(row?.pieces?.prompt).toHaveLength(row?.promptTokens ?? NaN);
        expect(row?.pieces?.chosen).toHaveLength(row?.chosenTokens ?? NaN);
        expect(row?.pieces?.rejected).toHaveLength(row?.rejectedTokens ?? NaN);
      });

      it('takes plain text without a template', async () => {
        const plain = { ...pair('Once upon a time', ' there was', ' nothing'), plain: true };
        const set = await register([plain], { ...RULE, returnTokens: true });
        expect(set.rows[0]?.rendered?.prompt).toContain('Once upon a time'); // with BOS where the tokenizer puts one
      });

      it('refuses an unknown model', async () => {
        const attempt = backend.registerRows('no-such-handle', PAIRS, RULE);
        await expect(attempt).rejects.toMatchObject({ reason: 'unknown_handle' });
      });

      it('passes on what its source throws', async () => {
        async function* broken(): AsyncGenerator<PairText> {
          yield PAIRS[0] as PairText;
          throw new TypeError('line 2 is broken');
        }
        await expect(register(broken())).rejects.toThrow('line 2 is broken');
      });
    });

    describe('scores', () => {
      it('gives each usable row once, finite and at most 0', async () => {
        const scores = await scoresOf(backend, rows.handle);
        expect([...scores.keys()].sort()).toEqual([0, 1, 2, 3]);
        for (const logp of [...scores.values()].flat()) {
          expect(logp).toBeLessThan(0);
          expect(Number.isFinite(logp)).toBe(true);
        }
      });

      it('gives the same numbers again, and for a part of the rows', async () => {
        const all = await scoresOf(backend, rows.handle);
        expect(await scoresOf(backend, rows.handle)).toEqual(all);
        const part = await scoresOf(backend, rows.handle, { rows: [2, 0] });
        expect([...part.keys()].sort()).toEqual([0, 2]);
        for (const [row, pairOfLogps] of part) expectClose(pairOfLogps, all.get(row) ?? [], target.tolerance);
      });

      it('leaves rows out that cannot be scored, and refuses to be asked for one', async () => {
        const set = await register([pair('q', 'a', 'a'), pair('q', 'a', 'b')]);
        expect([...(await scoresOf(backend, set.handle)).keys()]).toEqual([1]);
        await expect(scoresOf(backend, set.handle, { rows: [0] })).rejects.toMatchObject({ reason: 'row_invalid' });
        await expect(scoresOf(backend, set.handle, { rows: [2] })).rejects.toMatchObject({ reason: 'row_invalid' });
        expect((await scoresOf(backend, set.handle, { rows: [] })).size).toBe(0);
      });

      it('does not depend on what else is in the batch', async () => {
        const alone = await scoresOf(backend, rows.handle, { rows: [3] });
        const together = await scoresOf(backend, rows.handle);
        expectClose(alone.get(3) ?? [], together.get(3) ?? [], target.tolerance);
      });

      it('counts progress up to all rows', async () => {
        const progress: number[] = [];
        await scoresOf(backend, rows.handle, { onProgress: ({ done }) => progress.push(done) });
        expect(progress.at(-1) ?? PAIRS.length).toBe(PAIRS.length);
      });

      it('stops on a signal and can be asked again', async () => {
        const many = Array.from({ length: 400 }, (_, i) => pair(`count to ${i}`, 'one two three', 'no'));
        const set = await register(many);
        const stop = new AbortController();
        const stopped = (async () => {
          for await (const _chunk of backend.score(set.handle, { signal: stop.signal })) stop.abort();
        })();
        await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
        expect((await scoresOf(backend, rows.handle)).size).toBe(PAIRS.length);
      });

      it('can be left in the middle', async () => {
        for await (const _chunk of backend.score(rows.handle)) break;
        expect((await scoresOf(backend, rows.handle)).size).toBe(PAIRS.length);
      });
    });

    describe('text', () => {
      const prompts = ['say hello', 'name a colour'].map((content) => ({
        messages: [{ role: 'user', content }],
        plain: false,
      }));
      const generate = async (options: Parameters<Backend['generate']>[2]): Promise<string[]> => {
        const texts: string[] = [];
        for await (const { index, text, tokens } of backend.generate(model.handle, prompts, options)) {
          expect(tokens).toBeLessThanOrEqual(options.maxNewTokens);
          texts[index] = text;
        }
        expect(texts).toHaveLength(prompts.length);
        return texts;
      };

      it('is the same twice when greedy', async () => {
        expect(await generate({ maxNewTokens: 8 })).toEqual(await generate({ maxNewTokens: 8 }));
      });

      it('follows the seed when sampled', async () => {
        const sampling = { maxNewTokens: 16, temperature: 1.5 };
        const first = await generate({ ...sampling, seed: 1 });
        expect(await generate({ ...sampling, seed: 1 })).toEqual(first);
        expect(await generate({ ...sampling, seed: 2 })).not.toEqual(first);
      });
    });

    describe('files', () => {
      it('refuses to write into a folder that holds something', async () => {
        const full = join(folder, 'full');
        mkdirSync(full);
        writeFileSync(join(full, 'keep.txt'), 'mine');
        const attempt = backend.exportModel(model.handle, full, { merge: false, modelCard: '' });
        await expect(attempt).rejects.toMatchObject({ reason: 'path_refused' });
      });

      it('has no data set from a hub that cannot be reached', async () => {
        const read = async (): Promise<void> => {
          for await (const _row of backend.readDataset('nobody/no-such-data-set')) break;
        };
        // `unsupported`: the optional package that reads hub data sets is not installed.
        const fault: unknown = await read().catch((thrown: unknown) => thrown);
        expect(fault).toBeInstanceOf(BackendFault);
        expect(['dataset_not_found', 'unsupported']).toContain((fault as BackendFault).reason);
      });
    });

    describeTraining(target, folder, () => backend);

    describe('the end', () => {
      it('can be closed twice, and answers nothing afterwards', async () => {
        await backend.close();
        await backend.close();
        await expect(backend.info()).rejects.toMatchObject({ reason: 'unreachable' });
        await expect(scoresOf(backend, rows.handle)).rejects.toMatchObject({ reason: 'unreachable' });
      });
    });
  });
}

/** Equal up to a relative error. */
export function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(got.length).toBe(expected.length);
  Array.from(got).forEach((value, i) => {
    const wanted = expected[i] ?? NaN;
    expect(Math.abs(value - wanted), `got ${value}, expected ${wanted}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, Math.abs(wanted)),
    );
  });
}
