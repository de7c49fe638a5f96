/** Held-out pairs under a policy that is not trained now: a configuration's own, or what a run trained. */
import type { ModelSpec } from '../backend/backend.js';
import { policyModelSpec, type LoadedConfig } from '../config/index.js';
import { MrpoError } from '../core/errors.js';
import { createObjective } from '../objectives/create-objective.js';
import { evaluatePolicy } from '../training/evaluate.js';
import type { Metrics } from '../objectives/metrics.js';
import { policyStart } from '../training/policy-start.js';
import { buildExamples, longerIsChosen } from './build-examples.js';
import { withCustomLoss, type LossChoice } from './custom-loss.js';
import type { RunEvent } from '../store/events.js';
import { loadPolicy } from './load-policy.js';
import { preparePairs } from './prepare-data.js';
import { policyAmong, prepareReferences, referenceFacts } from './prepare-references.js';
import type { CacheChoice, ProgressOf } from './run-context.js';
import { withBackend, type BackendChoice } from './with-backend.js';

/** Which policy is evaluated on whose held-out pairs. */
export interface EvaluateRequest extends BackendChoice, CacheChoice, LossChoice {
  readonly loaded: LoadedConfig;
  /** Default: the policy of the configuration as it starts. */
  readonly policy?: ModelSpec | undefined;
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
}

/** Measures of a policy on held-out pairs. */
export interface ModelEvaluation {
  /** Held-out pairs that every model can take. */
  readonly pairs: number;
  readonly measures: Metrics;
  /** Share of pairs whose chosen response is the longer one: what preferring length would score. */
  readonly longerIsChosen: number;
  /** Of a run: the same pairs before its training. The references alone decide some of them: no accuracy means much without. */
  readonly stepZero?: Metrics | undefined;
  /** Pairs scored for this evaluation and pairs that the cache had, per reference. */
  readonly references: readonly { readonly name: string; readonly scored: number; readonly cached: number }[];
}

/**
 * Scores references and policy on the held-out pairs and measures.
 * @throws MrpoError `config` if the configuration holds out no pairs.
 */
export async function evaluateHeldOut(request: EvaluateRequest): Promise<ModelEvaluation> {
  const { onEvent = () => undefined } = request;
  const loaded = withCustomLoss(request.loaded, request);
  const { config } = loaded;
  const signal = request.signal ?? new AbortController().signal;
  const note = (message: string): void => onEvent({ type: 'note', message });
  const progressOf: ProgressOf =
    (what) =>
    ({ stage: work, ...progress }) =>
      onEvent({ type: 'progress', stage: 'load', work, what, ...progress });

  return withBackend(request, async (open) => {
    onEvent({ type: 'stage', stage: 'data' });
    const { heldOut, nameOf } = await preparePairs(config, { open, signal, note });
    if (heldOut.length === 0) {
      throw new MrpoError('config', 'data.eval holds out no pairs; there is nothing to evaluate on', {
        hint: 'Set data.eval to a share, a number of pairs or a file.',
      });
    }
    const backend = await open();
    onEvent({ type: 'stage', stage: 'references' });
    const references = await prepareReferences(backend, config, heldOut, {
      cache: request.cache,
      signal,
      emit: onEvent,
    });
    onEvent({ type: 'stage', stage: 'load' });
    const onProgress = progressOf('policy');
    const policy = await loadPolicy(backend, config, heldOut, {
      model: request.policy ?? policyModelSpec(config),
      signal,
      onProgress,
    });
    try {
      const { heldOut: examples, notes } = buildExamples({
        pairs: heldOut,
        trainingPairs: 0,
        nameOf,
        policyRows: policy.rows,
        scoreTurns: config.data.score_turns,
        dtype: policy.model.dtype,
        references,
      });
      notes.forEach(note);
      const objective = await createObjective(config.objective, {
        references: references.length,
        baseDir: loaded.baseDir,
        customLoss: request.customLoss,
      });
      const referenceNames = references.map(({ name }) => name);
      const scoring = {
        backend,
        rowSet: policy.rowSet,
        signal,
        onProgress: (done: number, total: number) =>
          onEvent({ type: 'progress', stage: 'train', work: 'evaluate', what: 'policy', done, total, unit: 'pairs' }),
      };
      const known = request.policy === undefined ? policyAmong(references) : [];
      const { heldOut: pairs, own } = await policyStart(
        { train: { ...examples, size: 0 }, heldOut: examples },
        known,
        scoring,
      );
      const { measures } = await evaluatePolicy({ ...scoring, examples: pairs, objective, referenceNames, known: own });
      return {
        pairs: examples.size,
        measures,
        longerIsChosen: longerIsChosen(examples),
        references: references.map(referenceFacts).map(({ name, scored, cached }) => ({ name, scored, cached })),
      };
    } finally {
      await backend.unloadModel(policy.model.handle).catch(() => undefined); // the first error is the one that matters
    }
  });
}
