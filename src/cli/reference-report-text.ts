/** The reference report for a terminal. */
import type { ReferenceEntry, ReferenceReport } from '../references/index.js';
import { percentText } from '../core/quantities.js';
import { textTable } from './text-table.js';

/** Text with a line for every finding; ends with a line break. */
export function referenceReportText(report: ReferenceReport): string {
  const { references, stepZero } = report;
  const names = references.map(({ name }) => name);
  const sections = [
    `${report.usable} of ${report.pairs} pairs have log-probs under every reference.`,
    `Baseline: the chosen response is the longer one in ${shareText(report.longerIsChosen)} of them.`,
    '',
    'Health',
    ...references.map(healthText),
    '',
    'How often a reference finds the chosen response likelier (95 % interval), and how surprised it is by the text',
    textTable(
      ['', 'by sum', 'per token', 'per byte', 'nats/token', 'nats/byte'],
      references.map(({ name, accuracy, nllPerToken, nllPerByte }) => [
        name,
        shareText(accuracy.sum),
        shareText(accuracy.token),
        shareText(accuracy.byte),
        nllPerToken.toFixed(3),
        nllPerByte.toFixed(3),
      ]),
    ),
    ...swapWarning(references, report.usable),
    `What each does under ${report.objective}`,
    textTable(
      ['', 'weight', 'spread', 'decides', 'clipped', 'prefers longer', 'cut', 'unusable'],
      references.map((reference) => [
        reference.name,
        reference.weight.mean.toFixed(3),
        `${reference.weight.low.toFixed(2)}..${reference.weight.high.toFixed(2)}`,
        percentText(reference.dominance),
        percentText(reference.clipShare),
        percentText(reference.prefersLonger.share),
        percentText(reference.truncatedShare),
        String(reference.unusable.length + reference.missing),
      ]),
    ),
    ...(references.length > 1
      ? [
          'Agreement: share of pairs on which two references prefer the same response',
          textTable(
            ['', ...names],
            report.agreement.map((row, k) => [names[k] ?? '', ...row.map((share) => percentText(share))]),
          ),
        ]
      : []),
    `The virtual reference itself prefers the chosen response in ${shareText(report.virtualAccuracy)} of the pairs.`,
    stepZero === undefined
      ? "Step 0 is not known: the policy's start is not scored (mrpo score --with-policy)."
      : `Step 0, before any training: reward accuracy ${shareText(stepZero.accuracy)}${stepZero.ties > 0 ? ` (${percentText(stepZero.ties)} ties)` : ''}, ` +
        `margin ${signed(stepZero.margin.mean)} on average, spread ${stepZero.margin.sd.toFixed(3)}. Compare trained accuracies with this, not with 50 %.`,
    '',
  ];
  return sections.join('\n');
}

/** Of fewer pairs, all may lean one way by chance. */
const ENOUGH_PAIRS = 20;
const NEARLY_NONE = 0.05;

/** References that find the chosen response less likely in nearly all pairs: more likely, the pairs are the wrong way round. */
export function swapWarning(
  references: readonly Pick<ReferenceEntry, 'name' | 'accuracy'>[],
  pairs: number,
): readonly string[] {
  if (pairs < ENOUGH_PAIRS) return [];
  return references
    .filter(({ accuracy }) => accuracy.sum.share < NEARLY_NONE && accuracy.token.share < NEARLY_NONE)
    .map(
      ({ name, accuracy }) =>
        `warning: ${name} finds the rejected response likelier in ${percentText(1 - accuracy.token.share)} of the pairs; see whether good and bad are swapped (mrpo data FILE)\n`,
    );
}

function healthText({ name, health, sameAs, missing, isPolicy }: ReferenceEntry): string {
  const title = `  ${name}${isPolicy ? ' (the policy as it starts)' : ''}`;
  const notes = [
    ...(sameAs === undefined ? [] : [`it is the same model as ${sameAs}: it adds nothing.`]),
    ...(missing === 0 ? [] : [`${missing} pairs are not scored yet; mrpo score completes them.`]),
  ];
  const verdict = { ok: 'looks healthy', suspicious: 'worth a look', broken: 'THIS REFERENCE LOOKS BROKEN' }[
    health.status
  ];
  const reasons = [...health.reasons, ...notes].map((reason) => `\n      - ${reason}`);
  return `${title}: ${verdict}${health.status === 'ok' ? '' : ', because'}${reasons.join('')}`;
}

const shareText = ({ share, interval: [low, high] }: { share: number; interval: readonly [number, number] }): string =>
  `${percentText(share)} (${(100 * low).toFixed(0)}-${(100 * high).toFixed(0)})`;
const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(3)}`;
