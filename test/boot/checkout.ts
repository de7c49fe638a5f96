/**
 * A checkout in miniature for the installer: its real scripts, one requirement that a wheel beside it satisfies, and a
 * PATH of our own. pip and venv are the real ones; no network is used.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testPython } from '../support/tiny-models.js';

const project = fileURLToPath(new URL('../../', import.meta.url));
const REQUIREMENT = 'mrpo_test_requirement';

export interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

export interface Checkout {
  readonly folder: string;
  readonly environment: string;
  readonly lock: string;
  /** Puts a script on the PATH. */
  program(name: string, script: string): void;
  /** Puts a Python on the PATH that can make environments. */
  realPython(): void;
  /** Runs `ensure.mjs python`; with an index that refuses connections unless the wheel folder may be used. */
  install(options?: { readonly offline?: boolean }): Promise<Ended>;
  remove(): void;
}

export function makeCheckout(): Checkout {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-boot-'));
  const [bin, wheels] = [join(folder, 'path'), join(folder, 'wheels')];
  for (const path of [bin, wheels, join(folder, 'src', 'cli'), join(folder, 'py_backend')])
    mkdirSync(path, { recursive: true });
  cpSync(join(project, 'scripts', 'install'), join(folder, 'scripts', 'install'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"name": "mrpo", "version": "0.0.0", "type": "module"}');
  writeFileSync(join(folder, 'src', 'cli', 'main.ts'), '');
  writeFileSync(join(folder, 'requirements.txt'), `${REQUIREMENT}==1.0\n`);
  writeFileSync(join(folder, 'py_backend', 'requirements-dev.txt'), '');
  const python = testPython();
  execFileSync(python, [fileURLToPath(new URL('fixtures/make_wheel.py', import.meta.url)), wheels, REQUIREMENT, '1.0']);

  const program = (name: string, script: string): void => {
    writeFileSync(join(bin, name), script);
    chmodSync(join(bin, name), 0o755);
  };
  const environmentOf = (offline: boolean): NodeJS.ProcessEnv => ({
    PATH: bin,
    HOME: folder,
    PIP_CONFIG_FILE: '/dev/null',
    PIP_RETRIES: '0',
    PIP_INDEX_URL: 'http://127.0.0.1:9/simple', // nothing listens on the discard port
    ...(offline ? {} : { PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels }),
  });
  return {
    folder,
    environment: join(folder, '.venv'),
    lock: join(folder, '.cache', 'install.lock'),
    program,
    realPython: () => symlinkSync(basePython(python), join(bin, 'python3')),
    install: ({ offline = false } = {}) =>
      run([join(folder, 'scripts', 'install', 'ensure.mjs'), 'python'], environmentOf(offline)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The interpreter that the tests' own environment was made from: environments of environments confuse venv. */
const basePython = (python: string): string =>
  execFileSync(python, ['-c', 'import sys; print(sys._base_executable)'], { encoding: 'utf8' }).trim();

function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stderr }));
  });
}
