/** Checks generated answers by program: the world's questions have one right answer each. */
import type { World } from './world.js';

export interface Marks {
  readonly right: number;
  readonly asked: number;
  /** Right answers and questions by skill. */
  readonly bySkill: Readonly<Record<string, { readonly right: number; readonly asked: number }>>;
}

/** The answer that a text gives: its first word that is an answer to anything; undefined when it has none. */
export function givenAnswer(text: string, answerWords: ReadonlySet<string>): string | undefined {
  return text
    .toLowerCase()
    .match(/\p{L}+/gu)
    ?.find((word) => answerWords.has(word));
}

/** Marks the answers, in the order of the world's questions. */
export function mark(
  { questions, answerWords }: Pick<World, 'questions' | 'answerWords'>,
  answers: readonly string[],
): Marks {
  const bySkill: Record<string, { right: number; asked: number }> = {};
  questions.forEach(({ skill, answer }, i) => {
    const tally = (bySkill[skill] ??= { right: 0, asked: 0 });
    tally.asked += 1;
    if (givenAnswer(answers[i] ?? '', answerWords) === answer) tally.right += 1;
  });
  const right = Object.values(bySkill).reduce((sum, tally) => sum + tally.right, 0);
  return { right, asked: questions.length, bySkill };
}
