/**
 * Every format of rows that is understood. A new one is a file beside this and a line here; of the formats that recognise
 * a row, the first in this list reads it, so the more particular ones come first.
 */
import { alpacaRanking } from './alpaca-ranking.js';
import { distilabelMath } from './distilabel-math.js';
import type { Format } from './format.js';
import { helpSteer } from './helpsteer.js';
import { hhTranscript } from './hh-transcript.js';
import { nectar } from './nectar.js';
import { question } from './question.js';
import { scoredList } from './scored-list.js';
import { shareGpt } from './sharegpt.js';
import { trlConversational } from './trl-conversational.js';
import { trlImplicit } from './trl-implicit.js';
import { trlStandard } from './trl-standard.js';
import { ultraFeedback } from './ultrafeedback.js';

export type { AnswerFormat, Format, FormatContext, RowFormat } from './format.js';

export const FORMATS: readonly Format[] = [
  shareGpt,
  ultraFeedback,
  nectar,
  helpSteer,
  distilabelMath,
  alpacaRanking,
  question,
  trlStandard,
  trlConversational,
  hhTranscript,
  trlImplicit,
  scoredList,
];

export const formatNames = (): string[] => FORMATS.map((format) => format.name);
