/** What is wrong with a configuration: collected, then thrown as one error that names every place. */
import { distance } from 'fastest-levenshtein';

import { MrpoError } from '../core/errors.js';
import { formatPath, type ConfigPath } from './path.js';

/** One mistake in a configuration. */
export interface ConfigProblem {
  /** Where in the configuration; empty = the whole of it. */
  readonly path: ConfigPath;
  /** What was expected and what was got. */
  readonly message: string;
  /** Where the user wrote it: `run.yaml:12:3`, `--set training.epochs=x`, `MRPO_SET_...`. */
  readonly where?: string | undefined;
}

/** The name closest to a mistyped one, if any is close enough to be meant. */
export function nearestName(typed: string, names: readonly string[]): string | undefined {
  const wanted = typed.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 2)) + 1;
  for (const name of names) {
    const steps = slips(wanted, name.toLowerCase());
    if (steps < bestDistance) [best, bestDistance] = [name, steps];
  }
  return best;
}

/** Edit distance, with what people really do counted as one slip: swapped letters, an ending left out. */
function slips(typed: string, name: string): number {
  if (typed === name) return 0;
  if (typed.length >= 3 && name.startsWith(typed)) return 1;
  return distance(typed, name) - (sortedLetters(typed) === sortedLetters(name) ? 1 : 0);
}

const sortedLetters = (text: string): string => [...text].sort().join('');

/** One error for all problems; `details.problems` has them as data. */
export function configError(problems: readonly ConfigProblem[], source: string): MrpoError {
  const lines = problems.map(({ where, path, message }) => {
    const subject = path.length === 0 ? '' : `${formatPath(path)}: `;
    return `${where ?? source}: ${subject}${message}`;
  });
  const message =
    lines.length === 1
      ? `configuration: ${lines[0] ?? ''}`
      : `configuration has ${lines.length} problems\n  ${lines.join('\n  ')}`;
  return new MrpoError('config', message, {
    hint: 'All keys, with their meaning and defaults: `mrpo init` writes them; schema/mrpo.schema.json lets an editor check them.',
    details: { problems: problems.map((problem) => ({ ...problem, path: formatPath(problem.path) })) },
  });
}
