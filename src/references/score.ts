/**
 * Scores the references of a configuration on its pairs. Every model is identified first, so that the time left is known
 * for all of them; then each with missing pairs is loaded, streamed and released in turn: one in memory at a time.
 */
import type { Backend, ModelIdentity, ModelSpec } from '../backend/backend.js';
import {
  isPolicyReference,
  policyModelSpec,
  referenceModelSpec,
  referenceName,
  type RunConfig,
} from '../config/index.js';
import { BackendFault } from '../backend/fault.js';
import { MrpoError } from '../core/errors.js';
import { canonicalJson } from '../core/hash.js';
import type { PreferencePair } from '../data/pair.js';
import { keyText, scoreText, scoringKey, type LogpCache, type ScoreColumns } from './cache/index.js';
import { createWorkClock, type WorkProgress } from './eta.js';
import type { ScoringEvent } from './events.js';
import { identifyForScoring, importedNumericPath } from './identify.js';
import { modelBytes } from './model-files.js';
import {
  scoredReference,
  tokenRule,
  usableEverywhere,
  type ModelToScore,
  type ReferenceScores,
  type ScoredReference,
} from './reference-scores.js';
import { scoreModel } from './score-model.js';
import type { HelperPool } from './shares.js';

/** Which configuration's references score which pairs. */
export interface ScoreReferencesOptions {
  readonly config: RunConfig;
  /** One entry per row of the resulting columns. */
  readonly pairs: readonly PreferencePair[];
  readonly backend: Backend;
  readonly cache: LogpCache;
  /** Further backends that score a part of each model's pairs. Default: none. */
  readonly helpers?: HelperPool | undefined;
  /** Score the policy's start too where no reference is that model. Default false. */
  readonly withPolicy?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** `progress` over all models comes with every `scored` event. */
  readonly onEvent?: ((event: ScoringEvent, progress?: WorkProgress) => void) | undefined;
}

interface IdentifiedModel extends ModelToScore {
  readonly identity: ModelIdentity;
  /** What the cache had when the model was identified. */
  readonly known: ScoreColumns;
}

/** The references of a configuration in order, and the policy's start behind them if `withPolicy`. */
export function modelsToScore(config: RunConfig, withPolicy: boolean): ModelToScore[] {
  const policySpec = canonicalJson(policyModelSpec(config));
  const references = config.references.map((reference) => ({
    name: referenceName(reference),
    spec: referenceModelSpec(config, reference),
    isPolicy: isPolicyReference(reference) || canonicalJson(referenceModelSpec(config, reference)) === policySpec,
  }));
  if (!withPolicy || references.some(({ isPolicy }) => isPolicy)) return references;
  return [...references, { name: 'policy', spec: policyModelSpec(config), isPolicy: true }];
}

/**
 * Log-probs of every reference, from the cache or computed now and kept.
 * @example
 * const { config } = loadConfig({ file: 'my-run.yaml' });
 * const { train: pairs } = await loadData(config.data, { seed: config.training.seed });
 * const [backend, cache] = [await openBackend(), openLogpCache()];
 * const { references } = await scoreReferences({ config, pairs, backend, cache });
 * console.log(references.map(({ name, columns }) => [name, columns.chosen.logps[0]])); // nats
 * @throws MrpoError `data` if an imported model lacks pairs; BackendFault as the backend does.
 */
export async function scoreReferences(options: ScoreReferencesOptions): Promise<ReferenceScores> {
  const { config, pairs, signal, cache, backend, helpers } = options;
  const models = await identifyAll(options, modelsToScore(config, options.withPolicy === true));
  const clock = createWorkClock(workOf(models, config));
  const scored: ScoredReference[] = [];
  const lost = new Set<string>();
  for (const [index, model] of models.entries()) {
    const { name, spec, identity, known } = model;
    let last = performance.now();
    const onEvent = (event: ScoringEvent): void => {
      const now = performance.now();
      const progress = event.kind === 'scored' ? clock.advance(index, event.done, (now - last) / 1000) : undefined;
      last = now;
      options.onEvent?.(event, progress);
    };
    const rule = tokenRule(config.data);
    const request = { spec, identity, known, name, rule, pairs, backend, helpers, lost, cache, signal, onEvent };
    const result = await scoreModel(request).catch((error: unknown) => {
      throw naming(name, spec, error);
    });
    scored.push(scoredReference(model, identity, result.key, result.columns, result.scored));
  }
  return assemble(scored, config, pairs.length);
}

/** References in order, the policy's start beside them: its own entry, or the reference that is the same model. */
export function assemble(scored: readonly ScoredReference[], config: RunConfig, pairs: number): ReferenceScores {
  const references = scored.slice(0, config.references.length);
  const policyStart = scored.find(({ isPolicy }) => isPolicy);
  return Object.freeze({
    references,
    policyStart,
    scoreTurns: config.data.score_turns,
    usable: usableEverywhere(scored, pairs),
  });
}

async function identifyAll(
  options: ScoreReferencesOptions,
  models: readonly ModelToScore[],
): Promise<IdentifiedModel[]> {
  const { config, pairs, cache, backend, signal, onEvent } = options;
  const rule = tokenRule(config.data);
  const texts = pairs.map((pair) => scoreText(pair, rule));
  const identified: IdentifiedModel[] = [];
  for (const model of models) {
    const { name, spec, isPolicy } = model;
    const onProgress = (done: number, total: number): void =>
      onEvent?.({ kind: 'loading', model: name, stage: 'hash', done, total });
    const found = await identifyForScoring(spec, cache, backend, { signal, onProgress });
    const readUnder = (identity: ModelIdentity): ScoreColumns => cache.read(scoringKey(identity, rule), texts);
    let { identity } = found;
    let known = readUnder(identity);
    // The policy is trained by this machine's kernels: its start must come from them, so that step 0 has margin 0.
    const elsewhere = known.missing.length > 0 && !isPolicy ? importedNumericPath(spec, identity, cache) : undefined;
    const imported = elsewhere === undefined ? undefined : { ...identity, numericPath: elsewhere };
    const importedScores = imported && readUnder(imported);
    if (imported !== undefined && importedScores?.missing.length === 0) [identity, known] = [imported, importedScores];
    const missing = known.missing.length;
    if (found.from === 'imported' && missing > 0) throw notImported(name, spec, missing, pairs.length);
    onEvent?.({ kind: 'identified', model: name, cached: pairs.length - missing, missing });
    identified.push({ ...model, identity, known });
  }
  return identified;
}

/** A model that appears twice is worked on once. */
function workOf(models: readonly IdentifiedModel[], config: RunConfig): { pairs: number; modelBytes: number }[] {
  const seen = new Set<string>();
  return models.map(({ spec, identity, known }) => {
    const key = keyText(scoringKey(identity, tokenRule(config.data)));
    const pairs = seen.has(key) ? 0 : known.missing.length;
    seen.add(key);
    return { pairs, modelBytes: pairs > 0 ? modelBytes(spec) : 0 };
  });
}

/** A fault of the backend says which of several references it is about. */
function naming(name: string, spec: ModelSpec, error: unknown): unknown {
  if (!(error instanceof BackendFault)) return error;
  const { reason, message, hint, details } = error;
  return new BackendFault(reason, `reference "${name}" (${spec.source}): ${message}`, { cause: error, hint, details });
}

const notImported = (name: string, spec: ModelSpec, missing: number, total: number): MrpoError =>
  new MrpoError(
    'data',
    `reference "${name}": ${missing} of ${total} pairs are not among the imported scores, and model "${spec.source}" is not on this machine`,
    {
      hint: 'Score these pairs on the machine that has the model, then export and import its cache again.',
    },
  );
