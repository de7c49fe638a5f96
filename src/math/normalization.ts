/**
 * Units of log-probs: summed over the response (nats), per token of the model that gave it, or per UTF-8 byte of the
 * text. Per byte is comparable between models with different tokenizers. Formulas apply to any of the three alike.
 */

export type Unit = 'sum' | 'token' | 'byte';

/** Log-probs per token or byte; `lengths` (each >= 1) counts them. Returns `logps` itself where lengths are absent. */
export function perLength(logps: Float64Array, lengths: Float64Array | undefined): Float64Array {
  if (lengths === undefined) return logps;
  const result = new Float64Array(logps.length);
  for (let row = 0; row < result.length; row++) result[row] = logps[row]! / lengths[row]!;
  return result;
}
