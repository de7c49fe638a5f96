/**
 * One run from top to bottom: preparation, samples, training, samples, export. Everything it finds out is told as an
 * event and written into the run folder at once, so that a run that ends early is as readable as one that ends well.
 */
import type { Trainer } from '../backend/backend.js';
import type { Sides } from '../core/sides.js';
import { evaluatePolicy, type Evaluation } from '../training/evaluate.js';
import type { Examples } from '../training/examples.js';
import { policyStart } from '../training/policy-start.js';
import { trainPolicy } from '../training/train.js';
import type { RunEvent } from '../store/events.js';
import { exportPolicy } from './export-policy.js';
import { heldOutLines } from './held-out.js';
import { createJsonLines, type JsonLinesWriter } from '../store/json-lines.js';
import { prepareRun, type PreparedRun } from './prepare-run.js';
import { recordTraining, type TrainingRecord } from './record-training.js';
import { runStage, type RunContext } from './run-context.js';
import type { TrainingFacts } from '../store/run-record.js';
import { answerSamples, samplePairs } from './samples.js';

/** @returns whether the run was stopped on the way; then the adapter is that of the last finished step. */
export async function executeRun(context: RunContext): Promise<{ readonly stopped: boolean }> {
  const { loaded, folder, runRecord } = context;
  const prepared = await prepareRun(context);
  const samples = await createJsonLines(folder.file('samples'));
  try {
    await runStage(context, 'samples', () => sample(context, prepared, samples, 0));
    const trained = await runStage(context, 'train', () => train(context, prepared));
    const { before, after, afterStep, heldOut } = trained;
    if (before !== undefined && after !== undefined) {
      await keepEvaluations(context, heldOut, prepared.referenceNames, { before, after, afterStep });
    }
    await runStage(context, 'export', () => exportPolicy(loaded, folder, prepared, trained));
    await runRecord.update({ training: trainingFacts(prepared.trainer, trained) });
    if (!trained.stopped) await runStage(context, 'samples', () => sample(context, prepared, samples, trained.steps));
    const { peakMemoryBytes } = await prepared.backend.info();
    await runRecord.update({ peakMemoryBytes: Math.max(peakMemoryBytes, trained.peakMemoryBytes) });
    return { stopped: trained.stopped };
  } finally {
    await samples.close();
    await release(prepared);
  }
}

async function train(
  context: RunContext,
  { backend, policy, trainer, objective, examples, referenceNames, policyReferences }: PreparedRun,
): Promise<TrainingRecord & { readonly heldOut: Examples }> {
  const { loaded, folder, emit, signal } = context;
  const { training } = loaded.config;
  const onProgress = (done: number, total: number): void => emit(evaluationProgress(done, total));
  const scoring = { backend, rowSet: policy.rowSet, onProgress };
  let { heldOut } = examples;
  let known: Sides<Float64Array> | undefined;
  const loop = trainPolicy({
    trainer,
    objective,
    examples: examples.train,
    heldOut: examples.heldOut,
    referenceNames,
    policyReferences,
    training,
    start: async (abort) => {
      const start = await policyStart(examples, policyReferences, { ...scoring, signal: abort });
      ({ heldOut, own: known } = start);
      if (start.off > 0) emit({ type: 'note', message: scoredAgain(start.off) });
      return start;
    },
    evaluate: (abort, only) => {
      const logps = only === undefined ? known : undefined;
      known = only === undefined ? undefined : known; // of the first evaluation only: then the policy moves
      return evaluatePolicy({ ...scoring, objective, referenceNames, examples: heldOut, only, known: logps, signal: abort });
    },
    signal,
  });
  const metrics = await createJsonLines(folder.file('metrics'));
  try {
    const record = await recordTraining(loop, { loggingSteps: training.logging_steps, metrics, emit });
    return { ...record, heldOut };
  } finally {
    await metrics.close();
  }
}

const scoredAgain = (off: number): string =>
  `the cached log-probs of the policy are off by up to ${off.toPrecision(2)} nats here, more than rounding explains: it was scored again`;

const evaluationProgress = (done: number, total: number): RunEvent => ({
  type: 'progress',
  stage: 'train',
  work: 'evaluate',
  what: 'policy',
  done,
  total,
  unit: 'pairs',
});

/** Answers of the policy of now. A stop while they are written leaves the rest unwritten. */
async function sample(context: RunContext, prepared: PreparedRun, lines: JsonLinesWriter, step: number): Promise<void> {
  const { loaded, signal } = context;
  const { samples, max_new_tokens } = loaded.config.generate;
  const pairs = samplePairs(prepared.examples.heldOutPairs, samples);
  const options = { step, maxNewTokens: max_new_tokens, nameOf: prepared.nameOf, signal };
  for (const answer of await answerSamples(prepared.backend, prepared.policy.model.handle, pairs, options)) {
    await lines.append({ ...answer });
  }
}

/** Log-probs of every held-out pair, and the evaluation in the record. */
async function keepEvaluations(
  { folder, runRecord }: RunContext,
  heldOut: Examples,
  referenceNames: readonly string[],
  { before, after, afterStep }: { readonly before: Evaluation; readonly after: Evaluation; readonly afterStep: number },
): Promise<void> {
  const lines = await createJsonLines(folder.file('heldOut'));
  for (const line of heldOutLines(heldOut, referenceNames, before, after)) await lines.append(line);
  await lines.close();
  await runRecord.update({ evaluation: { before: before.measures, after: after.measures, afterStep } });
}

const trainingFacts = (
  trainer: Trainer,
  { steps, totalSteps, tokens, skippedSteps }: TrainingRecord,
): TrainingFacts => ({
  steps,
  totalSteps,
  tokens,
  skippedSteps,
  trainableParameters: trainer.trainableParameters,
  trainedModules: trainer.trainedModules,
  checkpointing: trainer.checkpointing,
  microBatchTokens: trainer.microBatchTokens,
});

/** Frees the policy, for a backend that goes on. One that is gone has nothing to free, and the run's own error counts. */
async function release({ backend, policy, trainer }: PreparedRun): Promise<void> {
  await trainer.close().catch(() => undefined);
  await backend.unloadModel(policy.model.handle).catch(() => undefined);
}
