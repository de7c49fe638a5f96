import { expect, it } from 'vitest';
import { MrpoError, toMrpoError } from '../../src/core/errors.js';

it.each([
  ['ENOSPC', 'disk is full'],
  ['EROFS', 'read-only'],
  ['EACCES', 'may not write'],
  ['EBUSY', 'mount point'],
])('%s lies with the machine and not with this package', (code, hint) => {
  const error = toMrpoError(Object.assign(new Error(`${code}: no, write '/x/y'`), { code }));
  expect(error).toMatchObject({ code: 'environment', message: `${code}: no, write '/x/y'` });
  expect(error.hint).toContain(hint);
});

it('what is meant stays what it is, a stop is a stop, and anything else is a defect', () => {
  const own = new MrpoError('data', 'x');
  expect(toMrpoError(own)).toBe(own);
  expect(toMrpoError(Object.assign(new Error('stop'), { name: 'AbortError' })).code).toBe('aborted');
  expect(toMrpoError(new TypeError('undefined is not a function')).code).toBe('internal');
  expect(toMrpoError('text')).toMatchObject({ code: 'internal', message: 'text' });
});
