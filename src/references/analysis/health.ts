/**
 * Does a reference look broken? The likely failures of multi-reference training are silent: another model's token ids
 * fed to a reference, padding read as text, a wrong template, weights that did not load. Each leaves its trace in the
 * log-probs, and harmonic pooling follows the least likely reference, so that a broken one decides everything.
 */

import { median } from './shares.js';
import { percentText } from '../../core/quantities.js';

/** What the check looks at. */
export interface HealthFigures {
  readonly name: string;
  /** Mean negative log-prob per UTF-8 byte of the responses, nats. */
  readonly nllPerByte: number;
  /** Median of |l(chosen) / bytes - l(rejected) / bytes|. */
  readonly gapPerByte: number;
  /** Correlation of log-probs per byte with the mean of the other references; NaN without others. */
  readonly correlation: number;
  readonly truncatedShare: number;
  /** Share of pairs whose log-probs were not finite or above 0. */
  readonly brokenLogpShare: number;
  readonly maxLength: number;
  readonly pairs: number;
}

/** `broken`: certainly, or by two signs at once; `suspicious`: one sign, or a remark. */
export type HealthStatus = 'ok' | 'suspicious' | 'broken';

/** Verdict of {@link checkHealth} on one reference. */
export interface Health {
  readonly status: HealthStatus;
  /** Full sentences, the gravest first; empty when ok. */
  readonly reasons: readonly string[];
}

/** `proof`: enough alone. `sign`: may be chance alone, two of them hardly are. `remark`: worth knowing, no defect. */
interface Finding {
  readonly weight: 'proof' | 'sign' | 'remark';
  readonly text: string;
}

/** Of what counting letters achieves: real models of 100 million weights and more lie near 0.2 on ordinary text. */
const LETTERS_BROKEN = 0.75;
const LETTERS_SUSPICIOUS = 0.5;
/** Times the median of the other references. A model of 8 billion weights lies about 3 times below one of 0.1 billion. */
const FAR_FROM_OTHERS = 3.5;
const LOW_CORRELATION = 0.3;
/** Correlations and medians of fewer pairs say little. */
const ENOUGH_PAIRS = 20;
const MUCH_TRUNCATED = 0.5;

/**
 * Judges one reference beside the others.
 * @param letterNats Entropy of single bytes of the text, nats: see `letterEntropy`. @param others All other references.
 */
export function checkHealth(own: HealthFigures, others: readonly HealthFigures[], letterNats: number): Health {
  const surprise = lettersFinding(own, letterNats);
  const findings = [
    // Far from counting letters or far from the others: two views of one figure, so one sign and not two.
    ...(surprise.length > 0 ? surprise : othersFinding(own, others)),
    ...correlationFinding(own, others),
    ...gapFinding(own, others),
    ...brokenLogpsFinding(own),
    ...truncationFinding(own),
  ];
  const of = (weight: Finding['weight']): readonly string[] =>
    findings.filter((finding) => finding.weight === weight).map(({ text }) => text);
  const [proofs, signs, remarks] = [of('proof'), of('sign'), of('remark')];
  const status = proofs.length > 0 || signs.length > 1 ? 'broken' : findings.length > 0 ? 'suspicious' : 'ok';
  return { status, reasons: [...proofs, ...signs, ...remarks] };
}

function lettersFinding({ nllPerByte }: HealthFigures, letterNats: number): Finding[] {
  const share = nllPerByte / letterNats;
  if (share < LETTERS_SUSPICIOUS) return [];
  const compared = `it needs ${nats(nllPerByte)} nats per byte of text, where merely counting letters needs ${nats(letterNats)}`;
  return [
    share >= LETTERS_BROKEN
      ? {
          weight: 'proof',
          text: `${compared}: it does not read this text as language. Its tokenizer or its weights are likely not its own.`,
        }
      : {
          weight: 'sign',
          text: `${compared}: it predicts this text poorly. Is it a language or a template it was not trained on?`,
        },
  ];
}

function othersFinding(own: HealthFigures, others: readonly HealthFigures[]): Finding[] {
  const typical = medianOf(others, ({ nllPerByte }) => nllPerByte);
  if (!(own.nllPerByte > FAR_FROM_OTHERS * typical)) return [];
  return [
    {
      weight: 'sign',
      text: `the text is ${times(own.nllPerByte / typical)} as surprising to it as to the other references (${nats(own.nllPerByte)} against ${nats(typical)} nats per byte).`,
    },
  ];
}

function correlationFinding(own: HealthFigures, others: readonly HealthFigures[]): Finding[] {
  const typical = medianOf(others, ({ nllPerByte }) => nllPerByte);
  // Of two that do not agree, the one that the text surprises more is the one to look at.
  if (own.pairs < ENOUGH_PAIRS || !(own.correlation < LOW_CORRELATION) || own.nllPerByte <= typical) return [];
  return [
    {
      weight: 'sign',
      text: `which responses it finds likely has next to nothing to do with what the other references find likely (correlation ${own.correlation.toFixed(2)}): it may be reading scrambled text.`,
    },
  ];
}

function gapFinding(own: HealthFigures, others: readonly HealthFigures[]): Finding[] {
  const typical = medianOf(others, ({ gapPerByte }) => gapPerByte);
  if (own.pairs < ENOUGH_PAIRS || !(own.gapPerByte > FAR_FROM_OTHERS * typical)) return [];
  return [
    {
      weight: 'sign',
      text: `its log-probs differ ${times(own.gapPerByte / typical)} as much between the two responses as those of the other references do; padding or a wrong prompt may be counted in.`,
    },
  ];
}

function brokenLogpsFinding({ brokenLogpShare }: HealthFigures): Finding[] {
  if (brokenLogpShare === 0) return [];
  const text = `${percent(brokenLogpShare)} of the pairs got log-probs that are not numbers or are above 0; float16 overflows in some models, bfloat16 and float32 do not.`;
  return [{ weight: brokenLogpShare >= 0.1 ? 'proof' : 'sign', text }];
}

function truncationFinding({ truncatedShare, maxLength }: HealthFigures): Finding[] {
  if (truncatedShare < MUCH_TRUNCATED) return [];
  return [
    {
      weight: 'remark',
      text: `${percent(truncatedShare)} of the pairs are cut at max_length ${maxLength}: it judges beginnings of responses. Raise data.max_length if memory allows.`,
    },
  ];
}

function medianOf(figures: readonly HealthFigures[], value: (of: HealthFigures) => number): number {
  return median(figures.map(value).filter(Number.isFinite));
}

const nats = (value: number): string => value.toFixed(2);
const times = (factor: number): string => `${factor.toFixed(1)} times`;
const percent = (share: number): string => percentText(share, share < 0.01 ? 2 : 0);
