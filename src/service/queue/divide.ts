/** Who gets which idle backend, and from whom one is taken back: evenly, and nobody keeps what a run waits for. */
import type { Help, HelpAnswer } from '../journal/help.js';

/** Somebody with pairs to share. */
export interface Asker {
  readonly help: Help;
  readonly tell: (answer: HelpAnswer) => void;
}

/** What there is to divide, by address. */
export interface ToDivide {
  readonly idle: readonly string[];
  /** All that answer: one that has gone is of no use to who waits. */
  readonly living: readonly string[];
  /** How many wait for a backend of their own. */
  readonly waiting: number;
}

/** What an asker is to be told. */
export interface Telling {
  readonly tell: Asker['tell'];
  readonly answer: HelpAnswer;
}

/**
 * An idle backend goes to who has fewest. One is asked back for each who waits, and where somebody has two more than
 * another who could use one. Those that are on their way back count as given.
 */
export function divide(askers: readonly Asker[], { idle, living, waiting }: ToDivide): readonly Telling[] {
  const parts = askers.map(({ help, tell }) => ({
    help,
    tell,
    has: help.helpers.length - help.recalled.length,
    lent: [] as string[],
    recalled: [] as string[],
    /** May be asked back. */
    loose: help.helpers.filter((helper) => !help.recalled.includes(helper) && living.includes(helper)),
  }));
  type Part = (typeof parts)[number];
  const byNeed = (): Part[] => parts.filter(({ help, has }) => has < help.most).sort((a, b) => a.has - b.has);
  const byWealth = (): Part[] => parts.filter(({ loose }) => loose.length > 0).sort((a, b) => b.has - a.has);
  const canUse = ({ help }: Part, backend: string): boolean =>
    !help.without.includes(backend) && !help.helpers.includes(backend);
  const takeBack = (from: Part, backend: string): void => {
    from.loose.splice(from.loose.indexOf(backend), 1);
    from.recalled.push(backend);
    from.has -= 1;
  };

  const coming = askers.flatMap(({ help }) => help.recalled).filter((helper) => living.includes(helper));
  for (let needed = waiting - coming.length; needed > 0; needed -= 1) {
    const [richest] = byWealth();
    const backend = richest?.loose.at(-1);
    if (richest === undefined || backend === undefined) break;
    takeBack(richest, backend);
  }
  for (const backend of idle) {
    const poorest = byNeed().find((part) => canUse(part, backend));
    poorest?.lent.push(backend);
    if (poorest !== undefined) poorest.has += 1;
  }
  if (waiting === 0) {
    for (const backend of coming) {
      const poorest = byNeed().find((part) => canUse(part, backend));
      if (poorest !== undefined) poorest.has += 1;
    }
    for (;;) {
      const [poorest] = byNeed();
      const [richest] = byWealth();
      if (poorest === undefined || richest === undefined || richest.has - poorest.has < 2) break;
      const backend = richest.loose.find((helper) => canUse(poorest, helper));
      if (backend === undefined) break;
      takeBack(richest, backend);
      poorest.has += 1;
    }
  }
  return parts.flatMap(({ tell, lent, recalled }): Telling[] => [
    ...(lent.length > 0 ? [{ tell, answer: { type: 'lent' as const, helpers: lent } }] : []),
    ...(recalled.length > 0 ? [{ tell, answer: { type: 'recall' as const, helpers: recalled } }] : []),
  ]);
}
