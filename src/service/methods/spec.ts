/** A spec of a caller as a configuration that may be worked on here: checked, its paths resolved and allowed. */
import { loadConfig, type LoadedConfig, type RunConfigInput } from '../../config/index.js';
import { MrpoError } from '../../core/errors.js';
import type { RunSpec } from '../../gen/mrpo/runs/v1/spec.js';
import { createRoots, pathsOutside } from '../access/roots.js';
import type { Caller } from '../access/tokens.js';
import { RunsFault, type RefusedField } from '../fault.js';
import { configOfSpec } from '../protocol/spec-message.js';
import type { Service } from './service.js';

/** A spec that has passed every check. */
export interface CheckedSpec {
  /** As it was sent. */
  readonly written: RunConfigInput;
  readonly loaded: LoadedConfig;
}

/**
 * Checks a spec and resolves its paths.
 * @param folder The run folder.
 * @throws RunsFault `spec_invalid` naming every field, `path_refused` for paths that the service may not read.
 */
export function checkSpec(service: Service, spec: RunSpec | undefined, folder: string, caller: Caller): CheckedSpec {
  if (spec === undefined) throw refused('spec_invalid', [{ field: 'spec', description: 'expected a spec, got none' }]);
  const written = configOfSpec(spec);
  const { output } = written;
  if (typeof output === 'string' || output?.folder !== undefined) {
    const field = typeof output === 'string' ? 'spec.output' : 'spec.output.folder';
    throw refused('spec_invalid', [{ field, description: 'the service chooses the folder; leave it out' }]);
  }
  if (written.objective?.module !== undefined && !service.allowModules) {
    const description = 'this service takes no code from callers; it would have to be started with --allow-modules';
    throw refused('path_refused', [{ field: 'spec.objective.module', description }]);
  }
  const loaded = load({ ...withUploads(service, written, caller), output: { ...output, folder } }, service);
  const outside = pathsOutside(
    loaded.config,
    service.roots,
    createRoots([service.uploads.folderOf(caller.tenant), service.home.runs]),
  );
  if (outside.length > 0) throw refused('path_refused', outside);
  return { written, loaded };
}

function load(object: RunConfigInput, { roots, home }: Service): LoadedConfig {
  try {
    return loadConfig({ object, env: {}, cwd: roots.folders[0] ?? home.path });
  } catch (thrown) {
    if (!(thrown instanceof MrpoError) || thrown.code !== 'config') throw thrown;
    const problems = (thrown.details['problems'] ?? []) as readonly {
      readonly path: string;
      readonly message: string;
    }[];
    throw new RunsFault('spec_invalid', thrown.message.replaceAll(/configuration object:\d+:\d+: /g, ''), {
      cause: thrown,
      fields: problems.map(({ path, message }) => ({
        field: path === '' ? 'spec' : `spec.${path}`,
        description: message,
      })),
      hint: 'Keys, defaults and limits are in schema/mrpo.schema.json.',
    });
  }
}

/** `upload:...` becomes the file that was sent. */
function withUploads({ uploads }: Service, written: RunConfigInput, { tenant }: Caller): RunConfigInput {
  const located = (path: string): string => uploads.fileOf(tenant, path) ?? path;
  const source = <T>(entry: T): T =>
    (typeof entry === 'string'
      ? located(entry)
      : typeof entry === 'object' && entry !== null && 'path' in entry
        ? { ...entry, path: located(String(entry.path)) }
        : entry) as T;
  const all = <T>(entries: T): T => (Array.isArray(entries) ? entries.map(source) : source(entries)) as T;
  const { data } = written as Partial<RunConfigInput>;
  if (data === undefined) return written;
  return {
    ...written,
    data: { ...data, train: all(data.train), ...(data.eval !== undefined && { eval: all(data.eval) }) },
  };
}

const UPLOAD_HINT =
  'A preference file that the service cannot read is sent to it: mrpo submit --upload, in a program UploadData.';

/** The fault for fields that are refused. */
export function refused(reason: 'spec_invalid' | 'path_refused', fields: readonly RefusedField[]): RunsFault {
  const message = fields.map(({ field, description }) => `${field}: ${description}`).join('\n');
  const hint = fields.some(({ field }) => field.startsWith('spec.data.')) ? UPLOAD_HINT : undefined;
  return new RunsFault(reason, message, { fields, hint });
}
