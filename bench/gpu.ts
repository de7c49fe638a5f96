/**
 * The backend on a GPU: is it right, then how fast. Without a GPU the same code runs on fake tensors, and the page says so.
 *   npm run bench -- gpu
 * The work is done by gpu_bench.py; it needs no network and at most 8 minutes.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { resolvePython } from '../src/backend/python.js';

const script = fileURLToPath(new URL('./gpu_bench.py', import.meta.url));
const { status } = spawnSync(resolvePython(), [script, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 1;
