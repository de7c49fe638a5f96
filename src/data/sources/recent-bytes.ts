/** The bytes that a parser has not done with: what stands in a file where it has read something of its own. */

export interface RecentBytes {
  /** The chunks as they are; those that are needed yet are kept on their way. */
  keep(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer>;
  /** The text from one byte of all that has passed to another, as far as it is kept. */
  text(from: number, to: number): string;
}

/** @param done The byte in front of which nothing will be asked for; it only grows. */
export function createRecentBytes(done: () => number): RecentBytes {
  let kept: Buffer[] = [];
  let start = 0;
  return {
    async *keep(chunks) {
      for await (const chunk of chunks) {
        for (let [first] = kept; first !== undefined && start + first.length <= done(); [first] = kept) {
          start += first.length;
          kept.shift();
        }
        kept.push(chunk);
        yield chunk;
      }
    },
    text(from, to) {
      const bytes = Buffer.concat(kept);
      kept = [bytes];
      return bytes.toString('utf8', Math.max(0, from - start), Math.max(0, to - start));
    },
  };
}
