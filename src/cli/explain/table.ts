/** Explained pairs for people: one block a pair, chosen and rejected side by side. */
import type { ExplainedRow, PairBatch, Metrics, PairOfNumbers } from '../../objectives/index.js';

const LABEL_WIDTH = 26;
const NUMBER_WIDTH = 16;

/** One pair: every stage from log-probs to gradient. */
export function pairBlock(batch: PairBatch, row: number, explained: ExplainedRow): string {
  const name = batch.rowIds?.[row] ?? row + 1;
  const policy: PairOfNumbers = [batch.policy.chosen.logps[row]!, batch.policy.rejected.logps[row]!];
  const references = batch.references.map(({ chosen, rejected }): PairOfNumbers => [
    chosen.logps[row]!,
    rejected.logps[row]!,
  ]);
  return [
    `${`pair ${name}`.padEnd(LABEL_WIDTH)}${'chosen'.padStart(NUMBER_WIDTH)}${'rejected'.padStart(NUMBER_WIDTH)}`,
    line('policy', policy),
    ...references.map((logps, k) => line(`reference ${k + 1}`, logps)),
    ...(explained.epsilon.some(Number.isNaN) ? [] : [line('epsilon', explained.epsilon)]),
    ...explained.clipped.map((logps, k) => line(`clipped ${k + 1}`, logps, `weight ${format(explained.weights[k]!)}`)),
    ...(explained.virtual === null ? [] : [line('virtual reference', explained.virtual)]),
    line('gradient dL/dlogp', explained.gradient),
    `${'margin'.padEnd(LABEL_WIDTH)}${format(explained.margin).padStart(NUMBER_WIDTH)}`,
    `${'loss'.padEnd(LABEL_WIDTH)}${format(explained.loss).padStart(NUMBER_WIDTH)}`,
    '',
  ].join('\n');
}

/** One line for all pairs. */
export function summaryLine(name: string, pairs: number, metrics: Metrics, clipShare: number | undefined): string {
  const shown = [
    ['mean loss', metrics.loss],
    ['accuracy', metrics['rewards/accuracies']],
    ['mean reward margin', metrics['rewards/margins']],
    ['clipped', clipShare],
  ] as const;
  const figures = shown.flatMap(([label, value]) => (value === undefined ? [] : [`${label} ${format(value)}`]));
  return `${name}, ${pairs} ${pairs === 1 ? 'pair' : 'pairs'}: ${figures.join(', ')}`;
}

function line(label: string, [chosen, rejected]: PairOfNumbers, remark = ''): string {
  const numbers = `${format(chosen).padStart(NUMBER_WIDTH)}${format(rejected).padStart(NUMBER_WIDTH)}`;
  return `${label.padEnd(LABEL_WIDTH)}${numbers}${remark === '' ? '' : `   ${remark}`}`;
}

/** Nine significant digits, without trailing zeros. */
function format(value: number): string {
  return String(Number(value.toPrecision(9)));
}
