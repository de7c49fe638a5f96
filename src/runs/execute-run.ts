/**
 * One run from top to bottom: preparation, samples, training, samples, export. Everything it finds out is told as an
 * event and written into the run folder at once, so that a run that ends early is as readable as one that ends well.
 */
import type { Trainer } from '../backend/backend.js';
import { isPolicyReference } from '../config/index.js';
import { evaluatePolicy, type Evaluation } from '../training/evaluate.js';
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
import { stepZeroNote } from './step-zero.js';

/** @returns whether the run was stopped on the way; then the adapter is that of the last finished step. */
export async function executeRun(context: RunContext): Promise<{ readonly stopped: boolean }> {
  const { loaded, folder, runRecord } = context;
  const prepared = await prepareRun(context);
  const samples = await createJsonLines(folder.file('samples'));
  try {
    await runStage(context, 'samples', () => sample(context, prepared, samples, 0));
    const trained = await runStage(context, 'train', () => train(context, prepared));
    const { before, after, afterStep } = trained;
    if (before !== undefined && after !== undefined) await keepEvaluations(context, prepared, before, after, afterStep);
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
  { backend, policy, trainer, objective, examples, referenceNames }: PreparedRun,
): Promise<TrainingRecord> {
  const { loaded, folder, emit, signal } = context;
  const { training, references } = loaded.config;
  const firstIsPolicy = references[0] !== undefined && isPolicyReference(references[0]);
  const shared = { backend, objective, referenceNames, rowSet: policy.rowSet, examples: examples.heldOut };
  const loop = trainPolicy({
    trainer,
    objective,
    examples: examples.train,
    heldOut: examples.heldOut,
    referenceNames,
    training,
    evaluate: (abort, only) =>
      evaluatePolicy({
        ...shared,
        only,
        signal: abort,
        onProgress: (done, total) => emit(evaluationProgress(done, total)),
      }),
    signal,
  });
  const metrics = await createJsonLines(folder.file('metrics'));
  try {
    return await recordTraining(loop, {
      loggingSteps: training.logging_steps,
      metrics,
      emit,
      onStart: (start) => {
        const note = stepZeroNote(examples.heldOut, firstIsPolicy, start);
        if (note !== undefined) emit({ type: 'note', message: note });
      },
    });
  } finally {
    await metrics.close();
  }
}

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
  { examples, referenceNames }: PreparedRun,
  before: Evaluation,
  after: Evaluation,
  afterStep: number,
): Promise<void> {
  const lines = await createJsonLines(folder.file('heldOut'));
  for (const line of heldOutLines(examples.heldOut, referenceNames, before, after)) await lines.append(line);
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
