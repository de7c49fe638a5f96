/** `mrpo train --service` where something goes wrong on the way: nothing is ordered twice, changed or lost unsaid. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { CliIo } from '../../src/cli/command.js';
import { runCli } from '../../src/cli/main.js';
import { createProgress } from '../../src/cli/progress.js';
import { createRunDisplay } from '../../src/cli/run-display.js';
import { requireSameSettings } from '../../src/cli/service-run/same-run.js';
import { sendingTo, specToSend } from '../../src/cli/spec-to-send.js';
import { loadConfig } from '../../src/config/index.js';
import { MrpoError, type ErrorCode } from '../../src/core/errors.js';
import { BackendFault } from '../../src/backend/fault.js';
import { resumeRun } from '../../src/sdk/index.js';
import type { ServiceRun } from '../../src/service/client/values.js';
import { RunsFault } from '../../src/service/fault.js';
import { configOfSpec, specOfConfig } from '../../src/service/protocol/spec-message.js';
import { startService, type RunsService } from '../../src/service/serve.js';
import { failureOfError } from '../../src/service/worker/failure.js';

let root: string;
let config: string;
let running: RunsService;
let tries = 0;
/** Of the test at work. */
let folder: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'mrpo-service-run-'));
  const train = join(root, 'pairs.jsonl');
  writeFileSync(train, '{"prompt": "a", "chosen": "b", "rejected": "c"}\n');
  config = join(root, 'config.json');
  const model = join(root, 'model');
  mkdirSync(model);
  writeFileSync(join(model, 'config.json'), '{}');
  writeFileSync(config, JSON.stringify({ policy: { model }, data: { train, eval: 0 }, training: { max_steps: 4 } }));
  // Without a backend: every run waits, until a test says what becomes of it.
  running = await startService({ home: join(root, 'home'), address: '127.0.0.1:0', roots: [root], backends: [] });
});
afterAll(async () => {
  await running.stop();
  rmSync(root, { recursive: true, force: true });
});
beforeEach(() => void (folder = join(root, `run-${++tries}`)));

/** The command in this process. `followed` when the run is followed, `interrupt` is Ctrl-C. */
function start(...argv: string[]) {
  return startIn({}, ...argv);
}

/** @param given Of the environment, and what a person answers. */
function startIn({ env, confirm }: Partial<Pick<CliIo, 'env' | 'confirm'>>, ...argv: string[]) {
  const stop = new AbortController();
  let [out, notes] = ['', ''];
  let tellFollowed = (): void => undefined;
  const followed = new Promise<void>((resolve) => (tellFollowed = resolve));
  const io: CliIo = {
    out: (text) => void (out += text),
    note: (text) => {
      notes += text;
      if (/^run .* of the service/m.test(text)) tellFollowed();
    },
    env: { MRPO_CACHE_DIR: join(root, 'cache'), ...env },
    cwd: root,
    signal: stop.signal,
    progress: () => ({ update: () => undefined, stop: () => undefined }),
    readStdin: async () => '',
    confirm,
  };
  const ended = runCli(argv, io).then((code) => ({ code, out, notes }));
  return {
    ended,
    followed,
    said: (text: RegExp) => vi.waitFor(() => expect(out + notes).toMatch(text), 10_000),
    interrupt: () => stop.abort(new MrpoError('aborted', 'interrupted')),
  };
}

const train = (...more: string[]): string[] => ['train', config, '--set', `output=${folder}`, ...more];
const atService = (): string[] => ['--service', running.address];

/** Orders, or goes on with, and stops again with Ctrl-C. */
async function followAndStop(...argv: string[]): Promise<number> {
  const command = start(...argv);
  await Promise.race([command.followed, command.ended]);
  command.interrupt();
  const { code, notes } = await command.ended;
  expect(notes).toContain(`mrpo resume ${folder}`);
  return code;
}

const note = (): { address: string; id: string } =>
  JSON.parse(readFileSync(join(folder, 'service.json'), 'utf8')) as { address: string; id: string };
const runOf = (id: string) => running.service.ledger.index.find(id);
const orders = (): number => running.service.ledger.index.ids().length;

it('goes on only with the settings and at the service that the run was ordered with', async () => {
  expect(await followAndStop(...train(...atService()))).toBe(130);
  const ordered = note();
  const resumed = train(...atService(), '--resume');
  expect(await followAndStop(...resumed)).toBe(130); // the same again

  const changed = await start(...resumed, '--set', 'training.max_steps=8', '--set', 'output.report_to=[wandb]').ended;
  expect(changed.code).toBe(2);
  expect(changed.notes).toMatch(/training\.max_steps: it has 4, now 8/);
  expect(changed.notes).toMatch(/report_to.*wandb/);
  const other = await start(...train('--service', '127.0.0.1:1', '--resume')).ended;
  expect(other.code).toBe(2);
  expect(other.notes).toMatch(`of the service at ${running.address}`);
  expect(other.notes).toContain('service.json');
  const device = await start('resume', folder, '--device', 'cpu').ended;
  expect(device.code).toBe(2);
  expect(device.notes).toContain('--device');
  expect(note()).toEqual(ordered);
  expect(runOf(ordered.id)?.view.state).toBe('CANCELLED');
});

it('is not gone on with on this machine', async () => {
  await followAndStop(...train(...atService()));
  const record = '{"as": "it was fetched"}';
  const refused = /run train-.* of the service at 127\.0\.0\.1/;
  for (const more of [['--resume'], ['--resume', folder], []]) {
    rmSync(join(folder, 'run.json'), { force: true });
    for (const fetched of [false, true]) {
      if (fetched) writeFileSync(join(folder, 'run.json'), record);
      const { code, notes } = await start(...train(...more)).ended;
      expect({ code, notes }).toMatchObject({ code: 2, notes: expect.stringMatching(refused) as string });
    }
  }
  writeFileSync(join(folder, 'config.yaml'), readFileSync(config));
  await expect(resumeRun(folder)).rejects.toThrow(refused);
  expect(readFileSync(join(folder, 'run.json'), 'utf8')).toBe(record);
});

it('keeps the note of an order that may have arrived', async () => {
  const { ledger } = running.service;
  const add = ledger.add.bind(ledger);
  vi.spyOn(ledger, 'add').mockImplementationOnce(async (...order) => {
    await add(...order);
    throw new RunsFault('unavailable', 'the answer is lost');
  });
  const lost = await start(...train(...atService())).ended;
  expect(lost.code).toBe(1);
  expect(lost.notes).toContain(`mrpo resume ${folder}`);
  expect(runOf(note().id)?.view.state).toBe('PENDING');
  const before = orders();
  expect(await followAndStop('resume', folder)).toBe(130);
  expect(orders()).toBe(before);
});

it('cancels what it has ordered, also where Ctrl-C comes before the answer', async () => {
  const { ledger } = running.service;
  const add = ledger.add.bind(ledger);
  const command = start(...train(...atService()));
  vi.spyOn(ledger, 'add').mockImplementationOnce(async (...order) => {
    command.interrupt();
    await sleep(100);
    return add(...order);
  });
  const { code, notes } = await command.ended;
  expect(code).toBe(130);
  expect(notes).toContain(`mrpo resume ${folder}`);
  expect(runOf(note().id)?.view.state).toBe('CANCELLED');
});

it('says that the service is away and when it is back, and stops the run then if Ctrl-C came meanwhile', async () => {
  const command = start(...train(...atService()));
  await command.followed;
  const watching = start('runs', 'watch', note().id, ...atService());
  await watching.said(/^PENDING/);
  const { address } = running;
  await running.stop();
  await command.said(/the service is away since .* \(the service stops\); waiting for it, 10 min/);
  command.interrupt();
  await command.said(/is asked to stop when it is back; Ctrl-C again leaves the run/);
  await sleep(300);
  running = await startService({ home: join(root, 'home'), address, roots: [root], backends: [] });
  const { code, notes } = await command.ended;
  expect(code).toBe(130);
  expect(notes).toMatch(/the service is back; it was away for/);
  expect(notes.match(/is away since/g)).toHaveLength(1);
  expect(runOf(note().id)?.view).toMatchObject({ state: 'CANCELLED', reason: 'interrupted' });
  const watched = await watching.ended;
  expect(watched.out).toMatch(/^PENDING[^]*CANCELLED: interrupted/);
  expect(watched.out).not.toContain('away');
  expect(watched.notes).toMatch(
    /is away[^]*is back[^]*was stopped: interrupted\n {2}Go on with: mrpo runs resume train-\S+ --service /,
  );
}, 60_000);

it('shows a bar only where a total is known, and bytes as MB', () => {
  let shown = '';
  const progress = (title: string) => createProgress(title, { isTTY: true, write: (text) => void (shown += text) });
  const display = createRunDisplay({ progress, note: (text: string) => void (shown += text) } as CliIo);
  const work = { type: 'progress', stage: 'load', what: 'policy' } as const;
  display.show({ ...work, work: 'tokenize', done: 420, total: 0, unit: 'rows' });
  display.show({ ...work, work: 'load', done: 4_478_880, total: 4_478_880, unit: 'bytes' });
  display.end();
  expect(shown).toContain('policy: tokenize 420 rows');
  expect(shown).toMatch(/policy: load \u2588+ 4\.5\/4\.5 MB/);
});

it('watches until Ctrl-C, which is no error', async () => {
  const both = await start('submit', config, '--validate-only', '--watch', ...atService()).ended;
  expect(both).toMatchObject({ code: 2, notes: expect.stringContaining('--watch') as string });
  await start('submit', config, '--id', 'watched', ...atService()).ended;
  const watching = start('runs', 'watch', 'watched', ...atService());
  await watching.said(/^PENDING/);
  watching.interrupt();
  const { code, notes } = await watching.ended;
  expect({ code, notes }).toMatchObject({ code: 130, notes: expect.stringMatching(/^run watched is no/) as string });
});

it('leaves a folder as it was where certainly nothing was ordered', async () => {
  const refused = ['--set', 'policy.model=/elsewhere'];
  const deep = join(folder, 'deep', 'er');
  expect((await start(...train(...atService(), ...refused, '--set', `output=${deep}`)).ended).code).toBe(2);
  expect((await start(...train('--service', '127.0.0.1:1')).ended).code).toBe(1);
  expect(existsSync(folder)).toBe(false);
  mkdirSync(folder);
  expect((await start(...train(...atService(), ...refused)).ended).code).toBe(2);
  expect(readdirSync(folder)).toEqual([]);
});

it.each([
  ['config', 2, new MrpoError('config', 'it is so', { hint: 'Set MRPO_CACHE_DIR.' })],
  ['model', 1, new MrpoError('model', 'it is so')],
  ['backend', 1, new BackendFault('unsupported', 'it is so')],
] as const satisfies readonly (readonly [ErrorCode, number, MrpoError])[])(
  'ends as a run of this machine that fails with %s: code %i',
  async (_, expected, error) => {
    const command = start(...train(...atService()));
    await command.followed;
    const { id } = note();
    running.service.ledger.record(id, {
      type: 'ended',
      outcome: 'failed',
      reason: error.message,
      failure: failureOfError(error),
    });
    const { code, notes } = await command.ended;
    expect({ code, notes }).toMatchObject({ code: expected, notes: expect.stringContaining('it is so') as string });
    // It is not the caller's to set.
    const watched = await start('runs', 'watch', id, ...atService()).ended;
    expect(watched.notes).toContain(`mend that first`);
    expect(watched.notes).toContain(`mrpo runs resume ${id} --service ${running.address}\n`);
    if (error.hint !== undefined) expect(notes).toContain(`  On the machine of the service: ${error.hint}`);
  },
);

it('compares what was sent by its content', async () => {
  const { config: loaded } = loadConfig({ file: config, env: {}, cwd: root });
  const sha256 = createHash('sha256')
    .update(readFileSync(join(root, 'pairs.jsonl')))
    .digest('hex');
  const ordered = async (train: string): Promise<ServiceRun> =>
    ({ id: 'a', spec: configOfSpec(specOfConfig(await specToSend(loaded, async () => train))) }) as ServiceRun;
  await requireSameSettings(await ordered(`upload:${sha256}/pairs.jsonl`), loaded, false);
  const other = requireSameSettings(await ordered(`upload:${'0'.repeat(64)}/pairs.jsonl`), loaded, false);
  await expect(other).rejects.toThrow(/data\.train: it has "upload:0000/);
});

it('sends files only until Ctrl-C', async () => {
  const { config: loaded } = loadConfig({ file: config, env: {}, cwd: root });
  const { signal } = new AbortController();
  const upload = vi.fn(async () => 'upload:x/pairs.jsonl');
  const spec = await specToSend(loaded, sendingTo({ upload }, { note: () => undefined, signal }));
  expect(spec.data.train).toBe('upload:x/pairs.jsonl');
  expect(upload).toHaveBeenCalledWith(join(root, 'pairs.jsonl'), { signal });
});

/** A run of the service that has ended, with some files. */
async function endedRun(id: string): Promise<void> {
  expect((await start('submit', config, '--id', id, ...atService()).ended).code).toBe(0);
  const { run } = running.service.home.run(id);
  mkdirSync(join(run, 'adapter'), { recursive: true });
  for (const file of ['report.html', 'run.json', 'config.yaml', 'adapter/adapter_config.json'])
    writeFileSync(join(run, file), `{"of": "${id}, ${file}"}`);
  running.service.ledger.record(id, { type: 'ended', outcome: 'succeeded' });
}

it('downloads a run into a folder of its own, again if need be, and nothing else into that', async () => {
  await endedRun('loaded');
  const got = await start('runs', 'download', 'loaded', '--to', folder, ...atService()).ended;
  expect(got).toMatchObject({ code: 0, out: expect.stringContaining(join(folder, 'report.html')) as string });
  expect(readFileSync(join(folder, 'adapter', 'adapter_config.json'), 'utf8')).toBe(
    '{"of": "loaded, adapter/adapter_config.json"}',
  );
  expect(note()).toEqual({ address: running.address, id: 'loaded' });
  rmSync(join(folder, 'report.html'));
  // The folder stands for its run.
  expect((await start('runs', 'download', folder, '--what', 'report,log', '--json').ended).code).toBe(2);
  expect(existsSync(join(folder, 'report.html'))).toBe(true);

  await endedRun('other');
  const taken = await start('runs', 'download', 'other', '--to', folder, ...atService()).ended;
  expect(taken).toMatchObject({ code: 2, notes: expect.stringContaining('the folder of run loaded') as string });
  const elsewhere = { address: '127.0.0.1:1', id: 'loaded' };
  writeFileSync(join(folder, 'service.json'), JSON.stringify(elsewhere));
  const namesake = await start('runs', 'download', 'loaded', '--to', folder, ...atService()).ended;
  expect(namesake).toMatchObject({ code: 2, notes: expect.stringContaining('service at 127.0.0.1:1') as string });
  expect(note()).toEqual(elsewhere);
  const full = await start('runs', 'download', 'other', '--to', root, ...atService()).ended;
  expect(full).toMatchObject({ code: 2, notes: expect.stringContaining('--to:') as string });
  const none = await start('runs', 'download', 'other', '--what', 'metrics', '--to', join(root, 'none'), ...atService())
    .ended;
  expect(got.notes).toBe('');
  rmSync(join(running.service.home.run('other').run, 'adapter'), { recursive: true });
  running.service.ledger.record('other', { type: 'resumed-by', actor: 'a' });
  running.service.ledger.record('other', { type: 'ended', outcome: 'cancelled' });
  const early = await start('runs', 'download', 'other', '--to', join(root, 'early'), ...atService()).ended;
  expect(early).toMatchObject({ code: 0, notes: 'there is no adapter of it: the run is CANCELLED\n' });
  expect(none.notes).toMatch(/has no metrics yet; it is SUCCEEDED/);
  expect(existsSync(join(root, 'none'))).toBe(false);
});

it('says what becomes of a run that is asked to pause or to stop while it works', async () => {
  await start('submit', config, '--id', 'works', ...atService()).ended;
  const { ledger } = running.service;
  ledger.record('works', { type: 'attempt', attempt: 1, backend: 'none' });
  ledger.record('works', { type: 'stage', stage: 'data' });
  const ask = async (what: string): Promise<string> => (await start('runs', what, 'works', ...atService()).ended).out;
  expect(await ask('resume')).toBe('works: PREPARING, at work already\n');
  expect(await ask('pause')).toBe('works: PREPARING, to pause at its next step\n');
  expect(await ask('cancel')).toMatch(/^works: CANCELLING, to stop at its next step \(cancelled by/);
  ledger.record('works', { type: 'ended', outcome: 'stopped' });
  expect(await ask('cancel')).toMatch(/^works: CANCELLED \(/);
});

it('deletes a run that has ended when a person, or --yes, says so', async () => {
  await endedRun('gone');
  const remove = (confirm: CliIo['confirm'], ...more: string[]) =>
    startIn({ confirm }, 'runs', 'delete', 'gone', ...more, ...atService()).ended;
  expect(await remove(undefined)).toMatchObject({ code: 2, notes: expect.stringContaining('--yes') as string });
  const asked = vi.fn(async (_: string) => false);
  expect(await remove(asked)).toMatchObject({ code: 0, out: '' });
  expect(asked.mock.calls[0]?.[0]).toMatch(/Delete run gone \(SUCCEEDED/);
  expect(runOf('gone')).toBeDefined();
  expect(await remove(async () => true)).toMatchObject({ code: 0, out: 'gone: deleted\n' });
  expect(runOf('gone')).toBeUndefined();
  expect((await remove(undefined, '--yes')).notes).toContain('there is no run');
  await start('submit', config, '--id', 'waits', ...atService()).ended;
  const waits = await start('runs', 'delete', 'waits', '--yes', ...atService()).ended;
  expect(waits).toMatchObject({ code: 2, notes: expect.stringContaining('mrpo runs cancel waits') as string });
});

it('means the folder by the name of one, and by a path, whatever MRPO_SERVICE says', async () => {
  await start('submit', config, '--id', 'here', ...atService()).ended;
  const runs = (...argv: string[]) => startIn({ env: { MRPO_SERVICE: running.address } }, 'runs', ...argv).ended;
  expect((await runs('list')).out).toContain('here');
  expect(await runs('list', 'nowhere')).toMatchObject({ code: 2, notes: expect.stringMatching('no such') as string });
  expect((await runs('list', 'model')).out).toBe(`no runs in ${join(root, 'model')}\n`);
  expect((await runs('list', 'nowhere', ...atService())).code).toBe(2);
  expect((await runs('list', 'nowhere', '--state', 'RUNNING')).code).toBe(2);
  mkdirSync(folder);
  const loaded = loadConfig({ file: config, set: ['training.max_steps=9'], env: {}, cwd: root });
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(loaded.config));
  writeFileSync(join(folder, 'run.json'), '{"id": "a"}');
  const diff = await runs('diff', folder, 'here');
  expect(diff.out).toMatch(/training\.max_steps +9 +4/);
  expect((await runs('diff', basename(folder), 'here')).out).toMatch(/training\.max_steps +9 +4/);
  expect((await runs('pause', basename(folder))).notes).toMatch(/is a run of this machine[^]*mrpo runs cancel/);
  expect((await runs('show', folder, ...atService())).notes).toContain('is a path');
  expect((await start('runs', 'show', 'here').ended).notes).toMatch(/not a run folder[^]*MRPO_SERVICE/);
});
