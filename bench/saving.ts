/**
 * What saving costs: how long training stands still for a checkpoint, and how much slower the steps beside its writing
 * are. All weights of a small Llama are trained, so that a checkpoint has some hundred megabytes.
 *
 *   npm run bench -- saving [--hidden 512] [--steps 6]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchBackend } from '../src/backend/launch.js';
import { writeCheckpoint } from '../src/store/checkpoints.js';
import { runFolder } from '../src/store/run-folder.js';
import { testPython, tinyModel } from '../test/support/tiny-models.js';

const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const [hidden, steps] = [argument('hidden', 512), argument('steps', 6)];
/** `training.save_steps` by default. */
const RHYTHM_S = 600;

const WIDER = `
import sys
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
source, target, hidden = sys.argv[1], sys.argv[2], int(sys.argv[3])
config = AutoConfig.from_pretrained(source)
config.hidden_size, config.intermediate_size, config.num_hidden_layers = hidden, 4 * hidden, 12
config.num_attention_heads, config.num_key_value_heads, config.head_dim = 8, 8, hidden // 8
AutoModelForCausalLM.from_config(config).save_pretrained(target)
AutoTokenizer.from_pretrained(source).save_pretrained(target)
`;

const folder = mkdtempSync(join(tmpdir(), 'mrpo-bench-saving-'));
const backend = await launchBackend({ python: testPython(), threads: 1 });
try {
  const path = join(folder, 'model');
  execFileSync(testPython(), ['-c', WIDER, tinyModel('llama'), path, String(hidden)], { stdio: 'inherit' });
  const model = await backend.loadModel({ source: path });
  const words = ' and so on'.repeat(12);
  const message = (role: string, content: string) => [{ role, content }];
  const pair = {
    prompt: message('user', `Well?${words}`),
    chosen: message('assistant', `Yes${words}`),
    rejected: message('assistant', `No${words}`),
    plain: false,
  };
  const rule = { maxLength: 256, truncation: 'keep_start', template: 'chat', scoreTurns: 'assistant' } as const;
  const { handle } = await backend.registerRows(model.handle, [pair], rule);
  const trainer = await backend.createTrainer(model.handle, handle, {
    ...{ seed: 0, optimizer: 'adamw', adamBeta1: 0.9, adamBeta2: 0.999, adamEpsilon: 1e-8, checkpointing: 'off' },
  });
  let done = 0;
  const rows = new Array<number>(4).fill(0);
  const step = async (): Promise<number> => {
    const started = performance.now();
    done += 1;
    const number = done;
    await trainer.forward({ step: number, microBatch: 0, rows, seed: 1 });
    const gradient = Float64Array.from(rows, () => 0.1);
    await trainer.backward(number, 0, { chosen: gradient, rejected: gradient });
    await trainer.commit({ step: number, microBatches: [0], learningRate: 1e-6, weightDecay: 0, maxGradNorm: 1 });
    return (performance.now() - started) / 1000;
  };
  const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN;
  const rounds: { alone: number; still: number; beside: number; steps: number; writing: number; bytes: number }[] = [];
  for (let round = 0; round < 3; round++) {
    const alone: number[] = [];
    for (let i = 0; i < steps; i++) alone.push(await step());
    const started = performance.now();
    const { bytes, pieces } = await trainer.saveCheckpoint(done);
    const still = (performance.now() - started) / 1000;
    let writing = NaN;
    const state = {};
    const written = writeCheckpoint(runFolder(join(folder, `run-${round}`)), done, pieces, state).then(() => {
      writing = (performance.now() - started) / 1000;
    });
    const beside: number[] = [];
    while (Number.isNaN(writing)) beside.push(await step());
    await written;
    rounds.push({ alone: median(alone), still, beside: median(beside), steps: beside.length, writing, bytes });
  }
  const row = rounds.map(({ alone, still, beside, steps: n, writing, bytes }) => {
    const lost = still + n * Math.max(0, beside - alone);
    const cells = [(bytes / 1e6).toFixed(0), alone.toFixed(3), still.toFixed(3), writing.toFixed(2)];
    return `| ${[...cells, n, beside.toFixed(3), lost.toFixed(2), `${((100 * lost) / RHYTHM_S).toFixed(2)} %`].join(' | ')} |`;
  });
  const text = [
    '# What saving costs',
    '',
    `Llama of hidden size ${hidden}, all ${(model.parameters / 1e6).toFixed(0)} M weights trained with AdamW (float32), a step of 4 pairs; one thread of torch;`,
    `${cpus().length} processors, ${cpus()[0]?.model ?? 'unknown'}. Training stands still while the state is copied; the files are made, sent,`,
    `written, flushed and read back beside the next steps. Share: what is lost of ${RHYTHM_S} s, the default rhythm. Made by`,
    '`npm run bench -- saving`.',
    '',
    '| MB | step alone (s) | stands still (s) | until written (s) | steps beside | step beside (s) | lost (s) | share |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...row,
    '',
  ].join('\n');
  writeFileSync(join(import.meta.dirname, 'results/saving.md'), text);
  console.log(text);
} finally {
  await backend.close();
  rmSync(folder, { recursive: true, force: true });
}
