/**
 * One run from top to bottom: preparation, samples, training, samples, export. Everything it finds out is reported as an
 * event and written into the run folder at once, so that a run that ends early is as readable as one that ends well. When
 * the backend fails on the way, the run goes on from its last checkpoint.
 */
import { rm } from 'node:fs/promises';
import type { Trainer } from '../backend/backend.js';
import type { Sides } from '../core/sides.js';
import { toMrpoError } from '../core/errors.js';
import { checkpointPieces, setAsideBehind } from '../store/checkpoints.js';
import type { RunEvent } from '../store/events.js';
import { continueJsonLines, createJsonLines, type JsonLinesWriter } from '../store/json-lines.js';
import type { TrainingFacts } from '../store/run-record.js';
import { pauseFor } from '../training/lost-connection.js';
import { evaluatePolicy, type Evaluation } from '../training/evaluate.js';
import type { Examples } from '../training/examples.js';
import { policyStart } from '../training/policy-start.js';
import type { Trackers } from '../trackers/trackers.js';
import { DivergenceError, trainPolicy } from '../training/train.js';
import { createCheckpointWriter } from './checkpoint-writer.js';
import { exportPolicy, rehearseExport } from './export-policy.js';
import { heldOutLines } from './held-out.js';
import { prepareRun, releaseRun, type PreparedRun } from './prepare-run.js';
import { recordTraining, type StepBoundary, type TrainingRecord } from './record-training.js';
import { createRecovery, isLost } from './recovery.js';
import { runStage, type RunContext } from './run-context.js';
import { goingOn, readOtherwise, requireSameRun } from './run-identity.js';
import { newestCheckpoint, type ResumePoint } from './resume-point.js';
import { STATE_FORMAT, type ResumableState } from './run-state.js';
import { answerSamples, samplePairs } from './samples.js';
import { keepScores, keptScores } from './scores-in-force.js';
import type { OpenBackend } from './with-backend.js';

/**
 * Conducts one run, with new attempts where the backend fails.
 * @returns whether the run was stopped on the way; then the adapter is that of the last finished step.
 */
export async function executeRun(given: RunContext): Promise<{ readonly stopped: boolean }> {
  // An address where nobody has ever answered is a mistake to tell, and no fault to wait for.
  let answered = false;
  const open = async (): ReturnType<OpenBackend> => {
    const backend = await given.open();
    answered = true;
    return backend;
  };
  const context = { ...given, open };
  const recovery = createRecovery(context.renew !== undefined);
  let lastStep = 0;
  let rateFactor: number | undefined;
  const onStep = (step: number): void => void (lastStep = step);
  for (let resumed = context.resumed; ; resumed = true) {
    const point = resumed
      ? await newestCheckpoint(context.folder, (message) => context.emit({ type: 'note', message }))
      : undefined;
    try {
      return await attempt(
        context,
        point && { ...point, state: { ...point.state, rateFactor: rateFactor ?? point.state.rateFactor } },
        rateFactor ?? 1,
        onStep,
      );
    } catch (thrown) {
      const slower = slowerAfter(thrown, context, rateFactor ?? point?.state.rateFactor ?? 1);
      if (slower !== undefined) {
        rateFactor = slower;
        await recover(
          context,
          `${toMrpoError(thrown).message}; the learning rate goes on at ${slower} of the schedule's`,
          0,
          lastStep,
        );
        continue;
      }
      const verdict = recovery.after(thrown, lastStep);
      if (context.signal.aborted || !answered || 'giveUp' in verdict) {
        const why = 'giveUp' in verdict ? verdict.giveUp : undefined;
        if (why !== undefined) context.emit({ type: 'note', message: `the run does not go on: ${why}` });
        throw thrown;
      }
      await recover(context, toMrpoError(thrown).message, verdict.pauseSeconds, lastStep);
    }
  }
}

/** At less than that a smaller rate will not help either. */
const LEAST_RATE_FACTOR = 1 / 8;

/** What to multiply the learning rate with after training has diverged, if the configuration wants to go on then. */
function slowerAfter(thrown: unknown, { loaded }: RunContext, factor: number): number | undefined {
  const wanted = thrown instanceof DivergenceError && loaded.config.training.on_divergence === 'restore';
  return wanted && factor / 2 >= LEAST_RATE_FACTOR ? factor / 2 : undefined;
}

/** Lets go of what has failed, tells it, and waits. */
async function recover(context: RunContext, reason: string, pauseSeconds: number, lastStep: number): Promise<void> {
  const { emit, renew, runRecord, signal } = context;
  emit({ type: 'recovery', reason, pauseSeconds });
  await renew?.();
  await pauseFor(pauseSeconds * 1000, signal);
  await runRecord.beginAttempt({ kind: 'recovery', reason, lastStep });
}

async function attempt(
  context: RunContext,
  point: ResumePoint | undefined,
  rateFactor: number,
  onStep: (step: number) => void,
): Promise<{ readonly stopped: boolean }> {
  const { runRecord } = context;
  const prepared = await prepareRun(context, point?.state.checkpointing);
  try {
    await rehearseExport(prepared.backend, context, prepared.policy);
    if (point !== undefined) await goOnFrom(context, prepared, point);
    await setAsideBehind(context.folder, point?.checkpoint);
    const samples = await openSamples(context, point);
    try {
      if (point === undefined) await runStage(context, 'samples', () => sample(context, prepared, samples, 0));
      const samplesBytes = await samples.sync();
      const exact = await isExact(prepared, point);
      const trained = await runStage(context, 'train', () =>
        train(context, prepared, point, { samplesBytes, rateFactor, exact }, onStep),
      );
      const { before, after, afterStep, heldOut } = trained;
      if (before !== undefined && after !== undefined) {
        await keepEvaluations(context, heldOut, prepared.referenceNames, { before, after, afterStep });
      }
      await runStage(context, 'export', () => exportPolicy(context, prepared, trained));
      await runRecord.update({ training: trainingFacts(prepared.trainer, trained, exact) });
      if (!trained.stopped) await runStage(context, 'samples', () => sample(context, prepared, samples, trained.steps));
      const { peakMemoryBytes } = await prepared.backend.info();
      await runRecord.update({ peakMemoryBytes: Math.max(peakMemoryBytes, trained.peakMemoryBytes) });
      return { stopped: trained.stopped };
    } finally {
      await samples.close();
    }
  } finally {
    await releaseRun(prepared);
  }
}

/** Puts a checkpoint on the trainer, if it is one of this run. */
async function goOnFrom(
  { emit, runRecord }: RunContext,
  { identity, trainer }: PreparedRun,
  { checkpoint, state }: ResumePoint,
): Promise<void> {
  for (const message of requireSameRun(state.identity, identity)) emit({ type: 'note', message });
  await trainer.loadCheckpoint(checkpointPieces(checkpoint));
  await runRecord.goOnFrom(checkpoint.step);
  emit({ type: 'resumed', step: checkpoint.step });
}

/** Whether the whole run, up to the checkpoint that it goes on from and behind it, can be had again bit for bit. */
async function isExact({ backend, trainer, policy }: PreparedRun, point: ResumePoint | undefined): Promise<boolean> {
  const onGpu = (await backend.info()).device.startsWith('cuda');
  const now = !onGpu || trainer.deterministic;
  if (point === undefined) return now;
  const { exact = !onGpu, identity } = point.state;
  return now && exact && identity.policy.numericPath === policy.model.identity.numericPath;
}

/** Answers before training stay; whatever else an earlier attempt has written is written again. */
async function openSamples({ folder }: RunContext, point: ResumePoint | undefined): Promise<JsonLinesWriter> {
  await rm(folder.file('heldOut'), { force: true });
  if (point !== undefined) return continueJsonLines(folder.file('samples'), point.state.samplesBytes);
  await rm(folder.file('samples'), { force: true });
  return createJsonLines(folder.file('samples'));
}

async function train(
  context: RunContext,
  prepared: PreparedRun,
  point: ResumePoint | undefined,
  start: Pick<ResumableState, 'samplesBytes' | 'rateFactor' | 'exact'>,
  onStep: (step: number) => void,
): Promise<TrainingRecord & { readonly heldOut: Examples }> {
  const { loaded, folder, emit, signal, trackers } = context;
  const { backend, policy, trainer, objective, examples, referenceNames, policyReferences, identity } = prepared;
  const { training } = loaded.config;
  const state = point?.state;
  const { samplesBytes, exact } = start;
  const rateFactor = state?.rateFactor ?? start.rateFactor;
  const onProgress = (done: number, total: number): void => emit(evaluationProgress(done, total));
  const note = (message: string): void => emit({ type: 'note', message });
  const scoring = { backend, rowSet: policy.rowSet, onProgress, sayConnection: note };
  let { heldOut } = examples;
  let known: Sides<Float64Array> | undefined;
  let scores = state?.scores ?? '';
  const loop = trainPolicy({
    trainer,
    objective,
    examples: examples.train,
    heldOut: examples.heldOut,
    referenceNames,
    policyReferences,
    training,
    resume: state?.training,
    rateFactor,
    sayConnection: note,
    start: async (abort) => {
      if (state !== undefined) {
        const otherwise = readOtherwise(state.identity, identity);
        const pairs = await keptScores(folder.file('scores'), scores, examples, { ...prepared, otherwise });
        ({ heldOut } = pairs);
        return pairs;
      }
      const start = await policyStart(examples, policyReferences, { ...scoring, signal: abort });
      ({ heldOut, own: known } = start);
      scores = await keepScores(folder.file('scores'), start);
      if (start.off > 0) note(scoredAgain(start.off));
      return start;
    },
    evaluate: (abort, only) => {
      const logps = only === undefined ? known : undefined;
      known = only === undefined ? undefined : known; // of the first evaluation only: then the policy moves
      return evaluatePolicy({
        ...scoring,
        objective,
        referenceNames,
        examples: heldOut,
        only,
        known: logps,
        signal: abort,
      });
    },
    signal,
  });
  const checkpoints = createCheckpointWriter({
    folder,
    trainer,
    training,
    resumed: state?.training,
    note,
  });
  const stateAt = async (boundary: Pick<StepBoundary, 'training' | 'recording'>): Promise<ResumableState> => ({
    format: STATE_FORMAT,
    identity: goingOn(state?.identity, identity),
    training: boundary.training,
    recording: await boundary.recording(),
    checkpointing: trainer.checkpointing as ResumableState['checkpointing'],
    scores,
    samplesBytes,
    rateFactor,
    exact,
  });
  if (state === undefined) await rm(folder.file('metrics'), { force: true });
  const keptBytes = state?.recording.metricsBytes ?? 0;
  const file = folder.file('metrics');
  const metrics = alsoTo(
    trackers,
    await (state === undefined ? createJsonLines(file) : continueJsonLines(file, keptBytes)),
  );
  trackers.begin(file, keptBytes);
  try {
    const trained = await recordTraining(loop, {
      training,
      metrics,
      emit,
      resume: state?.recording,
      onBoundary: async (boundary) => {
        onStep(boundary.step);
        // A run that is to go back to its last good checkpoint needs one from before things went wrong.
        const good = training.on_divergence === 'stop' || boundary.training.skippedInARow === 0;
        if (good) await checkpoints.boundary(boundary, () => stateAt(boundary));
      },
      onFailing: async (boundary, thrown) => {
        if (isLost(thrown) || slowerAfter(thrown, context, rateFactor) !== undefined) return;
        // What ends the run is told by its own error, whatever becomes of this.
        await checkpoints.last(() => stateAt(boundary)).catch(() => undefined);
      },
    });
    await checkpoints.last(() => stateAt({ training: trained.state, recording: async () => trained.recording }));
    return { ...(await withBest(context, prepared, trained)), heldOut };
  } finally {
    await checkpoints.settle();
    await metrics.close();
  }
}

/** Lines that are on the disk go to the trackers too. */
const alsoTo = (trackers: Trackers, lines: JsonLinesWriter): JsonLinesWriter => ({
  ...lines,
  async append(line) {
    await lines.append(line);
    trackers.line(line);
  },
});

/** Puts the policy of the best evaluation on the trainer, where that is to be the result. */
async function withBest(
  { loaded, folder, emit }: RunContext,
  { trainer }: PreparedRun,
  trained: TrainingRecord,
): Promise<TrainingRecord> {
  const { best, stopped, steps } = trained;
  if (!loaded.config.training.load_best_model_at_end || stopped || best === undefined || best.step === steps) {
    return trained;
  }
  const note = (message: string): void => emit({ type: 'note', message });
  const point = await newestCheckpoint(folder, note, (state) => state.training.step === best.step);
  if (point === undefined) {
    note(
      `the checkpoint of step ${best.step}, the best by ${best.metric}, cannot be read: the result is the last step's`,
    );
    return trained;
  }
  await trainer.loadCheckpoint(checkpointPieces(point.checkpoint));
  note(`the result is the policy of step ${best.step}, the best by ${best.metric} (${best.value.toPrecision(4)})`);
  return { ...trained, after: point.state.recording.after, afterStep: best.step };
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

/** Answers of the current policy. A stop while they are written leaves the rest unwritten. */
async function sample(context: RunContext, prepared: PreparedRun, lines: JsonLinesWriter, step: number): Promise<void> {
  const { loaded, signal } = context;
  const { samples, max_new_tokens } = loaded.config.generate;
  const pairs = samplePairs(prepared.examples.wholePrompts, samples);
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
  exact: boolean,
): TrainingFacts => ({
  steps,
  totalSteps,
  tokens,
  skippedSteps,
  trainableParameters: trainer.trainableParameters,
  trainedModules: trainer.trainedModules,
  checkpointing: trainer.checkpointing,
  microBatchTokens: trainer.microBatchTokens,
  repeatable: exact ? 'bit for bit' : 'up to rounding',
});
