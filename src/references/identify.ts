/** Which model a specification means: its content, asked of the backend or remembered. */
import { basename } from 'node:path';
import type { Backend, ModelIdentity, ModelSpec } from '../backend/backend.js';
import { BackendFault } from '../backend/fault.js';
import { readingOf } from '../backend/numeric-path.js';
import { MrpoError } from '../core/errors.js';
import { canonicalJson } from '../core/hash.js';
import type { LogpCache } from './cache/index.js';
import { fingerprintModel } from './model-files.js';

/** Content of a model, and how it is known. */
export interface Identified {
  readonly identity: ModelIdentity;
  /** `backend`: asked now. `remembered`: its files are untouched since. `imported`: known only from another machine. */
  readonly from: 'backend' | 'remembered' | 'imported';
}

/** For scoring: the backend says; a model that is not on this machine may be known from an import. */
export async function identifyForScoring(
  spec: ModelSpec,
  cache: LogpCache,
  backend: Backend,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: (done: number, total: number) => void;
  } = {},
): Promise<Identified> {
  const files = fingerprintModel(spec);
  try {
    const identity = await backend.identifyModel(spec, {
      signal: options.signal,
      onProgress: ({ done, total }) => options.onProgress?.(done, total),
    });
    // Files that changed while they were hashed get a new fingerprint and are not remembered wrongly. A model that lies
    // with the backend on another machine is noted without: for exports only, nothing here recalls it.
    if (files === undefined) cache.remember({ spec, files: '', identity });
    else if (files === fingerprintModel(spec)) cache.remember({ spec, files, identity });
    return { identity, from: 'backend' };
  } catch (error) {
    if (!(error instanceof BackendFault) || error.reason !== 'model_not_found') throw error;
    const imported = recallImported(spec, cache);
    if (imported === undefined) throw error;
    return { identity: imported, from: 'imported' };
  }
}

/**
 * For reports: memory first, the backend only if it must be and is at hand.
 * @param startBackend Called at most when nothing is remembered; absent = never start one.
 * @throws MrpoError `data` if nobody knows the model.
 */
export async function identifyForReport(
  spec: ModelSpec,
  cache: LogpCache,
  startBackend?: () => Promise<Backend>,
  signal?: AbortSignal,
): Promise<Identified> {
  const files = fingerprintModel(spec);
  const remembered = files === undefined ? undefined : cache.recall(spec, files);
  if (remembered !== undefined) return { identity: remembered, from: 'remembered' };
  // Files that are here are asked themselves: they may be another model than the one imported under this name.
  const imported = files === undefined ? recallImported(spec, cache) : undefined;
  if (imported !== undefined) return { identity: imported, from: 'imported' };
  if (startBackend !== undefined) return identifyForScoring(spec, cache, await startBackend(), { signal });
  throw new MrpoError(
    'data',
    `model "${spec.source}": not scored yet on this machine, or its files have changed since`,
    {
      hint: 'Run "mrpo score" with this configuration first.',
    },
  );
}

/**
 * A model of this specification that an imported file brought along. Folders lie elsewhere on other machines: where no
 * path is the same, the same last part of the path will do, as long as it means one model only.
 */
function recallImported(spec: ModelSpec, cache: LogpCache): ModelIdentity | undefined {
  const models = cache.importedModels();
  const asked = canonicalJson(spec);
  const exact = models.find((model) => canonicalJson(model.spec) === asked);
  if (exact !== undefined) return exact.identity;
  const byName = (given: ModelSpec): string =>
    canonicalJson({ ...given, source: basename(given.source), adapter: given.adapter && basename(given.adapter) });
  const named = models.filter((model) => byName(model.spec) === byName(spec));
  const contents = new Set(named.map(({ identity }) => canonicalJson({ ...identity, revision: '' })));
  return contents.size === 1 ? named[0]?.identity : undefined;
}

/**
 * The numeric path under which another machine scored this very model, asked for with the same quantisation and number
 * format. Importing its scores was the user's consent to use them: not to those that mean something else by now.
 */
export function importedNumericPath(spec: ModelSpec, identity: ModelIdentity, cache: LogpCache): string | undefined {
  const same = cache
    .importedModels()
    .find(
      (model) =>
        model.identity.weights === identity.weights &&
        model.identity.tokenizer === identity.tokenizer &&
        model.identity.chatTemplate === identity.chatTemplate &&
        readingOf(model.identity.numericPath) === readingOf(identity.numericPath) &&
        (model.spec.quantization ?? 'none') === (spec.quantization ?? 'none') &&
        model.spec.dtype === spec.dtype,
    );
  return same?.identity.numericPath;
}
