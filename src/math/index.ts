/** The mathematics of mrpo: pure functions on numbers and columns. See README.md in this folder for the symbols. */
export { adaptiveEpsilon, adaptiveEpsilonColumns } from './adaptive-epsilon.js';
export {
  alphaDpoMargins,
  gapStatistics,
  policyReferenceGaps,
  updateGapStatistics,
  type GapStatistics,
} from './alpha-dpo.js';
export { arwcWeights, confidenceColumns, normalizeRows } from './arwc.js';
export { effectSize, falseAlarmRate, smallSampleCorrection, type EffectSize } from './effect-size.js';
export { boundedExp, boundedExpSlope, EXPONENT_LIMIT, forwardKlMargins, forwardKlRewards } from './forward-kl.js';
export {
  conservativeLink,
  hingeLink,
  ipoLink,
  linkOf,
  robustLink,
  sigmoidLink,
  type Link,
  type LinkResult,
  type ScalarLink,
} from './link.js';
export { hypoMargins, logRatioMargins, simpoMargins, type MarginColumns } from './margin.js';
export type { Sides } from '../core/sides.js';
export { multiDpoLoss, type LossColumns } from './multi-dpo.js';
export { perLength, type Unit } from './normalization.js';
export { sigmoid, softplus } from './numeric.js';
export { benjaminiHochberg, holm } from './multiple-comparisons.js';
export { normalQuantile } from './normal-quantile.js';
export { officialCodeEpsilon, officialCodePool, officialCodeWeights } from './official-code.js';
export { pairedBootstrap, type BootstrapOptions, type BootstrapResult } from './paired-bootstrap.js';
export { pairedDifference, type PairedDifference } from './paired-differences.js';
export { poolColumns } from './pooling.js';
export { countAbove, mean, referenceFreeAccuracy, rewardAccuracy, shareAbove, total } from './preference-metrics.js';
export { disagreementShare, dominanceCounts, dominanceShares } from './reference-metrics.js';
export { sampleBeta, sampleGamma, sampleNormal } from './sample-beta.js';
export { cohensD, cohensDInterval, meanAndSd, wilsonInterval, type Interval } from './statistics.js';
export { clipColumns, clipToTrustRegion, notClipped, type ClippedColumns } from './trust-region.js';
