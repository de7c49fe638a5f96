/** Evaluates the current policy on held-out pairs. */
import type { Backend } from '../backend/backend.js';
import { SIDES, eachSide, type Sides } from '../core/sides.js';
import type { Objective } from '../objectives/objective.js';
import { retryWhenConnectionLost, type SayConnection } from './lost-connection.js';
import { batchOf, everyPair, type Examples } from './examples.js';
import { requireFinite } from './finite.js';
import { metricsOf, type Metrics } from '../objectives/metrics.js';

/** Which pairs are scored, on which policy. */
export interface LogpsOptions {
  readonly backend: Backend;
  /** Handle of the policy's row set that `examples.rows` index. */
  readonly rowSet: string;
  readonly examples: Examples;
  /** These of the examples. Default: all. */
  readonly only?: readonly number[] | undefined;
  /** The policy as it started, whatever its adapter has learnt. Default false. */
  readonly adapterOff?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Pairs done and pairs in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly sayConnection?: SayConnection | undefined;
}

/** Which pairs are measured, and by which objective. */
export interface EvaluationOptions extends LogpsOptions {
  readonly objective: Objective;
  /** In configuration order; they are part of the measures' names. */
  readonly referenceNames: readonly string[];
  /** The policy's log-probs if they are known already. */
  readonly known?: Sides<Float64Array> | undefined;
}

/** Measures of a set of pairs, and per pair what they were made from. */
export interface Evaluation {
  readonly measures: Metrics;
  /** The policy's log-prob of each evaluated pair's responses, in their order, nats. */
  readonly logps: Sides<Float64Array>;
  /** The objective's own implicit rewards of them, which `rewards/accuracies` compares. */
  readonly rewards: Sides<Float64Array>;
}

/**
 * Scores every pair and measures.
 * @throws MrpoError `data` for a log-prob that is not finite; names the row.
 */
export async function evaluatePolicy(options: EvaluationOptions): Promise<Evaluation> {
  const { examples, objective } = options;
  const indices = options.only ?? everyPair(examples);
  const logps = options.known ?? (await policyLogps(options));
  if (indices.length === 0) return { measures: {}, logps, rewards: logps };
  const batch = batchOf(examples, indices, logps);
  const result = objective.evaluate(batch);
  return { measures: metricsOf(batch, result, options.referenceNames), logps, rewards: result.rewards };
}

/**
 * The policy's log-probs of each pair's responses in nats, in the order asked for.
 * @throws MrpoError `data` for a log-prob that is not finite; names the row.
 */
export async function policyLogps(options: LogpsOptions): Promise<Sides<Float64Array>> {
  const { backend, examples, adapterOff, signal } = options;
  const indices = options.only ?? everyPair(examples);
  const size = indices.length;
  const logps = eachSide(() => new Float64Array(size).fill(NaN));
  if (size === 0) return logps;
  const rows = indices.map((index) => examples.rows[index] ?? -1);
  const placeOf = new Map(rows.map((row, place) => [row, place]));
  const retrying = { signal, say: options.sayConnection };
  await retryWhenConnectionLost(async () => {
    let done = 0;
    const scored = backend.score(options.rowSet, { rows, signal, ...(adapterOff === true && { adapterOff }) });
    for await (const chunk of scored) {
      chunk.rows.forEach((row, i) => {
        const place = placeOf.get(row) ?? -1;
        for (const side of SIDES) logps[side][place] = chunk.logps[side][i] ?? NaN;
      });
      done += chunk.rows.length;
      options.onProgress?.(done, size);
    }
  }, retrying);
  indices.forEach((index, i) => {
    requireFinite(
      examples.names[index] ?? `row ${index}`,
      'the policy',
      eachSide((side) => logps[side][i] ?? NaN),
    );
  });
  return logps;
}
