/** One reference on its own: how often it agrees with the labels, how surprised it is, and what it favours. */
import type { ModelColumns, PairBatch } from '../../objectives/objective.js';
import { FLAG } from '../cache/index.js';
import type { ScoredReference } from '../reference-scores.js';
import { correlation, shareOf, spreadOf, type Share } from './shares.js';

/** Figures of one reference over the usable pairs. */
export interface ReferenceFigures {
  /** Share of pairs where the chosen response has the higher log-prob. */
  readonly accuracy: { readonly sum: Share; readonly token: Share; readonly byte: Share };
  /** Mean negative log-prob of the responses that were not cut, nats. */
  readonly nllPerToken: number;
  readonly nllPerByte: number;
  /** Median of |l(chosen) / bytes - l(rejected) / bytes|, nats: one-word responses, where a single token is everything, decide no mean. */
  readonly gapPerByte: number;
  /** How length decides: share of pairs where the longer response has the higher log-prob. Of pairs of unequal length. */
  readonly prefersLonger: Share;
  /** Correlation of the preference (log-prob difference) with the difference in bytes. */
  readonly lengthCorrelation: number;
  /** Of all pairs asked for. */
  readonly truncatedShare: number;
  readonly boundarySplitShare: number;
}

const TRUNCATED = FLAG.truncatedPrompt | FLAG.truncatedChosen | FLAG.truncatedRejected;
const RESPONSE_CUT = FLAG.truncatedChosen | FLAG.truncatedRejected;

/** Computes the figures of one reference. @param positions Rows of the batch in the pairs asked for. */
export function referenceFigures(
  reference: ScoredReference,
  model: ModelColumns,
  batch: PairBatch,
  positions: readonly number[],
): ReferenceFigures {
  const { size, bytes } = batch;
  const [chosen, rejected] = [model.chosen.logps, model.rejected.logps];
  const [chosenRate, rejectedRate] = [ratesOf(chosen, bytes.chosen), ratesOf(rejected, bytes.rejected)];
  const difference = chosen.map((logp, row) => logp - rejected[row]!);
  const byteDifference = bytes.chosen.map((count, row) => count - bytes.rejected[row]!);
  const unequal = Array.from(byteDifference.keys()).filter((row) => byteDifference[row] !== 0);
  return {
    accuracy: {
      sum: shareOf(size, (row) => chosen[row]! > rejected[row]!),
      token: shareOf(
        size,
        (row) => chosen[row]! / model.chosen.tokens[row]! > rejected[row]! / model.rejected.tokens[row]!,
      ),
      byte: shareOf(size, (row) => chosenRate[row]! > rejectedRate[row]!),
    },
    ...surprise(reference, model, batch, positions),
    gapPerByte: spreadOf(chosenRate.map((rate, row) => Math.abs(rate - rejectedRate[row]!))).median,
    prefersLonger: shareOf(unequal.length, (i) => {
      const row = unequal[i]!;
      return difference[row]! * byteDifference[row]! > 0;
    }),
    lengthCorrelation: correlation(difference, byteDifference),
    truncatedShare: flagShare(reference.flags, TRUNCATED),
    boundarySplitShare: flagShare(reference.flags, FLAG.boundarySplit),
  };
}

/** Log-probs per byte of all responses, chosen then rejected: what two references can be compared by. */
export function responseRates(model: ModelColumns, batch: PairBatch): Float64Array {
  const rates = new Float64Array(2 * batch.size);
  rates.set(ratesOf(model.chosen.logps, batch.bytes.chosen), 0);
  rates.set(ratesOf(model.rejected.logps, batch.bytes.rejected), batch.size);
  return rates;
}

/** A response that was cut has fewer scored tokens than its text has bytes: such rows are left out, unless all are cut. */
function surprise(
  reference: ScoredReference,
  model: ModelColumns,
  batch: PairBatch,
  positions: readonly number[],
): { nllPerToken: number; nllPerByte: number } {
  const whole = positions.flatMap((position, row) =>
    ((reference.flags[position] ?? 0) & RESPONSE_CUT) === 0 ? [row] : [],
  );
  const rows = whole.length > 0 ? whole : positions.map((_, row) => row);
  let [nats, tokens, bytes] = [0, 0, 0];
  for (const row of rows) {
    nats -= model.chosen.logps[row]! + model.rejected.logps[row]!;
    tokens += model.chosen.tokens[row]! + model.rejected.tokens[row]!;
    bytes += batch.bytes.chosen[row]! + batch.bytes.rejected[row]!;
  }
  return { nllPerToken: nats / tokens, nllPerByte: nats / bytes };
}

const ratesOf = (logps: Float64Array, bytes: Float64Array): Float64Array =>
  logps.map((logp, row) => logp / Math.max(1, bytes[row]!));

function flagShare(flags: Uint8Array, mask: number): number {
  let count = 0;
  for (const flag of flags) if ((flag & mask) !== 0) count++;
  return count / flags.length;
}
