/**
 * Writes what was trained into the run folder: the adapter, or the whole model after full fine-tuning. Whatever can be
 * refused is tried before training; if it fails all the same, the weights are kept as they are, for a later export.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from '../backend/backend.js';
import { MrpoError } from '../core/errors.js';
import type { LoadedConfig } from '../config/index.js';
import type { RunFolder } from '../store/run-folder.js';
import type { RunRecordWriter } from '../store/run-record-writer.js';
import { modelCard } from './model-card.js';
import type { LoadedPolicy } from './load-policy.js';
import type { PreparedRun } from './prepare-run.js';
import type { TrainingRecord } from './record-training.js';
import type { RunContext } from './run-context.js';

/**
 * The export of the untrained policy, of which nothing stays.
 * @throws BackendFault for whatever an export would be refused for after training.
 */
export async function rehearseExport(
  backend: Backend,
  { loaded, folder, signal }: RunContext,
  policy: LoadedPolicy,
): Promise<void> {
  const { path, merge } = placeOf(loaded, folder);
  await backend.exportModel(policy.model.handle, path, { merge, modelCard: '', replace: true, rehearse: true, signal });
}

/**
 * Writes adapter or model into the run's folder.
 * @returns the folder written. Never stopped by a signal: a stopped run keeps what it has learnt.
 */
export async function exportPolicy(
  { loaded, folder, runRecord }: RunContext,
  { backend, policy, examples, referenceNames }: PreparedRun,
  trained: TrainingRecord,
): Promise<string> {
  const { path, merge } = placeOf(loaded, folder);
  const card = modelCard({
    config: loaded.config,
    configHash: loaded.hash,
    referenceNames,
    trainingPairs: examples.train.size,
    steps: trained.steps,
    evaluatedStep: trained.afterStep,
    before: trained.before,
    after: trained.after,
  });
  const { handle } = policy.model;
  try {
    // A run that goes on replaces what an earlier end of it has left.
    await backend.exportModel(handle, path, { merge, modelCard: card, replace: true });
    return path;
  } catch (thrown) {
    throw await keepWeights(thrown, { backend, handle, folder, runRecord, card });
  }
}

const placeOf = (loaded: LoadedConfig, folder: RunFolder): { readonly path: string; readonly merge: boolean } => {
  const merge = loaded.config.policy.lora === 'off';
  return { path: folder.file(merge ? 'model' : 'adapter'), merge };
};

/** Keeps the weights in the run folder or, when its disk is full, in the system's folder for temporary files. */
async function keepWeights(
  failure: unknown,
  run: {
    readonly backend: Backend;
    readonly handle: string;
    readonly folder: RunFolder;
    readonly runRecord: RunRecordWriter;
    readonly card: string;
  },
): Promise<unknown> {
  const reason = failure instanceof Error ? failure.message : String(failure);
  for (const place of [run.folder.file('weights'), join(tmpdir(), `mrpo-weights-${run.runRecord.record.id}`)]) {
    const options = { merge: false, modelCard: run.card, replace: true, raw: true };
    const kept = await run.backend.exportModel(run.handle, place, options).then(
      () => true,
      () => false,
    );
    if (!kept) continue;
    await run.runRecord.update({ keptWeights: place });
    return new MrpoError('backend', `${reason}. The trained weights are kept in ${place}`, {
      cause: failure,
      hint: `When the reason is gone: mrpo export ${run.folder.path} --to FOLDER`,
    });
  }
  return failure;
}
