/** What npm and pip say when they fail, and what the user is told. */
import { describe, expect, it } from 'vitest';

interface Problem extends Error {
  readonly hint: string;
}

const { diagnose, offersNoSuchRelease } = (await import(
  new URL('../../scripts/install/diagnose.mjs', import.meta.url).href
)) as {
  diagnose: (what: string, where: string, output: string) => Problem;
  offersNoSuchRelease: (output: string) => boolean;
};

describe('diagnose', () => {
  it.each([
    [
      'pip on a full disk',
      'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device',
      /the disk is full/,
    ],
    ['npm on a full disk', 'npm error code ENOSPC\nnpm error syscall write', /the disk is full/],
    ['pip without network', 'NewConnectionError: Failed to establish a new connection: [Errno 111]', /no network/],
    [
      'npm without network',
      'npm error code EAI_AGAIN\nnpm error network request to https://registry.npmjs.org/x failed',
      /no network/,
    ],
    [
      'a proxy with its own certificate',
      'SSLError(SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]"))',
      /certificate/,
    ],
    ['a folder of somebody else', 'npm error code EACCES\nnpm error path /srv/x/node_modules', /no permission/],
    [
      'a changed lock file',
      'npm error `npm ci` can only install packages when your package.json and package-lock.json are in sync',
      /does not fit/,
    ],
    [
      'a release that no index has',
      'ERROR: No matching distribution found for torch==99.0',
      /No matching distribution found for torch==99\.0/,
    ],
    ['anything else', 'something odd\nhappened here', /its last log lines:\n {4}something odd\n {4}happened here/],
  ])('names %s, and what to do', (_case, output, expected) => {
    const problem = diagnose('Python packages', '/srv/x', output);
    expect(problem.message).toMatch(expected);
    expect(problem.hint).not.toBe('');
  });

  it('tells a missing release from a missing network: pip says "no matching distribution" for both', () => {
    const missing = 'ERROR: No matching distribution found for torch==2.13.0+cpu';
    expect(offersNoSuchRelease(missing)).toBe(true);
    expect(offersNoSuchRelease(`NewConnectionError: Failed to establish a new connection\n${missing}`)).toBe(false);
  });
});
