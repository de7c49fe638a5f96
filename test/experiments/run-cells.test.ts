import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { thisProcess } from '../../src/core/process-owner.js';
import type { RunRecord } from '../../src/runs/index.js';
import { renderExperiment } from '../../src/experiments/experiment.js';
import { temporaryCache, temporaryFolder, writePairs } from '../runs/support.js';
import { runToy, toyMatrix, type ToyRun } from './support.js';

describe('the runs of a matrix', () => {
  it('are run once: the same call again runs nothing, and tables with the same cell share it', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryCache()];
    writePairs(folder);
    const out = join(folder, 'out');
    const twin = toyMatrix(folder, { name: 'twin', axes: { seed: [0], ...onlyMrpo(folder) }, compare: undefined });
    const first = await runToy([toyMatrix(folder), twin], out, cache);
    expect(first.summary).toMatchObject({ finished: 4, kept: 0, failed: [] });
    expect(readdirSync(join(out, 'cells'))).toHaveLength(4);
    expect(readdirSync(join(out, 'claims'))).toEqual([]);
    const again = await runToy([toyMatrix(folder), twin], out, cache);
    expect(again.summary).toMatchObject({ finished: 0, kept: 4, failed: [] });
    const { results, written } = await renderExperiment(again.experiment, { title: 'T', claim: 'C' });
    expect(results.map(({ cells, missing }) => [cells.length, missing.length])).toEqual([[4, 0], [1, 0]]); // prettier-ignore
    expect(readFileSync(written.page, 'utf8')).toContain('4 of 4 runs finished');
    expect(readdirSync(out).sort()).toEqual([
      'cells', 'checklist.md', 'claims', 'curves.svg', 'index.html', 'results.md', 'toy.csv', 'toy.tex', 'twin.csv',
    ]); // prettier-ignore
  });

  it('are other runs when the content of a file changes, and the same ones when a file only moves', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryCache()];
    writePairs(folder);
    const out = join(folder, 'out');
    const only = { axes: { seed: [0] as number[], ...onlyMrpo(folder) }, compare: undefined };
    await runToy([toyMatrix(folder, only)], out, cache);
    const moved = join(folder, 'elsewhere');
    mkdirSync(moved);
    writePairs(moved);
    expect((await runToy([toyMatrix(moved, only)], out, cache)).summary).toMatchObject({ kept: 1, finished: 0 });
    writeFileSync(join(moved, 'pairs.jsonl'), readFileSync(join(folder, 'pairs.jsonl'), 'utf8').replace('plus', 'and'));
    expect((await runToy([toyMatrix(moved, only)], out, cache)).summary).toMatchObject({ kept: 0, finished: 1 });
  });

  it('that fail are told with their reason, and stop nothing else', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryCache()];
    writePairs(folder);
    const broken = toyMatrix(folder);
    const matrix = {
      ...broken,
      axes: {
        ...broken.axes,
        method: { ...(broken.axes['method'] as object), lost: { data: { format: 'no-such-format' } } },
      },
    };
    const { summary, experiment } = await runToy([matrix], join(folder, 'out'), cache);
    expect(summary.finished).toBe(4);
    expect(summary.failed.map(({ path }) => path)).toEqual(['lost/0', 'lost/1']);
    const { results } = await renderExperiment(experiment, { title: 'T', claim: 'C' });
    expect(results[0]!.missing.map(({ reason }) => reason)[0]).toContain('no-such-format');
  });

  it('go on from their last checkpoint after a program that was cut, and its claim is swept', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryCache()];
    writePairs(folder);
    const undisturbed = await runToy([toyMatrix(folder)], join(folder, 'whole'), cache);
    const out = join(folder, 'out');
    const stop = new AbortController();
    const cut = await runToy([toyMatrix(folder)], out, cache, {
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 3 && stop.abort(),
    });
    expect(cut.summary).toMatchObject({ finished: 0, failed: [] });
    const [cell] = readdirSync(join(out, 'cells'));
    const record = join(out, 'cells', cell!, 'run.json');
    // As a killed process leaves it: still running, and its claim is there.
    writeFileSync(record, readFileSync(record, 'utf8').replace('"cancelled"', '"running"'));
    writeFileSync(join(out, 'claims', cell!), JSON.stringify({ ...thisProcess(), process: 2 ** 22 + 1 }));
    const again = await runToy([toyMatrix(folder)], out, cache);
    expect(again.summary).toMatchObject({ finished: 4, kept: 0, failed: [] });
    const { attempts } = JSON.parse(readFileSync(record, 'utf8')) as RunRecord;
    expect(attempts.map(({ kind }) => kind)).toEqual(['start', 'resume']);
    expect(attempts[1]!.fromStep).toBeGreaterThanOrEqual(3);
    expect(await outcomesOf(again)).toEqual(await outcomesOf(undisturbed));
    expect(readdirSync(join(out, 'cells', cell!))).not.toContain('checkpoints');
    expect(readdirSync(join(out, 'claims'))).toEqual([]);
  });

  it('by two workers at once give the same outcomes as by one', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryCache()];
    writePairs(folder);
    const one = await runToy([toyMatrix(folder)], join(folder, 'one'), cache);
    const two = await runToy([toyMatrix(folder)], join(folder, 'two'), cache, { jobs: 2 });
    expect(two.summary.finished).toBe(4);
    expect(await outcomesOf(two)).toEqual(await outcomesOf(one));
  });

  it('stop between steps when asked, and a later call finishes them', async () => {
    const [folder, cache] = [temporaryFolder(), temporaryCache()];
    writePairs(folder);
    const stopped = await runToy([toyMatrix(folder)], join(folder, 'out'), cache, { signal: AbortSignal.abort() });
    expect(stopped.summary).toMatchObject({ finished: 0, failed: [] });
    expect((await runToy([toyMatrix(folder)], join(folder, 'out'), cache)).summary.finished).toBe(4);
  });
});

/** Everything but times. */
const outcomesOf = async ({ experiment }: ToyRun): Promise<unknown> =>
  (await renderExperiment(experiment, { title: 'T', claim: 'C' })).results.map(({ cells }) =>
    cells.map(({ outcome: { seconds: _, ...outcome } }) => outcome),
  );

const onlyMrpo = (folder: string) => ({
  method: { MRPO: (toyMatrix(folder).axes['method'] as Record<string, Record<string, unknown>>)['MRPO']! },
});
