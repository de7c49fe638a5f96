/** A toy trainer's checkpoint: one JSON file, in which every double survives. */
import type { CheckpointCopy, CheckpointPiece } from '../backend.js';
import { sha256 } from '../../core/hash.js';
import { BackendFault } from '../fault.js';
import type { ToyTrainerState } from './toy-trainer.js';

const FILE = 'toy-trainer.json';

/** The state as the only file of a checkpoint. */
export function toyCheckpoint(state: ToyTrainerState): CheckpointCopy {
  const data = Buffer.from(JSON.stringify(state));
  return {
    bytes: data.length,
    pieces: (async function* () {
      yield { file: FILE, data, sha256: sha256(data) };
    })(),
  };
}

/** The state in a checkpoint's pieces. @throws BackendFault `checkpoint_invalid` if it is missing or no JSON. */
export async function readToyCheckpoint(pieces: AsyncIterable<CheckpointPiece>): Promise<ToyTrainerState> {
  const chunks: Uint8Array[] = [];
  for await (const { file, data } of pieces) if (file === FILE) chunks.push(data);
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as ToyTrainerState;
  } catch (cause) {
    throw new BackendFault('checkpoint_invalid', `checkpoint: ${FILE} is missing or damaged; nothing was loaded`, {
      cause,
    });
  }
}
