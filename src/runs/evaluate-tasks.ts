/** Language-understanding tasks under a model, or under what a run trained. */
import type { EvaluateTasksOptions, ModelIdentity, ModelSpec, TaskChoice, TaskEvaluation } from '../backend/backend.js';
import { modelOf } from './run-model.js';
import { withBackend, type BackendChoice } from './with-backend.js';

/** What is evaluated on which tasks, and where. */
export interface EvaluateTasksRequest extends BackendChoice, Omit<EvaluateTasksOptions, 'signal' | 'adapterOff'> {
  /** A run folder, a model folder or hub id, or a model with its settings. */
  readonly model: string | ModelSpec;
  readonly tasks: readonly TaskChoice[];
}

/** An evaluation with the identity of the model that it is of. */
export interface ModelTaskEvaluation extends TaskEvaluation {
  readonly model: ModelIdentity;
}

/** @throws BackendFault `unsupported` where lm-evaluation-harness is missing, `row_invalid` for an over-long prompt. */
export async function evaluateModelTasks(request: EvaluateTasksRequest): Promise<ModelTaskEvaluation> {
  const { tasks, signal, onProgress, batchSize, limit, dataFolder } = request;
  const spec = await modelOf(request.model);
  return withBackend(request, async (open) => {
    const backend = await open();
    const { handle, identity } = await backend.loadModel(spec, { signal, onProgress });
    try {
      const options = { signal, onProgress, batchSize, limit, dataFolder };
      return { ...(await backend.evaluateTasks(handle, tasks, options)), model: identity };
    } finally {
      await backend.unloadModel(handle).catch(() => undefined); // the first error is the one that matters
    }
  });
}
