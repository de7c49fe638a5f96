/** The log-probs of every reference on the same pairs: what training, evaluation and reports start from. */
import type { ModelIdentity, ModelSpec, TokenRule } from '../backend/backend.js';
import type { DataConfig } from '../config/index.js';
import type { PreferencePair } from '../data/pair.js';
import type { ModelColumns } from '../objectives/objective.js';
import type { ScoreColumns, ScoringKey } from './cache/index.js';

/** A pair without log-probs under a model. */
export interface UnusablePair {
  /** Position in the pairs asked for. */
  readonly index: number;
  /** Line of the user's file. */
  readonly line: number;
  /** As the backend says it ("too_long", "template_refused: ..."), or what is wrong with the log-prob. */
  readonly reason: string;
}

/** A model to score. */
export interface ModelToScore {
  readonly name: string;
  readonly spec: ModelSpec;
  readonly isPolicy: boolean;
}

/** Log-probs of one model on all pairs. Every column has one entry per pair asked for. */
export interface ScoredReference {
  /** As in metrics and reports. */
  readonly name: string;
  /** The model as the configuration names it. */
  readonly source: string;
  /** Whether it is the policy as it starts. */
  readonly isPolicy: boolean;
  /** Content of the model that was scored. */
  readonly identity: ModelIdentity;
  /** What the scores are cached under. */
  readonly key: ScoringKey;
  /** Aligned with the pairs; NaN log-probs where a pair is unusable or missing. */
  readonly columns: ModelColumns;
  /** Under this model's tokenizer. */
  readonly promptTokens: Float64Array;
  /** Bits of truncation and boundary, see `FLAG`. */
  readonly flags: Uint8Array;
  /** Usable pairs that were computed just now and that the cache had; and pairs without a score. */
  readonly counts: { readonly scored: number; readonly cached: number; readonly missing: number };
  /** Per pair: why it has no log-probs, as the backend says it or what is wrong with them; `undefined` = usable or missing. */
  readonly unusable: readonly (string | undefined)[];
}

/** Log-probs of every reference on the same pairs. */
export interface ReferenceScores {
  /** In configuration order; the first is RefM1. */
  readonly references: readonly ScoredReference[];
  /** The policy as it starts, if a reference is that very model (or it was asked for). */
  readonly policyStart: ScoredReference | undefined;
  /** Which turns of a response were scored, see {@link TokenRule}. */
  readonly scoreTurns?: TokenRule['scoreTurns'];
  /** Positions of the pairs that every model has log-probs for, ascending. */
  readonly usable: readonly number[];
}

/** How the configuration turns text into tokens. */
export function tokenRule(data: DataConfig): TokenRule {
  return {
    maxLength: data.max_length,
    truncation: data.truncation,
    template: data.template,
    scoreTurns: data.score_turns,
  };
}

/** What is known of one model on the pairs asked for. @param scored Pairs computed just now; the others are from the cache. */
export function scoredReference(
  { name, spec, isPolicy }: ModelToScore,
  identity: ModelIdentity,
  key: ScoringKey,
  columns: ScoreColumns,
  scored: number,
): ScoredReference {
  const missing = columns.missing.length;
  const usable = columns.unusable.length - missing - countUnusable(columns);
  return {
    name,
    source: spec.source,
    isPolicy,
    identity,
    key,
    columns: {
      chosen: { logps: columns.chosen, tokens: columns.chosenTokens },
      rejected: { logps: columns.rejected, tokens: columns.rejectedTokens },
    },
    promptTokens: columns.promptTokens,
    flags: columns.flags,
    counts: { scored, cached: usable - scored, missing },
    unusable: columns.unusable,
  };
}

/** Number of pairs that cannot be scored under a model. */
const countUnusable = ({ unusable }: Pick<ScoredReference, 'unusable'>): number =>
  unusable.filter((reason) => reason !== undefined).length;

/** The unusable pairs by line of the user's file. @param pairs Those that were asked for. */
export function unusablePairs(
  { unusable }: Pick<ScoredReference, 'unusable'>,
  pairs: readonly PreferencePair[],
): UnusablePair[] {
  return unusable.flatMap((reason, index) =>
    reason === undefined ? [] : [{ index, line: pairs[index]?.line ?? 0, reason }],
  );
}

/** Positions that have log-probs in every model. */
export function usableEverywhere(models: readonly ScoredReference[], pairs: number): number[] {
  const isUsable = (position: number): boolean =>
    models.every(({ columns }) => !Number.isNaN(columns.chosen.logps[position] ?? NaN));
  return Array.from({ length: pairs }, (_, position) => position).filter(isUsable);
}
