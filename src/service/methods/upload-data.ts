/** UploadData: a name, then the bytes. */
import type { UploadDataRequest, UploadDataResponse } from '../../gen/mrpo/runs/v1/runs.js';
import type { Caller } from '../access/tokens.js';
import { RunsFault } from '../fault.js';
import type { Service } from './service.js';

/** Receives one file. @throws RunsFault `upload_invalid` for one that is not what its header says. */
export async function uploadData(
  { uploads }: Service,
  requests: AsyncIterable<UploadDataRequest>,
  { tenant }: Caller,
): Promise<UploadDataResponse> {
  const parts = requests[Symbol.asyncIterator]();
  const { value: first } = (await parts.next()) as { value: UploadDataRequest | undefined };
  if (first?.part?.$case !== 'header') throw misplaced('the first message has to be the header');
  const { name, sha256 } = first.part.value;
  return uploads.receive(tenant, name, sha256, dataOf(parts));
}

async function* dataOf(parts: AsyncIterator<UploadDataRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await parts.next(); next.done !== true; next = await parts.next()) {
    if (next.value.part?.$case !== 'data') throw misplaced('behind the header, every message has to be data');
    yield next.value.part.value;
  }
}

const misplaced = (message: string): RunsFault => new RunsFault('upload_invalid', message);
