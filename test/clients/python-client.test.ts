/** The Python client against a real service: one run from order to adapter, with both of its faces. */
import { execFile } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { PROJECT_ROOT } from '../../src/backend/python.js';
import { makeToken } from '../../src/service/access/tokens.js';
import { connect } from '../../src/service/client/connect.js';
import { startTracing } from '../../src/service/tracing/start.js';
import { startCollector } from '../service/collector.js';
import { serviceWorld, startService } from '../service/support.js';
import { testPython } from '../support/tiny-models.js';

it('orders, watches and fetches a run, and says why it is refused', { timeout: 300_000 }, async () => {
  const world = serviceWorld();
  onTestFinished(() => world.remove());
  const tokens = join(world.folder, 'tokens.txt');
  const { token, line } = makeToken('run', 'py', 'team');
  appendFileSync(tokens, `${line}\n`);
  const collector = await startCollector();
  onTestFinished(() => collector.close());
  const sending = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '20000' };
  const tracing = await startTracing(sending, 'mrpo-service', (text) => expect.unreachable(text));
  const running = await startService({ ...world.options, tokens });
  onTestFinished(() => running.stop());
  const fetched = join(world.folder, 'fetched');
  const argv = [running.address, token, JSON.stringify(world.config()), world.data, fetched];
  const script = join(import.meta.dirname, 'whole_cycle.py');
  const env = { ...process.env, PYTHONPATH: join(PROJECT_ROOT, 'clients', 'python') };
  const { stdout } = await promisify(execFile)(testPython(), [script, ...argv], { env });
  const seen = JSON.parse(stdout) as Record<string, unknown> & {
    seqs: number[];
    losses: number[];
    spans: Record<string, string>;
  };
  expect(seen).toMatchObject({
    unauthenticated: ['unauthenticated', expect.stringContaining('Bearer'), []],
    wrong: ['spec_invalid', expect.any(String), ['spec.training.epochs']],
    unknown: ['run_not_found', expect.any(String), ['run_id']],
    other: ['run_exists', expect.any(String), ['run_id']],
    same: true,
    seqs: seen.seqs.map((_, i) => i + 1),
    again: seen.seqs.slice(3),
    state: 'SUCCEEDED',
    listed: ['py'],
    checkpoints: [4],
    reasons: [
      ...['run_not_found', 'run_not_found', 'spec_invalid', 'request_invalid', 'spec_invalid', 'run_not_found'],
      'unreachable',
    ],
    artifacts: expect.stringMatching(/expected one of result, report, .*checkpoint, log$/),
    states: [
      expect.stringMatching(/^state 'RUNING': expected one of PENDING, .*RUNNING/),
      expect.stringContaining("expected a list of names: ['RUNNING']"),
    ],
    said: expect.stringMatching(/^Event \d+ phase_change phase: "\w+"$/),
    report: 24,
    models: expect.arrayContaining([world.config().policy.model]),
    beta1: 0.9,
  });
  await tracing.shutdown();
  for (const method of ['CreateRun', 'WatchRun', 'DownloadArtifact']) {
    const above = collector.spans.filter(({ name }) => name.endsWith(`/${method}`)).map(({ parent }) => parent);
    expect(above).toContain(seen.spans[method]);
  }
  const client = connect({ address: running.address, token });
  onTestFinished(() => client.close());
  const losses: number[] = [];
  for await (const event of client.watch('py')) if (event.type === 'step') losses.push(event.measures['loss'] ?? NaN);
  expect(seen.losses).toEqual(losses);
  const { folder } = await client.get('py');
  const name = 'adapter_model.safetensors';
  expect(readFileSync(join(fetched, name)).equals(readFileSync(join(folder, 'adapter', name)))).toBe(true);
});
