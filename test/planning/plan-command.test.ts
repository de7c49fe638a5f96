import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { Plan } from '../../src/planning/index.js';
import { runMrpo } from '../support/run-mrpo.js';
import { tinyModel } from '../support/tiny-models.js';

function folderWithRun(pairs = 20): string {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-plan-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const line = (n: number) =>
    JSON.stringify({ prompt: `say ${n}`, chosen: `${n} it is`, rejected: `not ${n}, never, never` });
  writeFileSync(join(folder, 'pairs.jsonl'), Array.from({ length: pairs }, (_, n) => line(n)).join('\n'));
  const config = `policy: { model: ${tinyModel('llama')} }\nreferences: [{ model: policy }, { model: ${tinyModel('qwen2')} }]\ndata: { train: pairs.jsonl, eval: 4 }\n`;
  writeFileSync(join(folder, 'run.yaml'), config);
  return folder;
}

it('plans a configuration from config.json and text, as JSON and as text', async () => {
  const cwd = folderWithRun();
  const json = await runMrpo(['plan', 'run.yaml', '--device', 'A100-80', '--json'], { cwd });
  expect(json.stderr).toBe('');
  expect(json.code).toBe(0);
  const plan = JSON.parse(json.stdout) as Plan;
  expect(plan).toMatchObject({ fits: true, pairs: { train: 16, held: 4 }, steps: 6 });
  expect(plan.device.name).toBe('A100-80');

  const text = await runMrpo(['plan', 'run.yaml'], { cwd });
  expect(text.stdout).toMatch(/16 training pairs/);
  expect(text.stdout).toMatch(/weights .*(MB|GB)/);
});

it('names a model without a config.json', async () => {
  const cwd = folderWithRun();
  const { code, stderr } = await runMrpo(['plan', 'run.yaml', '--set', 'policy.model=./nowhere'], { cwd });
  expect(code).toBe(1);
  expect(stderr).toMatch(/nowhere: expected a model folder with a config\.json/);
});

it('plans as many pairs as a file may have', async () => {
  const { code, stdout, stderr } = await runMrpo(['plan', 'run.yaml', '--json'], { cwd: folderWithRun(170_000) });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ pairs: { train: 169_996, held: 4 } });
});

it('knows only the devices it lists', async () => {
  const { code, stderr } = await runMrpo(['plan', 'run.yaml', '--device', 'abacus'], { cwd: folderWithRun() });
  expect(code).toBe(2);
  expect(stderr).toMatch(/A100-40/);
});
