/** A file system without hard links cannot be downloaded everywhere, so the one call that would fail there fails here. */
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeNewFile } from '../../src/store/atomic-file.js';

vi.mock('node:fs/promises', async (original) => ({
  ...(await original<object>()),
  link: () => Promise.reject(Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' })),
}));

let folder = '';
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'no-links-'))));
afterAll(() => rm(folder, { recursive: true }));

describe('a new file where there are no links', () => {
  it('is written whole, once, and leaves nothing beside it', async () => {
    const path = join(folder, 'claim');
    expect(await writeNewFile(path, 'first')).toBe(true);
    expect(await writeNewFile(path, 'second')).toBe(false);
    expect(await readFile(path, 'utf8')).toBe('first');
    expect(await readdir(folder)).toEqual(['claim']);
  });

  it('has one writer when several come at once', async () => {
    const path = join(folder, 'contested');
    const made = await Promise.all(['a', 'b', 'c', 'd'].map((text) => writeNewFile(path, text)));
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(['a', 'b', 'c', 'd'][made.indexOf(true)]);
  });
});
