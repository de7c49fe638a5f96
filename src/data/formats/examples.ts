/** Small made-up questions for the examples of formats. */

/** A question, a good and a bad answer to it. */
export const ASKED = [
  ['How many legs has a spider?', 'Eight.', 'Six.'],
  ['Which planet is the largest?', 'Jupiter is.', 'It is Mars.'],
  ['What do bees make?', 'Honey and wax.', 'Silk.'],
] as const;

/** One example row for each made-up question; `index` counts them from 0. */
export const each = <T>(row: (question: string, good: string, bad: string, index: number) => T): readonly T[] =>
  ASKED.map(([question, good, bad], index) => row(question, good, bad, index));

/** A message as OpenAI writes it. */
export const said = (role: string, content: string) => ({ role, content });
/** A message as ShareGPT writes it. */
export const saidBy = (from: string, value: string) => ({ from, value });
