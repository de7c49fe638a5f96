/**
 * A real service with real runs (tiny Llama, dropout, checkpoints) is killed again and again at random instants, alone or
 * with every process that it has started, while three runs are in different states: at work, paused and gone on with,
 * waiting. Each run must end as one that nobody disturbed: the same adapter bytes, the same metrics but for times. Each
 * event must reach a watcher that lives through all of it exactly once, with no number left out.
 *
 *   npm run bench -- service-kill [--kills 50] [--seed 1] [--minutes 60]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../src/core/random.js';
import type { RunConfigInput } from '../src/config/index.js';
import { connect, type RunsClient } from '../src/service/client/connect.js';
import type { RunState, ServiceEvent } from '../src/service/client/values.js';
import { kill } from '../test/runs/kill-run.js';
import {
  again,
  listening,
  processesOf,
  serviceWorld,
  startServiceProcess,
  type World,
} from '../test/service/support.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STEPS = 24;
const RUNS = 3;

const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const [wanted, seed, minutes] = [argument('kills', 50), argument('seed', 1), argument('minutes', Infinity)];
const random = seededRandom(seed);
const uniform = (low: number, high: number): number => low + (high - low) * random.next();

interface Result {
  readonly adapter: string;
  readonly metrics: string;
}

const tally = {
  alone: 0,
  everything: 0,
  states: new Map<string, number>(),
  attempts: 0,
  runs: 0,
  equal: 0,
  events: 0,
  gaps: 0,
  different: 0,
  stepsMissing: 0,
};

const configOf = (world: World, run: number): RunConfigInput => {
  const config = world.config({ max_steps: STEPS, save_steps: 2, eval_steps: 8, seed: run });
  return { ...config, policy: { ...config.policy, lora: { r: 4, dropout: 0.1 } } };
};

const resultOf = (folder: string): Result => ({
  adapter: readFileSync(join(folder, 'adapter/adapter_model.safetensors')).toString('base64'),
  metrics: readFileSync(join(folder, 'metrics.jsonl'), 'utf8').replaceAll(
    /"[a-z_]*(?:second|peak_memory)[a-z_]*":[^,}]*/g,
    '',
  ),
});

/** Ends when the run has. */
async function follow(service: RunsClient, id: string): Promise<ServiceEvent[]> {
  const events: ServiceEvent[] = [];
  for await (const event of service.watch(id)) events.push(event);
  return events;
}

/** Three runs without a disturbance, then rounds of three until the service was killed often enough. */
async function benchmark(): Promise<void> {
  const world = serviceWorld();
  const address = `unix:${join(world.folder, 's')}`;
  Object.assign(world.options, { address });
  const service = connect({ address });
  const started = performance.now();
  let child = startServiceProcess(world, 2);
  try {
    let ready = listening(child);
    await ready;
    const undisturbed = await round(service, world, 'calm', false);
    const kills = (): number => tally.alone + tally.everything;
    for (let number = 1; kills() < wanted && (performance.now() - started) / 60_000 < minutes; number++) {
      const stop = new AbortController();
      const chaos = (async () => {
        while (!stop.signal.aborted && kills() < wanted) {
          const everything = random.next() < 0.4;
          await sleep(1000 * (everything ? uniform(5, 40) : uniform(0.2, 12)), undefined, {
            signal: stop.signal,
          }).catch(() => undefined);
          if (stop.signal.aborted) break;
          for (const state of await again(() => statesOf(service))) {
            tally.states.set(state, (tally.states.get(state) ?? 0) + 1);
          }
          const victims = everything ? allOf(world) : [];
          for (const pid of [child.pid, ...victims]) kill(pid);
          tally[everything ? 'everything' : 'alone'] += 1;
          child = startServiceProcess(world, 2);
          ready = listening(child);
          if (random.next() < 0.7) await ready; // else it may be killed while it starts
        }
        await ready;
      })();
      const results = await round(service, world, `round${number}`, true);
      stop.abort();
      await chaos;
      results.forEach((result, i) => {
        tally.runs += 1;
        const calm = undisturbed[i];
        if (calm !== undefined && result.adapter === calm.adapter && result.metrics === calm.metrics) tally.equal += 1;
      });
      report((performance.now() - started) / 60_000);
    }
  } finally {
    service.close();
    for (const pid of [child.pid, ...allOf(world)]) kill(pid);
    world.remove();
  }
}

/** Of the runs that are not over. */
async function statesOf(service: RunsClient): Promise<RunState[]> {
  const states: RunState[] = [];
  const unfinished = ['PENDING', 'PREPARING', 'RUNNING', 'PAUSED', 'RECOVERING'] as const;
  for await (const { state } of service.list({ states: unfinished })) states.push(state);
  return states;
}

/** Every process of every run. */
function allOf(world: World): number[] {
  const ids = Array.from({ length: 40 }, (_, n) => Array.from({ length: RUNS }, (_, i) => `round${n}-${i}`)).flat();
  return ids.flatMap((id) => processesOf(world, id));
}

async function round(service: RunsClient, world: World, name: string, counts: boolean): Promise<Result[]> {
  const ids = Array.from({ length: RUNS }, (_, i) => `${name}-${i}`);
  for (const [i, id] of ids.entries()) await again(() => service.create(configOf(world, i), { id }));
  const watches = ids.map((id) => follow(service, id));
  if (counts) await pauseAndResume(service, ids[1] ?? '');
  const seen = await Promise.all(watches);
  const results: Result[] = [];
  for (const [i, id] of ids.entries()) {
    const run = await again(() => service.get(id));
    const kept = await again(() => follow(service, id));
    if (counts) {
      const events = seen[i] ?? [];
      tally.attempts += run.attempt;
      tally.events += events.length;
      tally.gaps += events.filter(({ seq }, at) => seq !== at + 1).length;
      if (JSON.stringify(events) !== JSON.stringify(kept)) tally.different += 1;
      const steps = new Set(events.flatMap((event) => (event.type === 'step' ? [event.step] : [])));
      tally.stepsMissing += STEPS - steps.size;
      if (run.state !== 'SUCCEEDED') console.log(id, run.state, run.failure, run.reason);
    }
    results.push(run.state === 'SUCCEEDED' ? resultOf(run.folder) : { adapter: run.state, metrics: '' });
  }
  return results;
}

/** The second run is paused and gone on with on the way. */
async function pauseAndResume(service: RunsClient, id: string): Promise<void> {
  await sleep(uniform(0, 10_000));
  await again(() => service.pause(id)).catch(() => undefined);
  for (let look = 0; look < 600 && (await again(() => service.get(id))).state !== 'PAUSED'; look++) await sleep(500);
  await sleep(uniform(0, 5_000));
  await again(() => service.resume(id));
}

function report(spent: number): void {
  const states = [...tally.states].map(([state, count]) => `${count} ${state}`).join(', ');
  const text = `# The service killed at random instants

Real service, real runs (tiny Llama, LoRA with dropout, ${STEPS} steps, a checkpoint every 2), ${RUNS} at a time on 2 slots, the second
paused and gone on with. SIGKILL to the service alone, or to it and all processes of its runs at once; it is started
again at once, and sometimes killed while it starts. Made by \`npm run bench -- service-kill --kills ${wanted} --seed ${seed}\` on
${cpus().length} processors, ${cpus()[0]?.model ?? ''}, in ${spent.toFixed(0)} minutes on a machine busy with other work.

| what | figure |
| --- | --- |
| kills of the service alone | ${tally.alone} |
| kills of the service and every process of its runs | ${tally.everything} |
| states of the runs at those instants | ${states} |
| attempts of all runs | ${tally.attempts} |
| runs | ${tally.runs} |
| ended with the adapter (bytes) and metrics (but for times) of an undisturbed run | ${tally.equal} of ${tally.runs} |
| events seen by watchers that lived through all kills | ${tally.events} |
| events lost or doubled (number not the next one) | ${tally.gaps} |
| watches that differ from what the service has kept | ${tally.different} |
| steps without an event | ${tally.stepsMissing} |
`;
  writeFileSync(join(ROOT, 'bench/results/service-kill.md'), text);
  console.log(text);
}

await benchmark();
