import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { isTemporary, temporaryBeside } from '../../src/core/temporary-file.js';

it('a name for a file on its way takes those away that nobody writes any more', () => {
  const folder = mkdtempSync(join(tmpdir(), 'temporary-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [left, fresh] = [temporaryBeside(join(folder, 'x')), temporaryBeside(join(folder, 'x'))];
  const mine = join(folder, '.notes.tmp');
  for (const path of [left, fresh, mine]) writeFileSync(path, 'half');
  for (const path of [left, mine]) utimesSync(path, 1, 1);
  expect(isTemporary(temporaryBeside(join(folder, 'y')).slice(folder.length + 1))).toBe(true);
  expect([left, fresh, mine].map((path) => existsSync(path))).toEqual([false, true, true]);
});
