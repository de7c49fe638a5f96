/**
 * A process that scores sample pairs into a cache, slowly, and notes every pair that its backend computes:
 *   node --import tsx scoring-process.ts CACHE LOG PAIRS DELAY_MS [LEASE_MS]
 * It prints the counts of its references as one JSON line.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend, PairText } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { loadConfig } from '../../src/config/index.js';
import type { PreferencePair } from '../../src/data/pair.js';
import { openLogpCache } from '../../src/references/cache/index.js';
import { scoreReferences } from '../../src/references/score.js';
import { samplePairs } from './sample-pairs.js';

const [path = '', log = '', count = '0', delayMs = '0', leaseMs] = process.argv.slice(2);

const inner = createMemoryBackend();
const registered = new Map<string, readonly PairText[]>();
const backend: Backend = {
  ...inner,
  async registerRows(model, rows, rule, options) {
    const list: PairText[] = [];
    for await (const row of rows) list.push(row);
    const set = await inner.registerRows(model, list, rule, options);
    registered.set(set.handle, list);
    return set;
  },
  async *score(rowSet, options) {
    for await (const chunk of inner.score(rowSet, options)) {
      await sleep(Number(delayMs));
      const texts = chunk.rows.map((row) => (registered.get(rowSet)?.[row] as PreferencePair | undefined)?.id);
      appendFileSync(log, texts.map((text) => `${text}\n`).join(''));
      yield chunk;
    }
  },
};

const { config } = loadConfig({
  object: { policy: { model: 'toy:policy' }, references: [{ model: 'toy:second' }], data: { train: 'pairs.jsonl' } },
  env: {},
});
const timing = leaseMs === undefined ? {} : { leaseMs: Number(leaseMs), heartbeatMs: Number(leaseMs) / 6 };
const cache = openLogpCache({ path, timing });
const scores = await scoreReferences({ config, pairs: samplePairs(Number(count)), backend, cache });
cache.close();
process.stdout.write(`${JSON.stringify(scores.references.map(({ counts }) => counts))}\n`);
