/**
 * What a made-up row is about, in texts that say themselves what they are: whatever the columns are called, a pair that
 * is read has to prefer GOOD to MID to BAD, to hold all that is asked, and nothing that is called META.
 */
export interface Marked {
  readonly i: number;
  /** The question, a system text, a text that the question speaks of, an earlier turn and its reply. */
  readonly ask: string;
  readonly sys: string;
  readonly ctx: string;
  readonly his: string;
  readonly rep: string;
  readonly good: string;
  readonly mid: string;
  readonly bad: string;
  /** The two answers in the order of this row, and whether the good one is first. */
  readonly a: string;
  readonly b: string;
  readonly first: boolean;
  /** The one value where the good answer is first, else the other. */
  pick<T>(ifFirst: T, ifSecond: T): T;
  u(content: string): object;
  as(content: string): object;
}

const FIRST = [true, false, false, true, false, true];

export function marked(i: number): Marked {
  const first = FIRST[i % FIRST.length] === true;
  const [good, mid, bad] = ['GOOD', 'MID', 'BAD'].map((how) => `${how} answer that is number ${i}.`) as [
    string,
    string,
    string,
  ];
  return {
    i,
    ask: `What is ask${i} about?`,
    sys: `Be the sys${i} person.`,
    ctx: `The text of ctx${i} is here.`,
    his: `Earlier his${i} words`,
    rep: `Reply his${i + 500} words`,
    good,
    mid,
    bad,
    a: first ? good : bad,
    b: first ? bad : good,
    first,
    pick: (ifFirst, ifSecond) => (first ? ifFirst : ifSecond),
    u: (content) => ({ role: 'user', content }),
    as: (content) => ({ role: 'assistant', content }),
  };
}
