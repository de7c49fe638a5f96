/**
 * How far two computations of the same log-prob lie apart when only rounding differs: another number of threads, other
 * instructions of the processor, another GPU, other rows beside it. Nothing below it means anything.
 *
 * Rounding errors of tokens are independent of each other, so that a sum over N of them errs by about sqrt(N) of one.
 * Per token, measured with random and trained models between layouts, thread counts and instruction sets: at most 2.6e-6
 * nats in float32; 16-bit formats keep 13 and 16 bits less and compute the log-softmax in float32.
 */
const NATS_PER_TOKEN: Readonly<Record<string, number>> = {
  float64: 1e-12,
  float32: 4e-6,
  float16: 2.5e-3,
  bfloat16: 2e-2,
};

/** Nats. @param dtype Number format that the model computes in. @param tokens Response tokens summed over. */
export function numericalNoise(dtype: string, tokens: number): number {
  return (NATS_PER_TOKEN[dtype] ?? 4e-6) * Math.sqrt(tokens);
}
