import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createMemoryBackend,
  evaluateModel,
  evaluateRun,
  exportRun,
  generate,
  MrpoError,
  readRun,
  startRun,
  writeComparison,
} from 'mrpo';
import * as sdk from 'mrpo';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { metricEntries } from '../../src/objectives/metrics.js';
import { temporaryCache, temporaryFolder, toyConfig, writePairs } from '../runs/support.js';

async function finishedRun(folder: string, changes: Parameters<typeof toyConfig>[1] = {}): Promise<string> {
  writePairs(folder);
  const run = await startRun(toyConfig(folder, changes), { backend: createMemoryBackend(), cache: temporaryCache() });
  await run.result;
  return run.folder;
}

describe('startRun', () => {
  it('takes a file, a value or a loaded configuration', async () => {
    for (const kind of ['file', 'value', 'loaded'] as const) {
      const folder = temporaryFolder();
      writePairs(folder);
      const loaded = toyConfig(folder);
      const file = join(folder, 'run.yaml');
      writeFileSync(file, stringify(loaded.config));
      const run = await startRun({ file, value: loaded.config, loaded }[kind], {
        backend: createMemoryBackend(),
        cache: temporaryCache(),
      });
      expect((await run.result).status, kind).toBe('succeeded');
    }
  });

  it('refuses a configuration that is not valid, with the place', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'run.yaml');
    writeFileSync(file, 'policy: { model: toy:a }\ndata: { train: pairs.jsonl }\ntrainin: { epochs: 1 }\n');
    const failure = await startRun(file).then(
      () => undefined,
      (thrown: unknown) => thrown as MrpoError,
    );
    expect(failure).toBeInstanceOf(MrpoError);
    expect(failure?.code).toBe('config');
    expect(failure?.message).toMatch(/run\.yaml:3.*trainin.*training/s);
  });
});

describe('evaluateRun', () => {
  it("gives the run's own last evaluation again, and evaluateModel the one before training", async () => {
    const folder = temporaryFolder();
    const run = await finishedRun(folder);
    const { record } = await readRun(run);
    const options = { backend: createMemoryBackend(), cache: temporaryCache() };
    const after = await evaluateRun(run, options);
    expect(after.pairs).toBe(8);
    expect(Object.keys(after.measures)).toEqual(Object.keys(record.evaluation?.after ?? {}));
    for (const [name, value] of metricEntries(record.evaluation?.after ?? {}))
      expect(after.measures[name], name).toBeCloseTo(value, 9);
    const before = await evaluateModel(toyConfig(folder), options);
    expect(before.measures).toEqual(record.evaluation?.before);
    expect(before.longerIsChosen).toBe(0);
  });

  it('works for full fine-tuning, with the references as they were', async () => {
    const folder = temporaryFolder();
    const run = await finishedRun(folder, { policy: { model: 'toy:policy', lora: 'off' } });
    const after = await evaluateRun(run, { backend: createMemoryBackend(), cache: temporaryCache() });
    expect(after.measures['margins/refm1']).toBeCloseTo(
      (await readRun(run)).record.evaluation?.after['margins/refm1'] ?? NaN,
      9,
    );
    expect(after.measures['margins/refm1']).toBeGreaterThan(0.1);
  });

  it('needs held-out pairs', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const config = toyConfig(folder, { data: { train: join(folder, 'pairs.jsonl'), eval: 0 } });
    await expect(evaluateModel(config, { backend: createMemoryBackend(), cache: temporaryCache() })).rejects.toThrow(
      /holds out no pairs/,
    );
  });
});

describe('generate', () => {
  it('answers with the trained model of a run, and with its base otherwise', async () => {
    const run = await finishedRun(temporaryFolder(), { training: { learning_rate: 0.5, batch_size: 4, epochs: 2 } });
    const backend = createMemoryBackend();
    const ask = async (model: string): Promise<readonly string[]> =>
      (
        await generate({
          model,
          prompts: ['What is 1 plus two?', 'hello'],
          maxNewTokens: 40,
          temperature: 1,
          seed: 3,
          backend,
        })
      ).map(({ text }) => text);
    expect(await ask(run)).not.toEqual(await ask('toy:policy'));
    expect(await ask(run)).toEqual(await ask(run));
  });

  it('samples by seed', async () => {
    const backend = createMemoryBackend();
    const ask = async (seed: number): Promise<string | undefined> =>
      (await generate({ model: 'toy:policy', prompts: ['hello'], maxNewTokens: 20, temperature: 1, seed, backend }))[0]
        ?.text;
    expect(await ask(1)).toBe(await ask(1));
    expect(await ask(1)).not.toBe(await ask(2));
  });
});

describe('exportRun', () => {
  it('copies the adapter, whole', async () => {
    const folder = temporaryFolder();
    const run = await finishedRun(folder);
    const { files, folder: copy } = await exportRun({ run, to: join(folder, 'deep/copy') });
    expect(files).toEqual(readdirSync(join(run, 'adapter')).sort());
    for (const file of files) expect(readFileSync(join(copy, file))).toEqual(readFileSync(join(run, 'adapter', file)));
    expect(readdirSync(join(folder, 'deep'))).toEqual(['copy']);
  });

  it('merges the adapter into a model that answers the same', async () => {
    const folder = temporaryFolder();
    const run = await finishedRun(folder, { training: { learning_rate: 0.5, batch_size: 4, epochs: 1 } });
    const backend = createMemoryBackend();
    const merged = await exportRun({ run, to: join(folder, 'merged'), merge: true, backend });
    const ask = async (model: string): Promise<string | undefined> =>
      (await generate({ model, prompts: ['hello'], maxNewTokens: 16, backend }))[0]?.text;
    expect(await ask(merged.folder)).toBe(await ask(run));
    expect(readFileSync(join(merged.folder, 'README.md'), 'utf8')).toMatch(
      /library_name: transformers[\s\S]*AutoModelForCausalLM\.from_pretrained\("path/,
    );
  });

  it('refuses a folder that holds something, and leaves it as it is', async () => {
    const folder = temporaryFolder();
    const run = await finishedRun(folder);
    mkdirSync(join(folder, 'mine'));
    writeFileSync(join(folder, 'mine/precious'), 'x');
    await expect(exportRun({ run, to: join(folder, 'mine') })).rejects.toThrow(/is not empty/);
    expect(readdirSync(join(folder, 'mine'))).toEqual(['precious']);
  });
});

describe('writeComparison', () => {
  it('shows several runs on one page, with panels of the caller', async () => {
    const folder = temporaryFolder();
    const mrpo = await readRun(await finishedRun(folder));
    const other = temporaryFolder();
    const dpo = await readRun(await finishedRun(other, { objective: { loss: 'dpo' } }));
    const file = join(folder, 'report.html');
    const panels = [
      { title: 'Answers right', table: { columns: ['', 'DPO', 'MRPO'], rows: [['right <b>', '3', '4']] } },
    ];
    await writeComparison(
      [
        { name: 'DPO', run: dpo },
        { name: 'MRPO', run: mrpo },
      ],
      file,
      { title: 'DPO and MRPO', panels },
    );
    const page = readFileSync(file, 'utf8');
    expect(page).toContain('Answers right');
    expect(page).toContain('right &lt;b&gt;');
    expect(page).toMatch(/<th class="number" colspan="2">DPO<\/th><th class="number" colspan="2">MRPO<\/th>/);
    expect(existsSync(file)).toBe(true);
  });
});

describe('the public API', () => {
  it('has the parts for a loop of one’s own and no others by accident', () => {
    expect(Object.keys(sdk).sort()).toMatchInlineSnapshot(`
      [
        "BackendFault",
        "MrpoError",
        "RunsFault",
        "connect",
        "createMemoryBackend",
        "createObjective",
        "evaluateModel",
        "evaluateRun",
        "exportRun",
        "generate",
        "loadConfig",
        "loadData",
        "openBackend",
        "openLogpCache",
        "prepareTraining",
        "readPairs",
        "readPreferenceData",
        "readRun",
        "resumeRun",
        "scoreReferences",
        "splitPairs",
        "startRun",
        "writeComparison",
        "writeRunReport",
      ]
    `);
  });
});
