/**
 * The training step against TRL's DPOTrainer: same results first, then CPU seconds and memory.
 *   npm run bench -- step [--cases agree,v2k-long-prompt] [--smollm DIR --pairs FILE.json]
 * The work is done by step_bench.py; see there for the cases. TRL is installed into a folder of .cache on the first run.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { resolvePython } from '../src/backend/python.js';

const script = fileURLToPath(new URL('./step_bench.py', import.meta.url));
const { status } = spawnSync(resolvePython(), [script, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, OMP_NUM_THREADS: '1' },
});
process.exitCode = status ?? 1;
