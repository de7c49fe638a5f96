/** What an order names on this machine: it is there when the order is taken, and who repeats the order hears what has changed. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parsePath, valueAt } from '../../config/path.js';
import { bytesText } from '../../core/quantities.js';
import { isLocal, parseAddress } from '../../rpc/address.js';
import { lookAtNamedFiles, type NamedFile } from '../access/named-files.js';
import type { Order } from '../order.js';
import { EMBEDDED } from '../worker/exit-codes.js';
import type { Service } from './service.js';
import { refused, type CheckedSpec } from './spec.js';

/** Models lie where the backends are. */
const modelsAreHere = ({ backends }: Service): boolean =>
  backends.every(({ address }) => address === EMBEDDED || isLocal(parseAddress(address)));

/**
 * Looks for everything that a spec names, as its run would do first.
 * @returns what was found, and what the caller should know.
 * @throws RunsFault `spec_invalid` naming every field whose file or folder is not there, or cannot be read.
 */
export async function requireNamedFiles(
  service: Service,
  { written, loaded }: CheckedSpec,
): Promise<{ readonly named: readonly NamedFile[]; readonly warnings: readonly string[] }> {
  const looked = await lookAtNamedFiles(loaded.config, modelsAreHere(service));
  const root = service.roots.folders[0] ?? service.home.path;
  if (looked.refused.length > 0) {
    throw refused(
      'spec_invalid',
      looked.refused.map(({ field, description }) => {
        const name = nameAt(written, field);
        return { field, description: `${description}${name === undefined ? '' : whereLookedFor(name, root)}` };
      }),
    );
  }
  const warnings = looked.hubIds
    .filter(({ description }) => !isInHubCache(description, service.env))
    .map(
      ({ field, description }) =>
        `${field}: "${description}" is taken for a model of the hub; there is no folder ${join(root, description)}`,
    );
  return { named: looked.found, warnings };
}

/** What a spec says at a field, as it was written. */
function nameAt(written: object, field: string): string | undefined {
  const value = valueAt(written, parsePath(field.replace(/^spec\./, '')) ?? []);
  const name = typeof value === 'object' && value !== null && 'path' in value ? value.path : value;
  return typeof name === 'string' ? name : undefined;
}

function whereLookedFor(name: string, root: string): string {
  if (name.startsWith('upload:')) return `; ${name} was not uploaded, or not by this tenant`;
  if (/^([/~\\]|hub:|[A-Za-z]:[\\/])/.test(name)) return '';
  return ` ("${name}" is relative to ${root}, the first of the service's --roots)`;
}

function isInHubCache(id: string, env: NodeJS.ProcessEnv): boolean {
  const home = env['HF_HOME'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'huggingface');
  return existsSync(join(env['HF_HUB_CACHE'] ?? join(home, 'hub'), `models--${id.replace('/', '--')}`));
}

/** A sentence for each file of an order that is not what it was when the run was ordered. */
export async function changesSince(service: Service, { id, resolved, named = [] }: Order): Promise<string[]> {
  const { found } = await lookAtNamedFiles(resolved, modelsAreHere(service));
  return named.flatMap((then) => {
    const now = found.find(({ field, path }) => field === then.field && path === then.path);
    if (now?.bytes === then.bytes && now.modifiedAt === then.modifiedAt) return [];
    const what = now === undefined ? 'it cannot be read' : `it has ${factsText(now)}`;
    return [
      `${then.field}: ${then.path} has changed since run "${id}" was ordered: then it had ${factsText(then)}, now ${what}. ` +
        'This is still the run that was ordered, which reads its files when it begins; for the new content, choose another id.',
    ];
  });
}

const factsText = ({ bytes, modifiedAt }: NamedFile): string =>
  `${bytes < 1e5 ? `${bytes} bytes` : bytesText(bytes)} of ${new Date(modifiedAt).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
