/**
 * `service.json`: what says of a folder that its run is one of a service. Such a run goes on there and nowhere else: what
 * lies here of it is a copy without checkpoints.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MrpoError } from '../core/errors.js';

/** Which run of which service. */
export interface ServiceNote {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  readonly id: string;
}

/** Name of the note in its folder. */
export const SERVICE_NOTE = 'service.json';

/** The note in a folder, undefined where there is none. Throws code `data` for one that cannot be understood. */
export async function readServiceNote(folder: string): Promise<ServiceNote | undefined> {
  const text = await readFile(join(folder, SERVICE_NOTE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { address, id } = JSON.parse(text) as Partial<ServiceNote>;
    if (typeof address === 'string' && typeof id === 'string') return { address, id };
  } catch {
    // said below
  }
  throw new MrpoError('data', `${join(folder, SERVICE_NOTE)}: expected {"address": "host:port", "id": "..."}`);
}

/** Before a folder is worked in on this machine. @throws MrpoError `config` if its run is one of a service. */
export async function refuseRunOfService(folder: string): Promise<void> {
  const note = await readServiceNote(folder);
  if (note === undefined) return;
  throw new MrpoError('config', `${folder} is the folder of run ${note.id} of the service at ${note.address}`, {
    hint: `Go on with it there: mrpo resume ${folder}. Or name another folder with --set output=FOLDER.`,
  });
}
