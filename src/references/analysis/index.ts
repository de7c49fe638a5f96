/** What references say of the pairs, from their log-probs alone. */
export type { Health, HealthStatus } from './health.js';
export {
  createReferenceReport,
  type ReferenceEntry,
  type ReferenceReport,
  type ReferenceReportOptions,
} from './report.js';
export type { Share, Spread } from './shares.js';
