/** What one finished cell has to say, read from its run folder. */
import type { Sides } from '../core/sides.js';
import { metricEntries } from '../objectives/metrics.js';
import type { StoredRun } from '../store/run-folder.js';
import type { RunRecord } from '../store/run-record.js';
import { numericalNoise } from '../training/numerical-noise.js';
import type { TaskResults } from './task-store.js';

/** The three accuracies of every cell; none of them alone is fair to all methods (docs/reproduction.md). */
export const ACCURACIES = {
  /** Reward against the method's own reference: the paper's. For MRPO, beaten by doing nothing where step 0 is high. */
  own: 'rewards/accuracies',
  /** Reward against the first reference, for every method. */
  refm1: 'accuracies/refm1',
  /** No reference: log-prob per token. */
  perToken: 'accuracies/per_token',
} as const;

/** One of the accuracies that methods are compared by. */
export type AccuracyName = keyof typeof ACCURACIES;

/** By name as in metrics.jsonl; tables may name any of them. */
export type Measures = Readonly<Record<string, number>>;

/** The figures of one finished run. Accuracies are shares, 0 to 1. */
export interface Outcome {
  /** Of the held-out pairs, before training. */
  readonly before: Measures;
  /** Of the held-out pairs, at the last evaluation. */
  readonly after: Measures;
  /** Accuracy of betting on the longer answer. */
  readonly longerIsChosen: number;
  readonly heldOutPairs: number;
  /** Evaluations over the steps. */
  readonly curve: readonly { readonly step: number; readonly measures: Measures }[];
  /** Per held-out pair, in the order of `pairs`: 1 if the pair was won after training, else 0. */
  readonly wins: Readonly<Record<AccuracyName, readonly number[]>>;
  /** Names of the held-out pairs: the same names, the same pairs. */
  readonly pairs: readonly string[];
  /** What a reader who wants to repeat the run must know beside its configuration. */
  readonly provenance: Pick<RunRecord, 'mrpoVersion' | 'backend' | 'data' | 'training' | 'peakMemoryBytes'>;
  /** Log-probs of the held-out pairs under each reference, in the order of the configuration, nats. */
  readonly references: readonly Sides<Float64Array>[];
  /** Scored tokens of the held-out pairs' responses. */
  readonly tokens: Sides<Float64Array>;
  /** Of the measures that have one of their own: tasks, over their documents. */
  readonly standardErrors: Measures;
  /** Wall time of the whole run, seconds. */
  readonly seconds: number;
}

/** The figures of a run. @returns undefined for a run without a last evaluation. */
export function outcomeOf(run: StoredRun): Outcome | undefined {
  const { evaluation, data, seconds } = run.record;
  if (evaluation === undefined) return undefined;
  return {
    before: Object.fromEntries(metricEntries(evaluation.before)),
    after: Object.fromEntries(metricEntries(evaluation.after)),
    longerIsChosen: data?.longerIsChosen ?? NaN,
    heldOutPairs: data?.heldOutPairs ?? 0,
    curve: run.metrics.flatMap(evaluationOf),
    wins: {
      own: run.heldOut.map((line) => won(line['rewards'])),
      refm1: run.heldOut.map((line) => wonAgainstFirst(line, run.record.policy?.dtype)),
      perToken: run.heldOut.map((line) => wonPerToken(line)),
    },
    // Without the folder: the same file elsewhere has the same pairs.
    pairs: run.heldOut.map((line) => String(line['row']).replace(/^.*[/\\]/, '')),
    provenance: {
      mrpoVersion: run.record.mrpoVersion,
      backend: run.record.backend,
      data,
      training: run.record.training,
      peakMemoryBytes: run.record.peakMemoryBytes,
    },
    references: columnsOf(run.heldOut),
    tokens: sidesOf(run.heldOut.map((line) => line['tokens'])),
    standardErrors: {},
    seconds: Object.values(seconds).reduce((sum, part) => sum + part, 0),
  };
}

/** Prefix of the measures that are tasks of language understanding. */
export const TASK_PREFIX = 'task/';

/** An outcome with the headlines of its tasks among its measures, where they are evaluated. */
export function withTasks(outcome: Outcome, before: TaskResults | undefined, after: TaskResults | undefined): Outcome {
  const measures = (results: TaskResults | undefined): Measures =>
    Object.fromEntries((results?.headlines ?? []).map(({ name, value }) => [`${TASK_PREFIX}${name}`, value]));
  const errors = Object.fromEntries(
    (after?.headlines ?? []).map(({ name, standardError }) => [`${TASK_PREFIX}${name}`, standardError]),
  );
  return {
    ...outcome,
    before: { ...outcome.before, ...measures(before) },
    after: { ...outcome.after, ...measures(after) },
    standardErrors: errors,
  };
}

const EVALUATION_PREFIX = 'eval_';

function evaluationOf(line: Readonly<Record<string, unknown>>): Outcome['curve'] {
  const measures = Object.entries(line).flatMap(([name, value]) =>
    name.startsWith(EVALUATION_PREFIX) && typeof value === 'number'
      ? [[name.slice(EVALUATION_PREFIX.length), value] as const]
      : [],
  );
  return measures.length === 0 ? [] : [{ step: Number(line['step']), measures: Object.fromEntries(measures) }];
}

type HeldOutLine = Readonly<Record<string, unknown>>;

function columnsOf(lines: readonly HeldOutLine[]): readonly Sides<Float64Array>[] {
  const names = Object.keys(lines[0]?.['references'] ?? {});
  return names.map((name) => sidesOf(lines.map((line) => (line['references'] as Record<string, unknown>)[name])));
}

function sidesOf(values: readonly unknown[]): Sides<Float64Array> {
  const side = (place: 0 | 1): Float64Array =>
    Float64Array.from(values, (value) => (Array.isArray(value) ? Number(value[place]) : NaN));
  return { chosen: side(0), rejected: side(1) };
}

/** `[chosen, rejected]`: strictly higher wins, a tie does not (as in TRL). */
function won(sides: unknown): number {
  const [chosen, rejected] = (Array.isArray(sides) ? sides : []) as readonly number[];
  return chosen === undefined || rejected === undefined ? NaN : Number(chosen > rejected);
}

/** As `accuracies/refm1`: a difference within what `dtype` rounds is a tie. */
function wonAgainstFirst(line: HeldOutLine, dtype: string | undefined): number {
  const [first] = Object.values((line['references'] ?? {}) as Readonly<Record<string, readonly number[]>>);
  const [after, tokens] = [line['after'], line['tokens']] as readonly (readonly number[] | undefined)[];
  if (first === undefined) return NaN;
  const [chosen = NaN, rejected = NaN] = (after ?? []).map((logp, side) => logp - (first[side] ?? NaN));
  const noise = dtype === undefined ? 0 : numericalNoise(dtype, (tokens?.[0] ?? 0) + (tokens?.[1] ?? 0));
  return Number.isNaN(chosen - rejected) ? NaN : Number(chosen - rejected > noise);
}

function wonPerToken(line: HeldOutLine): number {
  const [after, tokens] = [line['after'], line['tokens']] as readonly (readonly number[] | undefined)[];
  return won(after?.map((logp, side) => logp / (tokens?.[side] ?? NaN)));
}
