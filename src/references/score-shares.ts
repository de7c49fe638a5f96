/** One backend scores its shares of a model's pairs: the model loaded, scored with, released. */
import type { Backend, LoadedModel, ModelSpec, TokenRule } from '../backend/backend.js';
import { MrpoError } from '../core/errors.js';
import type { PreferencePair } from '../data/pair.js';
import { flagsOf, scoreText, type Claim, type LogpCache, type PairScore, type ScoringKey } from './cache/index.js';
import { checkLogps } from './check-logp.js';
import type { OnScoringEvent } from './events.js';
import type { Share, Shares } from './shares.js';

/** Which model scores which pairs, under which token rule. */
export interface ScoringOptions {
  readonly spec: ModelSpec;
  readonly rule: TokenRule;
  readonly pairs: readonly PreferencePair[];
  readonly cache: LogpCache;
  /** For messages. Default: the model's source. */
  readonly name?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnScoringEvent | undefined;
}

/** What several backends do together. */
export interface Work {
  readonly key: ScoringKey;
  readonly claim: Claim;
  /** Texts; added to. */
  readonly computed: Set<string>;
  readonly shares: Shares;
  /** Pairs. */
  readonly progress: { done: number; readonly total: number };
}

/** Loads the model on one backend and scores shares there, while `take` gives any and the claim is held. */
export async function computeOn(
  backend: Backend,
  options: ScoringOptions,
  work: Work,
  take: () => Promise<Share | undefined>,
): Promise<void> {
  const { spec, signal, onEvent } = options;
  const name = options.name ?? spec.source;
  const model = await backend.loadModel(spec, {
    signal,
    onProgress: ({ stage, done, total }) => onEvent?.({ kind: 'loading', model: name, stage, done, total }),
  });
  try {
    requireSameModel(name, work.key, model);
    const { parameters, layout, layoutNote, notes } = model;
    onEvent?.({ kind: 'loaded', model: name, parameters, layout, layoutNote, notes });
    while (work.claim.isHeld()) {
      const share = await take();
      if (share === undefined) return;
      try {
        await streamScores(backend, options, share, work, model.handle);
      } finally {
        work.shares.done(share);
      }
    }
  } finally {
    await release(backend, model.handle);
  }
}

/**
 * Scores one share and keeps every chunk as it arrives. Returns early if the claim was lost, or others can do a part.
 */
async function streamScores(
  backend: Backend,
  options: ScoringOptions,
  share: Share,
  work: Work,
  handle: string,
): Promise<void> {
  const { positions, rest } = share;
  const { spec, rule, pairs, cache, signal, onEvent } = options;
  const { key, claim, computed } = work;
  const name = options.name ?? spec.source;
  const asked = positions.map((position) => pairs[position]).filter((pair) => pair !== undefined);
  const rowSet = await backend.registerRows(handle, asked, rule, { signal });
  const facts = rowSet.rows;
  if (facts.length !== asked.length) throw leftOut(name, facts.length, asked.length);
  const scoreOf = (row: number, chosen: number, rejected: number, reason?: string): PairScore => {
    const [fact, pair] = [facts[row], asked[row]];
    if (fact === undefined || pair === undefined) throw leftOut(name, row, asked.length);
    const checked =
      reason === undefined ? checkLogps(chosen, rejected) : { chosen: NaN, rejected: NaN, unusable: reason };
    const { promptTokens, chosenTokens, rejectedTokens } = fact;
    return {
      text: scoreText(pair, rule),
      ...checked,
      promptTokens,
      chosenTokens,
      rejectedTokens,
      flags: flagsOf(fact),
    };
  };
  const unusable = facts.flatMap((fact, row) =>
    fact.unusable === undefined ? [] : [scoreOf(row, NaN, NaN, fact.unusable)],
  );
  cache.write(key, spec.source, unusable);
  work.progress.done += unusable.length;
  const isDone = (row: number): void => void rest.delete(positions[row] ?? -1);
  facts.forEach((fact, row) => fact.unusable !== undefined && isDone(row));
  const usable = facts.flatMap((fact, row) => (fact.unusable === undefined ? [row] : []));
  if (usable.length === 0) return;
  let done = unusable.length;
  for await (const chunk of backend.score(rowSet.handle, { rows: usable, ...(signal && { signal }) })) {
    if (!claim.isHeld()) return;
    const scores = chunk.rows.map((row, i) =>
      scoreOf(row, chunk.logps.chosen[i] ?? NaN, chunk.logps.rejected[i] ?? NaN),
    );
    cache.write(key, spec.source, scores);
    for (const { text } of scores) computed.add(text);
    chunk.rows.forEach(isDone);
    done += scores.length;
    work.progress.done += scores.length;
    onEvent?.({ kind: 'scored', model: name, ...work.progress });
    if (work.shares.isTooMuch(share)) return;
  }
  if (done !== asked.length) throw leftOut(name, done, asked.length);
}

/** Weights that changed on disk between being identified and being loaded must not be kept under the old identity. */
function requireSameModel(name: string, key: ScoringKey, { identity }: LoadedModel): void {
  const differing = (['weights', 'tokenizer', 'chatTemplate', 'numericPath'] as const).filter(
    (part) => identity[part] !== key[part],
  );
  if (differing.length === 0) return;
  throw new MrpoError(
    'model',
    `model "${name}": its ${differing.join(', ')} changed between being identified and being loaded`,
    {
      hint: 'Wait until its files are written, then run again.',
      details: { differing },
    },
  );
}

const leftOut = (name: string, got: number, expected: number): MrpoError =>
  new MrpoError('backend', `model "${name}": the backend answered for ${got} pairs, expected ${expected}`, {
    hint: 'This is a defect of the backend; what it answered for is kept.',
  });

/** A backend that has died has released everything already: what it died of is the error to show. */
async function release(backend: Backend, handle: string): Promise<void> {
  await backend.unloadModel(handle).catch(() => undefined);
}
