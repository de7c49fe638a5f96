/**
 * Which tasks make up a score of language understanding, with how many examples, and which of a task's numbers counts.
 * The paper names six tasks and no setting; its base models' numbers fit `paper` (found by holding them against known
 * scores of the same models), and not the settings of the leaderboard it names.
 */
import type { TaskChoice } from '../backend/backend.js';

/** A number of a task: of one of the harness's tasks, or the mean of several. */
export interface Headline {
  /** As tables and `--tasks` name it. */
  readonly name: string;
  readonly title: string;
  /** Tasks of the harness, and how many examples come before a question; absent: what the task says. */
  readonly tasks: readonly TaskChoice[];
  /** `[task, metric, filter]` of each number that the mean is taken of. */
  readonly of: readonly (readonly [task: string, metric: string, filter: string])[];
}

const single = (name: string, title: string, metric: string, fewshot?: number, filter = 'none'): Headline => ({
  name,
  title,
  tasks: [{ name, fewshot }],
  of: [[name, metric, filter]],
});

/** Headlines of each profile in the order of its table. */
export const PROFILES: Readonly<Record<ProfileName, readonly Headline[]>> = {
  paper: [
    single('gsm8k', 'GSM8K', 'exact_match', 5, 'strict-match'),
    {
      name: 'truthfulqa',
      title: 'TruthfulQA',
      tasks: [{ name: 'truthfulqa_mc1' }, { name: 'truthfulqa_mc2' }],
      of: [
        ['truthfulqa_mc1', 'acc', 'none'],
        ['truthfulqa_mc2', 'acc', 'none'],
      ],
    },
    single('hellaswag', 'HellaSwag', 'acc', 0),
    single('mmlu', 'MMLU', 'acc', 0),
    single('arc_easy', 'ARC-easy', 'acc', 0),
    single('winogrande', 'Winogrande', 'acc', 0),
  ],
  'leaderboard-v1': [
    single('arc_challenge', 'ARC', 'acc_norm', 25),
    single('hellaswag', 'HellaSwag', 'acc_norm', 10),
    single('truthfulqa_mc2', 'TruthfulQA', 'acc'),
    single('mmlu', 'MMLU', 'acc', 5),
    single('winogrande', 'Winogrande', 'acc', 5),
    single('gsm8k', 'GSM8K', 'exact_match', 5, 'strict-match'),
  ],
};

/** Names of the profiles. */
export const PROFILE_NAMES = ['paper', 'leaderboard-v1'] as const;
/** One of the profiles. */
export type ProfileName = (typeof PROFILE_NAMES)[number];

/**
 * The headlines that names mean under a profile. A name that the profile lacks is a task of the harness or a task file:
 * its first metric counts.
 */
export function headlinesOf(names: readonly string[], profile: ProfileName): readonly Headline[] {
  const known = PROFILES[profile];
  if (names.length === 0) return known;
  return names.map(
    (name) => known.find((headline) => headline.name === name) ?? { name, title: name, tasks: [{ name }], of: [] },
  );
}
