/** The scores of every reference from the cache alone: nothing is computed, what is missing is counted. */
import type { Backend } from '../backend/backend.js';
import type { RunConfig } from '../config/index.js';
import { MrpoError } from '../core/errors.js';
import type { PreferencePair } from '../data/pair.js';
import { scoreText, scoringKey, type LogpCache } from './cache/index.js';
import { identifyForReport, importedNumericPath } from './identify.js';
import {
  scoredReference,
  tokenRule,
  type ModelToScore,
  type ReferenceScores,
  type ScoredReference,
} from './reference-scores.js';
import { assemble, modelsToScore } from './score.js';

/** Which pairs are looked up, under which models. */
export interface ReadReferencesOptions {
  readonly config: RunConfig;
  readonly pairs: readonly PreferencePair[];
  readonly cache: LogpCache;
  /** Called only if a model's content is not remembered. Absent: such a model is an error. */
  readonly startBackend?: (() => Promise<Backend>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads what the cache has. The policy's start is among the result if it is there, even where no reference is it.
 * @throws MrpoError `data` if a model is unknown, or a reference has no scored pair at all.
 */
export async function readReferences(options: ReadReferencesOptions): Promise<ReferenceScores> {
  const { config, pairs } = options;
  const models = modelsToScore(config, false);
  const scored: ScoredReference[] = [];
  for (const model of models) scored.push(await readReference(options, model));
  const unscored = scored.filter(({ counts }) => counts.missing === pairs.length);
  if (unscored.length > 0 && pairs.length > 0) {
    throw new MrpoError(
      'data',
      `not scored yet on these pairs: ${unscored.map(({ name }) => `"${name}"`).join(', ')}`,
      {
        hint: 'Run "mrpo score" with this configuration first; changed files of a model, max_length, truncation or template need it too.',
      },
    );
  }
  return assemble([...scored, ...(await policyBeside(options, models))], config, pairs.length);
}

/** The policy's start where it is not among the references but was scored some time. */
async function policyBeside(
  options: ReadReferencesOptions,
  models: readonly ModelToScore[],
): Promise<readonly ScoredReference[]> {
  const policy = modelsToScore(options.config, true).slice(models.length);
  const [model] = policy;
  if (model === undefined) return [];
  const read = await readReference({ ...options, startBackend: undefined }, model).catch(() => undefined);
  return read === undefined || read.counts.missing > 0 ? [] : [read];
}

async function readReference(options: ReadReferencesOptions, model: ModelToScore): Promise<ScoredReference> {
  const { config, pairs, cache, startBackend, signal } = options;
  const rule = tokenRule(config.data);
  const texts = pairs.map((pair) => scoreText(pair, rule));
  const found = await identifyForReport(model.spec, cache, startBackend, signal);
  let { identity } = found;
  let columns = cache.read(scoringKey(identity, rule), texts);
  const elsewhere = columns.missing.length > 0 ? importedNumericPath(model.spec, identity, cache) : undefined;
  if (elsewhere !== undefined) {
    const imported = cache.read(scoringKey({ ...identity, numericPath: elsewhere }, rule), texts);
    if (imported.missing.length < columns.missing.length) {
      [identity, columns] = [{ ...identity, numericPath: elsewhere }, imported];
    }
  }
  return scoredReference(model, identity, scoringKey(identity, rule), columns, 0);
}
