/**
 * What a cell is, by content: two cells with equal keys are the same run, whichever table asks for it, wherever its
 * files lie. Times, paths and the version of this program do not enter; the numeric path does.
 */
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Backend, ModelIdentity, ModelSpec } from '../backend/backend.js';
import { isPolicyReference, policyModelSpec, referenceModelSpec } from '../config/models.js';
import type { RunConfig } from '../config/schema.js';
import { canonicalJson, contentHash } from '../core/hash.js';
import { identifyForReport, type LogpCache } from '../references/index.js';

/** Makes the keys of cells; each model is identified once. */
export interface KeyMaker {
  /** 64 hex digits. */
  keyOf(config: RunConfig): Promise<string>;
}

/**
 * Remembers models and files, so that a matrix of hundreds of cells asks for each once.
 * @param openBackend Called at most when a model's identity is not remembered from an earlier time.
 */
export function createKeyMaker(options: {
  readonly cache: LogpCache;
  readonly openBackend: () => Promise<Backend>;
  readonly signal?: AbortSignal | undefined;
}): KeyMaker {
  const models = new Map<string, Promise<ModelIdentity>>();
  const files = new Map<string, Promise<string>>();
  const once = <T>(known: Map<string, Promise<T>>, name: string, find: () => Promise<T>): Promise<T> => {
    const found = known.get(name) ?? find();
    known.set(name, found);
    return found;
  };
  const identityOf = (spec: ModelSpec): Promise<ModelIdentity> =>
    once(models, canonicalJson(spec), async () => {
      const { cache, openBackend, signal } = options;
      return (await identifyForReport(spec, cache, openBackend, signal)).identity;
    });
  const contentOf = (text: string): Promise<string> =>
    once(files, text, async () => (existsSync(text) ? await hashPath(text) : text));
  return {
    async keyOf(config) {
      const { output: _, preset: __, $schema: ___, data, ...settings } = config;
      const models = await Promise.all([
        identityOf(policyModelSpec(config)),
        ...config.references.map((reference) =>
          isPolicyReference(reference) ? 'policy' : identityOf(referenceModelSpec(config, reference)),
        ),
      ]);
      return contentHash({
        settings: { ...settings, policy: withoutPlace(config.policy), references: config.references.map(withoutPlace) },
        data: await contents(data, contentOf),
        models: models.map((identity) => (identity === 'policy' ? identity : withoutRevision(identity))),
      });
    },
  };
}

/** Settings of a model without where it lies: its identity says what it is. Names stay, for they title the results. */
function withoutPlace(model: RunConfig['policy'] | RunConfig['references'][number]): unknown {
  const { model: place, adapter: _, revision: __, ...rest } = model;
  return place === 'policy' ? { ...rest, model: place } : rest;
}

const withoutRevision = ({ revision: _, ...identity }: ModelIdentity): unknown => identity;

/** Every text in a value replaced by the content of the file it names, where it names one. */
async function contents(value: unknown, contentOf: (text: string) => Promise<string>): Promise<unknown> {
  if (typeof value === 'string') return contentOf(value);
  if (Array.isArray(value)) return Promise.all(value.map((part) => contents(part, contentOf)));
  if (value === null || typeof value !== 'object') return value;
  const parts = Object.entries(value).map(async ([key, part]) => [key, await contents(part, contentOf)] as const);
  return Object.fromEntries(await Promise.all(parts));
}

/** SHA-256 of a file, or of the names and contents of a folder's files. */
export async function hashPath(path: string): Promise<string> {
  if (statSync(path).isDirectory()) {
    const names = readdirSync(path).sort();
    return contentHash(await Promise.all(names.map(async (name) => [name, await hashPath(join(path, name))])));
  }
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
