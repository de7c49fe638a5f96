/** Bytes held in memory, for formats that are read from more than one place. */
import type { AsyncBuffer } from 'hyparquet';

/** All chunks together. They are copied: a chunk is valid only until the next one. */
export async function collectBytes(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

/** Chunks that can be read from any place, without ever being joined: a copy of gigabytes would double their memory. */
export async function randomAccess(chunks: AsyncIterable<Buffer>): Promise<AsyncBuffer> {
  const parts: Buffer[] = [];
  const starts: number[] = [];
  let byteLength = 0;
  for await (const chunk of chunks) {
    starts.push(byteLength);
    parts.push(Buffer.from(chunk));
    byteLength += chunk.length;
  }
  const slice = (start: number, end = byteLength): ArrayBuffer => {
    const target = new Uint8Array(Math.max(0, end - start));
    let part = starts.findLastIndex((begin) => begin <= start);
    for (let at = start; at < end; part++) {
      const bytes = parts[part]?.subarray(at - (starts[part] ?? 0), end - (starts[part] ?? 0));
      if (bytes === undefined) break;
      target.set(bytes, at - start);
      at += bytes.length;
    }
    return target.buffer;
  };
  return { byteLength, slice };
}
