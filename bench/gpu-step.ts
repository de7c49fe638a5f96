/**
 * The training step of a 7B model in NF4 on a GPU; without one, a tiny shape on the CPU, which the page then says.
 *   npm run bench -- gpu-step
 * The work is done by gpu_step.py.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { resolvePython } from '../src/backend/python.js';

const script = fileURLToPath(new URL('./gpu_step.py', import.meta.url));
const { status } = spawnSync(resolvePython(), [script, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exitCode = status ?? 1;
