/**
 * The order of test files. vitest knows how long each took the last time; a fresh clone has no last time, and a long file
 * that comes last keeps one processor while the other has nothing to do.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take longest, the longest first: they start Python several times, or train. */
const LONGEST = [
  'examples/quickstart',
  'runs/real-backend',
  'runs/kill',
  'service/whole-run',
  'runs/interrupt',
  'runs/resume',
  'boot/install',
  'backend/launch',
  'backend/python.contract',
  'service/kill',
  'backend/sleep',
  'backend/standalone',
].map((name) => join(import.meta.dirname, '..', `${name}.test.ts`));

/** The longest files first, whatever is known of the others. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    for (const file of LONGEST) {
      if (!existsSync(file)) throw new Error(`test/support/longest-first.ts: there is no ${file} any more`);
    }
    const sorted = await super.sort(files);
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.indexOf(moduleId);
      return at < 0 ? LONGEST.length : at;
    };
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}
