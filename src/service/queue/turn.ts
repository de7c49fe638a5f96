/** Whose turn it is: the higher priority first, then the tenant with the fewest runs at work, then who came first. */

export interface Waiting {
  readonly id: string;
  /** In order of creation. */
  readonly number: number;
  readonly priority: number;
  readonly tenant: string;
  /** Has worked before and goes on: it goes before those of its tenant that have not begun. */
  readonly recovering: boolean;
}

/** The order in which runs would start if none ended, given how many runs of each tenant are at work. */
export function inTurn<T extends Waiting>(waiting: readonly T[], atWork: Readonly<Record<string, number>>): T[] {
  const working = new Map(Object.entries(atWork));
  const left = new Set(waiting);
  const order: T[] = [];
  while (left.size > 0) {
    let best: T | undefined;
    for (const run of left) if (best === undefined || before(run, best, working)) best = run;
    if (best === undefined) break;
    left.delete(best);
    order.push(best);
    working.set(best.tenant, (working.get(best.tenant) ?? 0) + 1);
  }
  return order;
}

function before(a: Waiting, b: Waiting, working: ReadonlyMap<string, number>): boolean {
  const [first] = [
    b.priority - a.priority,
    (working.get(a.tenant) ?? 0) - (working.get(b.tenant) ?? 0),
    Number(b.recovering) - Number(a.recovering),
    a.number - b.number,
  ].filter((difference) => difference !== 0);
  return (first ?? 0) < 0;
}
