/** `npm run quickstart`, as it is: the world is built (or found), both runs are trained, table and report are made. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { projectRoot } from '../../examples/quickstart/world.js';
import type { MetricName } from '../../src/objectives/metrics.js';
import { readRun } from 'mrpo';

/** Some minutes on a busy machine: three models are pre-trained when no earlier call has left them. */
const TIMEOUT_MS = 600_000;

it(
  'leaves two trained runs, a table of three columns and a page that needs no network',
  async () => {
    const script = join(projectRoot, 'scripts', 'quickstart.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: projectRoot });

    const report = join(projectRoot, /report: (\S+)/.exec(stdout)?.[1] ?? 'no report');
    const folder = dirname(report);
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    expect(stdout).toMatch(/on held-out pairs +step 0 +DPO +MRPO\n/);
    expect(stdout).toMatch(/generated answers right +\d+ of \d+ +\d+ of \d+ +\d+ of \d+\n/);

    for (const name of ['dpo', 'mrpo']) {
      const { record } = await readRun(join(folder, name));
      expect(record.status).toBe('succeeded');
      const at = (when: 'before' | 'after', name: MetricName): number => record.evaluation?.[when][name] ?? NaN;
      expect(at('before', 'accuracies/refm1')).toBe(0);
      expect(at('after', 'loss')).toBeLessThan(at('before', 'loss'));
      expect(at('after', 'accuracies/per_token')).toBeGreaterThan(at('before', 'accuracies/per_token'));
      expect(existsSync(join(folder, name, 'adapter', 'adapter_model.safetensors'))).toBe(true);
      expect(existsSync(join(folder, name, 'report.html'))).toBe(true);
    }
    const page = readFileSync(report, 'utf8');
    expect(page).not.toMatch(/(?:src|href)=["']?(?:https?:)?\/\//);
    expect(page).toContain('generated answers right');
  },
  TIMEOUT_MS,
);
