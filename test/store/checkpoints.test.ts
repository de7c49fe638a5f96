import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { CheckpointPiece } from '../../src/backend/backend.js';
import { sha256 } from '../../src/core/hash.js';
import {
  checkpointPieces,
  listCheckpoints,
  readCheckpoint,
  removeCheckpoint,
  sweepCheckpoints,
  writeCheckpoint,
} from '../../src/store/checkpoints.js';
import { runFolder, type RunFolder } from '../../src/store/run-folder.js';

function temporaryRun(): RunFolder {
  const folder = mkdtempSync(join(tmpdir(), 'checkpoints-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return runFolder(folder);
}

async function* pieces(...given: readonly (readonly [string, string])[]): AsyncGenerator<CheckpointPiece> {
  for (const [file, text] of given) {
    const whole = given.filter(([name]) => name === file).map(([, part]) => part);
    yield { file, data: Buffer.from(text), sha256: sha256(whole.join('')) };
  }
}

const TWO_FILES = [
  ['policy.safetensors', 'wei'],
  ['policy.safetensors', 'ghts'],
  ['trainer.json', '{}'],
] as const;

it('gives back what was written, newest first, and a second one of a step beside the first', async () => {
  const run = temporaryRun();
  expect(await listCheckpoints(run)).toEqual([]);
  const first = await writeCheckpoint(run, 5, pieces(...TWO_FILES), { epoch: 0.1, mean: -0 });
  await writeCheckpoint(run, 10, pieces(...TWO_FILES), { epoch: 1 });
  const again = await writeCheckpoint(run, 10, pieces(...TWO_FILES), { epoch: 2 });
  expect((await listCheckpoints(run)).map(({ step, revision }) => [step, revision])).toEqual([
    [10, 2],
    [10, 1],
    [5, 1],
  ]);
  expect(await readCheckpoint(again)).toEqual({ epoch: 2 });
  const files = new Map<string, string>();
  for await (const { file, data } of checkpointPieces(first)) {
    files.set(file, (files.get(file) ?? '') + Buffer.from(data).toString());
  }
  expect(Object.fromEntries(files)).toEqual({ 'policy.safetensors': 'weights', 'trainer.json': '{}' });
  await removeCheckpoint(run, again);
  expect(readdirSync(run.file('checkpoints')).sort()).toEqual(['step-00000005', 'step-00000010']);
});

it('names the file that is not what was written', async () => {
  const run = temporaryRun();
  const damage: readonly (readonly [string, (path: string) => void])[] = [
    ['policy.safetensors is not what', (path) => writeFileSync(join(path, 'policy.safetensors'), 'weighty')],
    ['policy.safetensors has 8 bytes', (path) => appendFileSync(join(path, 'policy.safetensors'), '!')],
    ['state.json has no bytes', (path) => rmSync(join(path, 'state.json'))],
    ['manifest.json', (path) => writeFileSync(join(path, 'manifest.json'), '{')],
    ['later mrpo', (path) => writeFileSync(join(path, 'manifest.json'), '{"format":2}')],
  ];
  for (const [step, [said, harm]] of damage.entries()) {
    const checkpoint = await writeCheckpoint(run, step, pieces(...TWO_FILES), {});
    harm(checkpoint.path);
    await expect(readCheckpoint(checkpoint)).rejects.toThrow(said);
  }
});

it('is not there at all when it has not arrived as it was sent', async () => {
  const run = temporaryRun();
  const changed = async function* (): AsyncGenerator<CheckpointPiece> {
    yield { file: 'policy.safetensors', data: Buffer.from('weighty'), sha256: sha256('weights') };
  };
  await expect(writeCheckpoint(run, 1, changed(), {})).rejects.toThrow('policy.safetensors is not what');
  const unnamed = async function* (): AsyncGenerator<CheckpointPiece> {
    yield { file: 'policy.safetensors', data: Buffer.from('weights') };
  };
  await expect(writeCheckpoint(run, 1, unnamed(), {})).rejects.toThrow('no SHA-256 of policy.safetensors');
  expect(readdirSync(run.file('checkpoints'))).toEqual([]);
});

it('is not there at all when its pieces end in an error, or a piece has an odd name', async () => {
  const run = temporaryRun();
  const failing = async function* (): AsyncGenerator<CheckpointPiece> {
    yield { file: 'a', data: Buffer.from('half') };
    throw new Error('the connection broke');
  };
  await expect(writeCheckpoint(run, 1, failing(), {})).rejects.toThrow('the connection broke');
  for (const name of ['../out', 'state.json', '.hidden', '']) {
    await expect(writeCheckpoint(run, 1, pieces([name, 'x']), {})).rejects.toThrow('named');
  }
  expect(readdirSync(run.file('checkpoints'))).toEqual([]);
});

it('is not there at all when its writer is killed, and the next one cleans up', async () => {
  const run = temporaryRun();
  const store = join(dirname(fileURLToPath(import.meta.url)), '../../src/store');
  const script = `
    import { writeCheckpoint } from ${JSON.stringify(join(store, 'checkpoints.ts'))};
    import { runFolder } from ${JSON.stringify(join(store, 'run-folder.ts'))};
    const slow = async function* () {
      yield { file: 'policy', data: Buffer.alloc(1000) };
      console.log('half');
      await new Promise((resolve) => setTimeout(resolve, 60000));
    };
    await writeCheckpoint(runFolder(${JSON.stringify(run.path)}), 1, slow(), {});`;
  const writer = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(writer.stdout, 'data');
  writer.kill('SIGKILL');
  await once(writer, 'exit');
  expect(readdirSync(run.file('checkpoints'))).toHaveLength(1);
  expect(await listCheckpoints(run)).toEqual([]);
  sweepCheckpoints(run);
  expect(readdirSync(run.file('checkpoints'))).toEqual([]);
});
