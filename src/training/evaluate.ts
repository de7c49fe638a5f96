/** Evaluates the current policy on held-out pairs. */
import type { Backend } from '../backend/backend.js';
import { SIDES, eachSide, type Sides } from '../core/sides.js';
import type { Objective } from '../objectives/objective.js';
import { batchOf, type Examples } from './examples.js';
import { requireFinite } from './finite.js';
import { metricsOf, type Metrics } from '../objectives/metrics.js';

export interface EvaluationOptions {
  readonly backend: Backend;
  /** Handle of the policy's row set that `examples.rows` index. */
  readonly rowSet: string;
  readonly examples: Examples;
  readonly objective: Objective;
  readonly referenceNames: readonly string[];
  /** Evaluate these of the examples. Default: all. */
  readonly only?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface Evaluation {
  readonly measures: Metrics;
  /** The policy's log-prob of each evaluated pair's responses, in their order, nats. */
  readonly logps: Sides<Float64Array>;
}

/**
 * Scores every pair and measures.
 * @throws MrpoError `data` for a log-prob that is not finite; names the row.
 */
export async function evaluatePolicy(options: EvaluationOptions): Promise<Evaluation> {
  const { backend, examples, objective, signal } = options;
  const indices = options.only ?? Array.from({ length: examples.size }, (_, index) => index);
  const size = indices.length;
  const logps = eachSide(() => new Float64Array(size).fill(NaN));
  if (size === 0) return { measures: {}, logps };
  const rows = indices.map((index) => examples.rows[index] ?? -1);
  const placeOf = new Map(rows.map((row, place) => [row, place]));
  let done = 0;
  for await (const chunk of backend.score(options.rowSet, { rows, signal })) {
    chunk.rows.forEach((row, i) => {
      const place = placeOf.get(row) ?? -1;
      for (const side of SIDES) logps[side][place] = chunk.logps[side][i] ?? NaN;
    });
    done += chunk.rows.length;
    options.onProgress?.(done, size);
  }
  indices.forEach((index, i) => {
    requireFinite(
      examples.names[index] ?? `row ${index}`,
      'the policy',
      eachSide((side) => logps[side][i] ?? NaN),
    );
  });
  const batch = batchOf(examples, indices, logps);
  return { measures: metricsOf(batch, objective.evaluate(batch), options.referenceNames), logps };
}
