/** The model that a path or a run folder means. */
import { access } from 'node:fs/promises';
import type { ModelSpec } from '../backend/backend.js';
import { policyModelSpec } from '../config/index.js';
import { MrpoError } from '../core/errors.js';
import { isRunFolder, readRun, type StoredRun } from '../store/run-folder.js';

/** What a run trained: its base with the adapter, or the model after full fine-tuning. */
export async function trainedModel(run: StoredRun): Promise<ModelSpec> {
  const spec = policyModelSpec(run.config);
  const full = run.config.policy.lora === 'off';
  const path = run.folder.file(full ? 'model' : 'adapter');
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists) {
    throw new MrpoError(
      'usage',
      `run ${run.folder.path} has no trained model: its status is ${run.record.status}${run.record.reason === undefined ? '' : ` (${run.record.reason})`}`,
      {
        hint:
          run.record.keptWeights === undefined
            ? 'Only a run that got as far as training leaves one.'
            : `Its weights are kept in ${run.record.keptWeights}: mrpo export ${run.folder.path} --to FOLDER`,
      },
    );
  }
  return full ? { ...spec, source: path, revision: undefined, adapter: undefined } : { ...spec, adapter: path };
}

/** A run folder's trained model, or the model of that path or hub id as it is. */
export async function modelOf(source: string | ModelSpec): Promise<ModelSpec> {
  if (typeof source !== 'string') return source;
  return (await isRunFolder(source)) ? trainedModel(await readRun(source)) : { source };
}
