/** `mrpo doctor`: what of this machine works, what does not, and how to fix it. */
import type { Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { cacheFolder } from '../../references/cache/location.js';
import { printJson, type CliIo } from '../command.js';
import { checkBackend } from '../doctor/backend.js';
import type { CheckResult } from '../doctor/finding.js';
import { checkCacheFolder, checkDisk, checkMemory, checkNode } from '../doctor/machine.js';
import { checkPython } from '../doctor/python.js';

/** Adds `mrpo doctor`; the exit code is 1 if a check failed. */
export function registerDoctor(program: Command, io: CliIo): void {
  program
    .command('doctor')
    .description(
      'check Node.js, Python and its packages, memory, disk, cache folder and the backend; nothing is installed',
    )
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Each line is ok, warn or fail, with how to fix it. The exit code is 1 if a check failed.

Example:
  $ npx mrpo doctor
`,
    )
    .action(async ({ json }: { readonly json?: boolean }) => {
      const findings = await examine(io);
      const failed = findings.filter(({ status }) => status === 'fail');
      if (json === true) printJson(io, { healthy: failed.length === 0, findings });
      else for (const finding of findings) io.out(line(finding));
      if (failed.length > 0) {
        throw new MrpoError(
          'environment',
          `${failed.length} of ${findings.length} checks failed: ${failed.map(({ check }) => check).join(', ')}`,
        );
      }
    });
}

async function examine(io: CliIo): Promise<readonly CheckResult[]> {
  const machine = [checkNode(), checkMemory(), checkDisk(io.cwd), checkCacheFolder(cacheFolder(io.env))];
  const elsewhere = (io.env['MRPO_BACKEND'] ?? '') !== '';
  const python = elsewhere ? [] : checkPython(io.env['MRPO_PYTHON']);
  const unusable = python.some(({ status }) => status === 'fail');
  // Without a working Python the backend would only say the same again.
  return [...machine, ...python, ...(unusable ? [] : await checkBackend(io))];
}

function line({ check, status, found, fix }: CheckResult): string {
  const first = `${status.padEnd(5)} ${check.padEnd(16)} ${found}\n`;
  return fix === undefined ? first : `${first}      ${''.padEnd(16)} fix: ${fix}\n`;
}
