/**
 * Frames of the Train stream that are lost, doubled, reordered, cut off or replayed by an older client:
 *
 *   npm run bench -- frames [--sequences 10000] [--seed 1] [--jobs PROCESSES]
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testPython } from '../test/support/tiny-models.js';

const table = execFileSync(testPython(), ['-m', 'py_backend.tests.frame_sequences', ...process.argv.slice(2)], {
  cwd: join(import.meta.dirname, '..'),
  encoding: 'utf8',
  env: { ...process.env, OMP_NUM_THREADS: '1' },
  stdio: ['ignore', 'pipe', 'inherit'],
});
writeFileSync(join(import.meta.dirname, 'results/frames.md'), table);
console.log(table);
