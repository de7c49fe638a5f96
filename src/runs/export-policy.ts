/** Writes what was trained into the run folder: the adapter, or the whole model after full fine-tuning. */
import type { LoadedConfig } from '../config/index.js';
import { modelCard } from './model-card.js';
import type { PreparedRun } from './prepare-run.js';
import type { TrainingRecord } from './record-training.js';
import type { RunFolder } from '../store/run-folder.js';

/** @returns the folder written. Never stopped by a signal: a stopped run keeps what it has learnt. */
export async function exportPolicy(
  loaded: LoadedConfig,
  folder: RunFolder,
  { backend, policy, examples, referenceNames }: PreparedRun,
  trained: TrainingRecord,
): Promise<string> {
  const merge = loaded.config.policy.lora === 'off';
  const path = folder.file(merge ? 'model' : 'adapter');
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
  // A run that goes on replaces what an earlier end of it has left.
  await backend.exportModel(policy.model.handle, path, { merge, modelCard: card, replace: true });
  return path;
}
