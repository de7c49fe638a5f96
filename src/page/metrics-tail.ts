/** Reads a metrics file as it grows, and notices when a run went back and its end was written anew. */
import { open } from 'node:fs/promises';

/** Lines of a metrics file that were not read before. */
export interface MetricsChunk {
  readonly lines: readonly unknown[];
  /** The lines before these are no longer true: these begin the file. */
  readonly reset: boolean;
}

/** A place in a metrics file. */
export interface MetricsTail {
  /** Whole lines since the last call; at first, all there are. */
  next(): Promise<MetricsChunk>;
}

/** Bytes before the place read up to, which must still be what they were. */
const PROOF = 256;
const CHUNK = 8 * 2 ** 20;

/** Begins at the start of a file that may not be there yet. */
export function tailMetrics(path: string): MetricsTail {
  let at = 0;
  let proof: Buffer = Buffer.alloc(0);
  return {
    async next() {
      const file = await open(path, 'r').catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code === 'ENOENT') return undefined;
        throw thrown;
      });
      if (file === undefined) {
        const reset = at > 0;
        [at, proof] = [0, Buffer.alloc(0)];
        return { lines: [], reset };
      }
      try {
        const before = Buffer.alloc(proof.length);
        await file.read(before, 0, before.length, at - before.length);
        const reset = !before.equals(proof);
        if (reset) [at, proof] = [0, Buffer.alloc(0)];
        const size = Math.min((await file.stat()).size - at, CHUNK);
        if (size <= 0) return { lines: [], reset };
        const { buffer, bytesRead } = await file.read(Buffer.alloc(size), 0, size, at);
        const whole = buffer.subarray(0, buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1);
        at += whole.length;
        proof = Buffer.concat([proof, whole]).subarray(-PROOF);
        const lines = whole
          .toString('utf8')
          .split('\n')
          .filter((line) => line !== '');
        return { lines: lines.map((line) => JSON.parse(line) as unknown), reset };
      } finally {
        await file.close();
      }
    },
  };
}
