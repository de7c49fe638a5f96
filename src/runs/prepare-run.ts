/** Everything before the first update: pairs, the references' scores, the policy with its trainer, the objective. */
import type { Backend, Trainer, TrainerSpec } from '../backend/backend.js';
import { policyModelSpec } from '../config/index.js';
import type { PreferencePair } from '../data/index.js';
import { createObjective } from '../objectives/create-objective.js';
import type { Objective } from '../objectives/objective.js';
import { buildExamples, longerIsChosen, type BuiltExamples } from './build-examples.js';
import { createPolicyTrainer, loadPolicy, unloadedOnFailure, type LoadedPolicy } from './load-policy.js';
import { planFacts } from './plan-facts.js';
import { preparePairs } from './prepare-data.js';
import { policyAmong, prepareReferences, referenceFacts } from './prepare-references.js';
import { runIdentity, type RunIdentity } from './run-identity.js';
import { helpersFrom } from './scoring-helpers.js';
import { runStage, type PrepareContext } from './run-context.js';

/** Everything that the first optimizer step needs. */
export interface PreparedRun {
  readonly backend: Backend;
  readonly policy: LoadedPolicy;
  readonly trainer: Trainer;
  readonly objective: Objective;
  readonly examples: BuiltExamples;
  readonly referenceNames: readonly string[];
  /** Which references are the policy as it starts. */
  readonly policyReferences: readonly number[];
  readonly nameOf: (pair: PreferencePair) => string;
  readonly identity: RunIdentity;
}

/**
 * Runs the stages before training; what was loaded is unloaded again if a later part fails.
 * @param checkpointing Of activations, where a checkpoint says what was in force. Default: as configured.
 */
export async function prepareRun(
  context: PrepareContext,
  checkpointing?: TrainerSpec['checkpointing'],
): Promise<PreparedRun> {
  const { loaded, runRecord, open, emit, signal } = context;
  const { config } = loaded;
  const note = (message: string): void => emit({ type: 'note', message });
  loaded.warnings.forEach(note);
  // Before anything is scored or loaded: a loss that cannot be made is the cheapest thing to find out.
  const objective = await createObjective(config.objective, {
    references: config.references.length,
    baseDir: loaded.baseDir,
    customLoss: context.customLoss,
  });

  const pairs = await runStage(context, 'data', () => preparePairs(config, { open, signal, note }));
  const { train, heldOut, nameOf } = pairs;
  const everyPair = [...train, ...heldOut];

  const backend = await runStage(context, 'backend', open);
  const { serverVersion, device, deviceName, deviceMemoryBytes, threads, versions } = await backend.info({ signal });
  const facts = { serverVersion, device, deviceName, deviceMemoryBytes, threads, versions };
  await runRecord.update({ backend: facts, plan: planFacts(config, { train, held: heldOut }, facts) });

  const references = await runStage(context, 'references', async () => {
    const helpers = helpersFrom(context.scoringBackends ?? [], context);
    const choice = { cache: context.cache, helpers, signal, emit };
    return prepareReferences(backend, config, everyPair, choice).finally(() => helpers.close());
  });
  await runRecord.update({
    references: references.map(referenceFacts),
  });

  return runStage(context, 'load', async (progressOf) => {
    const onProgress = progressOf('policy');
    const policy = await loadPolicy(backend, config, everyPair, {
      model: policyModelSpec(config),
      signal,
      onProgress,
    });
    return unloadedOnFailure(backend, policy.model.handle, async () => {
      const examples = buildExamples({
        pairs: everyPair,
        trainingPairs: train.length,
        nameOf,
        policyRows: policy.rows,
        scoreTurns: config.data.score_turns,
        dtype: policy.model.dtype,
        references,
      });
      examples.notes.forEach(note);
      policy.model.notes.forEach((text) => note(`policy: ${text}`));
      if (policy.model.layout === 'plain') note(`policy: ${policy.model.layoutNote}`);
      const { handle: _, ...modelFacts } = policy.model;
      await runRecord.update({
        policy: modelFacts,
        data: {
          file: pairs.file,
          format: pairs.format,
          trainingPairs: examples.train.size,
          heldOutPairs: examples.heldOut.size,
          dropped: { ...pairs.dropped, ...examples.dropped },
          truncated: examples.truncated,
          longerIsChosen: longerIsChosen(examples.heldOut),
        },
      });
      const trainer = await createPolicyTrainer(backend, config, policy, { checkpointing, signal, onProgress });
      return {
        backend,
        policy,
        trainer,
        objective,
        examples,
        nameOf,
        referenceNames: references.map(({ name }) => name),
        policyReferences: policyAmong(references),
        identity: runIdentity({ config, policy: policy.model.identity, references, examples, pairs: everyPair }),
      };
    });
  });
}

/** Frees the policy, for a backend that goes on. One that is gone has nothing to free, and the run's own error counts. */
export async function releaseRun({ backend, policy, trainer }: PreparedRun): Promise<void> {
  await trainer.close().catch(() => undefined);
  await backend.unloadModel(policy.model.handle).catch(() => undefined);
}
