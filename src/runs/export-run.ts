/** What a run trained, in a folder of its own: the adapter, or the whole model with the adapter merged in. */
import { access, cp, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Progress } from '../backend/backend.js';
import { policyModelSpec } from '../config/index.js';
import { MrpoError } from '../core/errors.js';
import { makeScratchFolder, removeScratchFolder } from '../core/scratch-folder.js';
import { readRun, type StoredRun } from '../store/run-folder.js';
import { trainedModel } from './run-model.js';
import { withBackend, type BackendChoice } from './with-backend.js';

/** Which run is exported, in which format, where to. */
export interface ExportRequest extends BackendChoice {
  /** A run folder. */
  readonly run: string;
  /** Must not exist or must be empty. */
  readonly to: string;
  /** Write the whole model, unquantised, with the adapter merged in. Default false: the adapter. */
  readonly merge?: boolean | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Writes what a run trained; completes an export that failed at the end of the run.
 * @returns the absolute folder and the names of its files.
 * @example
 * const { folder } = await exportRun({ run: 'runs/mine', to: 'my-model', merge: true });
 * @throws MrpoError `usage` if the folder is not empty, or the base model has changed since the run.
 */
export async function exportRun(
  request: ExportRequest,
): Promise<{ readonly folder: string; readonly files: readonly string[] }> {
  const run = await readRun(request.run);
  const folder = resolve(request.to);
  await requireEmpty(folder);
  await finishExport(run, request);
  const spec = await trainedModel(run);
  const full = run.config.policy.lora === 'off';
  if (request.merge !== true || full) {
    await copyWhole(full ? spec.source : run.folder.file('adapter'), folder);
    return { folder, files: (await readdir(folder)).sort() };
  }
  const card = await readFile(join(run.folder.file('adapter'), 'README.md'), 'utf8');
  const { signal, onProgress } = request;
  return withBackend(request, async (open) => {
    const backend = await open();
    const { handle } = await backend.loadModel(spec, { signal, onProgress });
    try {
      return {
        folder,
        files: await backend.exportModel(handle, folder, {
          merge: true,
          modelCard: mergedCard(card),
          signal,
          onProgress,
        }),
      };
    } finally {
      await backend.unloadModel(handle).catch(() => undefined); // the first error is the one that matters
    }
  });
}

/** Makes up for an export that has failed at the end of the run, from the weights that were kept then. */
async function finishExport(run: StoredRun, request: ExportRequest): Promise<void> {
  const { keptWeights } = run.record;
  const merge = run.config.policy.lora === 'off';
  const path = run.folder.file(merge ? 'model' : 'adapter');
  if (keptWeights === undefined || (await exists(path))) return;
  const { signal, onProgress } = request;
  const modelCard = await readFile(join(keptWeights, 'README.md'), 'utf8');
  await withBackend(request, async (open) => {
    const backend = await open();
    const { handle, identity } = await backend.loadModel(policyModelSpec(run.config), { signal, onProgress });
    try {
      requireStartOf(run, identity.weights);
      await backend.exportModel(handle, path, { merge, modelCard, rawFolder: keptWeights, signal, onProgress });
    } finally {
      await backend.unloadModel(handle).catch(() => undefined);
    }
  });
}

/** Kept weights are those of an adapter on the run's start; on another model of the same sizes they mean nothing. */
function requireStartOf(run: StoredRun, weights: string): void {
  const started = run.record.policy?.identity.weights;
  if (started === undefined || started === weights) return;
  throw new MrpoError(
    'usage',
    `run ${run.folder.path}: ${run.config.policy.model} has other weights now than when it was trained (sha256 ${weights}, expected ${started})`,
    { hint: 'Put the model, and the adapter it started from, back as they were.' },
  );
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function requireEmpty(folder: string): Promise<void> {
  const present = await readdir(folder).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw new MrpoError('usage', `${folder}: expected a new or empty folder (${thrown.message})`, { cause: thrown });
  });
  if (present.length > 0) throw new MrpoError('usage', `${folder} is not empty; expected a new or empty folder`);
}

/** Copies beside the place and moves into it, so that a half-made copy never has the asked name. */
async function copyWhole(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const scratch = makeScratchFolder(dirname(to), `.${basename(to)}`);
  try {
    await cp(from, join(scratch, 'content'), { recursive: true });
    await rename(join(scratch, 'content'), to); // onto an empty folder or none
  } finally {
    removeScratchFolder(scratch);
  }
}

/** The adapter's card, changed to describe the merged model. */
function mergedCard(card: string): string {
  return card
    .replace(/^library_name: peft$/m, 'library_name: transformers')
    .replace(/^# Adapter trained/m, '# Model trained')
    .replace(
      /```python[\s\S]*?```/,
      '```python\nfrom transformers import AutoModelForCausalLM\n\nmodel = AutoModelForCausalLM.from_pretrained("path/to/this/folder")\n```',
    );
}
