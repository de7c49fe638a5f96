/**
 * Every format of rows that is understood. A new one is a declaration in one of these files, or a file beside them, and a
 * line here; of the formats that recognise a row, the first in this list reads it, so the more particular ones come first.
 */
import {
  alpacaFarm,
  helpSteer2Preference,
  helpSteer3,
  pkuSafeRlhf,
  prometheus,
  shp,
  unifiedFeedback,
  vertexRlhf,
  webGpt,
} from './ab-sets.js';
import { feedbackCollection, helpSteer, scoredAnswer, summaryAxis } from './answers.js';
import { anyAb } from './any-ab.js';
import { anyPair } from './any-pair.js';
import { arena55k, chatbotArena } from './arena.js';
import { argilla, argillaRecords } from './argilla.js';
import type { Format } from './format.js';
import { labelStudio, labelStudioMin } from './label-studio.js';
import {
  alpacaRanking,
  gemini,
  nectar,
  nemoRl,
  scoredList,
  stackExchange,
  summarizeFromFeedback,
  ultraFeedback,
} from './lists.js';
import { namedAnswer } from './named-answer.js';
import { negatives } from './negatives.js';
import { nova } from './nova.js';
import { oasstMessages, oasstTrees } from './oasst.js';
import {
  capybara,
  distilabelMath,
  hhTranscript,
  llamaFactoryV1,
  msSwift,
  openAiPreference,
  question,
  shareGpt,
  spin,
  torchtune,
  trlConversational,
  trlStandard,
} from './pairs.js';
import { traces } from './traces.js';
import { trlImplicit } from './trl-implicit.js';
import { turnPairs } from './turn-pairs.js';

export type { Format, FormatContext, Mismatch, Reading } from './format.js';
export { isReading } from './format.js';

/** In the order in which they are tried. */
export const FORMATS: readonly Format[] = [
  openAiPreference,
  nova,
  gemini,
  nemoRl,
  oasstMessages,
  oasstTrees,
  arena55k,
  chatbotArena,
  shp,
  helpSteer3,
  helpSteer2Preference,
  pkuSafeRlhf,
  alpacaFarm,
  prometheus,
  feedbackCollection,
  unifiedFeedback,
  webGpt,
  vertexRlhf,
  summarizeFromFeedback,
  summaryAxis,
  stackExchange,
  argilla,
  argillaRecords,
  labelStudio,
  labelStudioMin,
  namedAnswer,
  shareGpt,
  ultraFeedback,
  nectar,
  helpSteer,
  capybara,
  distilabelMath,
  alpacaRanking,
  question,
  trlStandard,
  trlConversational,
  hhTranscript,
  torchtune,
  spin,
  llamaFactoryV1,
  msSwift,
  trlImplicit,
  turnPairs,
  anyPair,
  negatives,
  anyAb,
  scoredList,
  traces,
  scoredAnswer,
];

/** Names of all formats, in the order of {@link FORMATS}. */
export const formatNames = (): string[] => FORMATS.map((format) => format.name);
