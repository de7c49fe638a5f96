/** Whether a configuration and an address mean the run that a folder belongs to: a run of a service cannot be changed. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { RunConfig, RunConfigInput } from '../../config/index.js';
import { MrpoError } from '../../core/errors.js';
import { parseAddress } from '../../rpc/address.js';
import type { ServiceRun } from '../../service/client/values.js';
import { configOfSpec, specOfConfig } from '../../service/protocol/spec-message.js';
import { SERVICE_NOTE, type ServiceNote } from '../../store/service-note.js';
import { configDifferences } from '../config-diff.js';
import { specToSend } from '../spec-to-send.js';

/**
 * @param way The way through, if the service has not moved. Default: go on with the run there.
 * @throws MrpoError `usage` if the folder's run is one of another service.
 */
export function requireService(
  folder: string,
  { address: own, id }: ServiceNote,
  address: string,
  way = `Go on with it there: mrpo resume ${folder}.`,
): void {
  if (parseAddress(own).target === parseAddress(address).target) return;
  throw new MrpoError('usage', `--service ${address}: ${folder} is the folder of run ${id} of the service at ${own}`, {
    hint: `${way} If that service has moved, write its new address into ${join(folder, SERVICE_NOTE)}.`,
  });
}

/**
 * @param isHere Whether the service reads the preference files where they are; else they are compared by content.
 * @throws MrpoError `config` naming every setting in which the run was ordered otherwise.
 */
export async function requireSameSettings(
  { id, spec }: ServiceRun,
  config: RunConfig,
  isHere: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const asked = await specToSend(config, isHere ? undefined : (path) => uploadedName(path, signal));
  const ordered = comparable(spec ?? {});
  // Through the message, as the other one came.
  const differing = configDifferences(ordered, comparable(configOfSpec(specOfConfig(asked))));
  if (differing.length === 0) return;
  const shown = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value));
  const named = differing.map(({ key, left, right }) => `${key}: it has ${shown(left)}, now ${shown(right)}`);
  throw new MrpoError('config', `run ${id} was ordered with other settings\n${named.join('\n')}`, {
    hint: 'Put them back to go on with it, or order another run: --set output=FOLDER, without --resume.',
  });
}

/** Of `output`, all but the folder counts. */
const comparable = ({ output, ...rest }: Partial<RunConfigInput>): object =>
  typeof output === 'object' ? { ...rest, report_to: output.report_to } : rest;

/** What an uploaded file is called there, by its content. */
async function uploadedName(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return `upload:${hash.digest('hex')}/${basename(path)}`;
}
