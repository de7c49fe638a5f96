/** A working folder is data: nothing in it is run, and its `.env` sets what the README lists and nothing else. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../src/backend/python.js';
import { tinyModel } from '../support/tiny-models.js';

const START = { timeout: 180_000 };
const folder = mkdtempSync(join(tmpdir(), 'mrpo-wf-'));
const ran = join(folder, 'it-was-run');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const certs = (name: string): string => join(PROJECT_ROOT, 'test', 'backend', 'support', 'certs', name);
const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
// Modules of the standard library, of packages, and those that Python looks for by itself.
const MODULES = [
  'torch',
  'random',
  'json',
  'argparse',
  'grpc',
  'transformers',
  'jinja2',
  'sitecustomize',
  'py_backend',
];
for (const name of MODULES) {
  write(
    `${name}.py`,
    `open(${JSON.stringify(ran)}, "a").write("${name} ")\nraise SystemExit("from the working folder")\n`,
  );
}
const evil = write('evil-python', `#!/bin/sh\necho evil >> ${ran}\nexit 1\n`);
chmodSync(evil, 0o755);
const cache = join(folder, 'cache-of-the-file');
write(
  '.env',
  [
    `MRPO_PYTHON=${evil}`,
    'PYTHONPATH=.',
    `PYTHONSTARTUP=${folder}/random.py`,
    `LD_PRELOAD=${evil}`,
    'NODE_OPTIONS=--no-such-option',
    'PIP_INDEX_URL=http://127.0.0.1:9/',
    `MRPO_CACHE_DIR=${cache}`,
    'OTHER_TOOL=1',
  ].join('\n'),
);

/** The command line as a person runs it, in that folder; PYTHONPATH has an entry that means it. */
async function mrpo(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, PYTHONPATH: `:${join(folder, '..')}`, OMP_NUM_THREADS: '1', MRPO_CACHE_DIR: undefined };
  const run = promisify(execFile)(process.execPath, [join(PROJECT_ROOT, 'bin', 'mrpo.js'), ...argv], {
    cwd: folder,
    env,
  });
  return run.then(
    (done) => ({ code: 0, ...done }),
    (failed: { code: number; stdout: string; stderr: string }) => failed,
  );
}

describe('a working folder', START, () => {
  it('runs nothing in the embedded backend, and is told what .env sets in vain', async () => {
    const { code, stdout, stderr } = await mrpo(
      'generate',
      tinyModel('llama'),
      '--prompt',
      'Hello',
      '--max-new-tokens',
      '2',
    );
    expect({ code, ran: existsSync(ran), stderr }).toMatchObject({ code: 0, ran: false });
    expect(stdout).not.toBe('');
    const note =
      '.env: MRPO_PYTHON, PYTHONPATH, PYTHONSTARTUP, LD_PRELOAD, NODE_OPTIONS, PIP_INDEX_URL are not read from a file';
    expect(stderr).toContain(note);
    expect(stderr).not.toContain('OTHER_TOOL');
    expect(existsSync(cache)).toBe(true); // a documented setting is followed
  });

  it('runs nothing in a backend of its own, in "doctor", or where an environment is looked for', async () => {
    const files = ['--tls-cert', certs('server.pem'), '--tls-key', certs('client.key')];
    const refused = await mrpo('backend', '--address', 'localhost:0', ...files); // by Python, when it has been started
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('does not belong to the certificate');
    const doctor = await mrpo('doctor');
    expect(doctor.stdout).toContain('answers, version');
    expect(existsSync(ran)).toBe(false);
  });
});
