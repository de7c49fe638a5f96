/** What may stand beside an answer's name in a verdict of a few words that prefers it: `Chatbot A is clearly more accurate`. */
import { wordsOf } from '../names.js';

const setOf = (...words: readonly string[]): ReadonlySet<string> => new Set(words.flatMap((line) => line.split(' ')));

/**
 * Words that name, praise or weigh an answer, and that none of the others here turns round. What turns a verdict round, or
 * may (`not`, `less`, `fails`, `except`, `could`, `over`), stays out; so does what a number may count or grade, where the
 * answers are called 1 and 2 (`2 votes`, `quality 2`).
 */
const HARMLESS = setOf(
  // what an answer is called
  'response responses answer answers completion output candidate reply text model assistant chatbot bot agent system',
  'llm ai responder writer author player contestant option choice alternative side one version variant sample draft',
  'generation continuation entry item summary translation story essay poem article paragraph passage dialogue dialog',
  'conversation program solution explanation argument proposal suggestion sentence rewrite revision description',
  // who says so, and that it is a verdict
  'the is was are has i we it think by overall final verdict judgment judgement preference winner',
  'choose chose chosen pick picked select selected prefer prefers preferred favor favour favored favoured',
  // praise
  'better best good great win wins won winning superior stronger nicer excellent ideal high higher highest',
  'helpful accurate correct safer harmless detailed clearer useful honest truthful informative relevant factual faithful',
  'fluent natural coherent complete comprehensive thorough concise precise appropriate polite creative engaging',
  // how much
  'strong strongly slight slightly much far clear clearly significantly significant somewhat bit little marginally',
  'moderately definitely way very more most',
);
/** Whether a word may stand beside an answer's name in a verdict that prefers it. */
export const mayStandInVerdict = (word: string): boolean => HARMLESS.has(word);

/** Who prefers something, with that word behind it: `gpt-2` alone is a model, and none of two answers. */
const JUDGE = new RegExp(
  '^(?:(?:the|all|most|our) )?' +
    '(?:human|annotator|user|judge|rater|labell?er|evaluator|reviewer|expert|grader|crowd|gpt|llm|claude)s?(?: \\d)? ' +
    '(?:(?:prefer|pick|select|choose|favou?r|like)s?|preferred|picked|selected|chose|favou?red|liked|vote[sd]? for)\\b',
);

/** The words of a verdict, without the judge who gives it: `Human prefers response A` is `['response', 'a']`. */
export const verdictWords = (value: string): readonly string[] =>
  wordsOf(
    wordsOf(value)
      .join(' ')
      .replace(JUDGE, '')
      .replace(/\b(better|best|high|higher|highest) quality\b/, '$1'),
  );
