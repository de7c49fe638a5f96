/** A format of rows: how it is recognised, and how a row of it becomes pairs. */
import type { Row } from '../fields.js';
import type { PairDraft } from '../make-pair.js';
import type { PairingRule, ScoredAnswers } from '../pairing.js';

interface FormatName {
  /** What `data.format` and `mrpo data` call it. */
  readonly name: string;
  /** One line: what its rows look like. */
  readonly summary: string;
  /** Fields that every row of the format has; the nearest format of an unknown file is found by them. */
  readonly fields: readonly string[];
  /** Something the user should know about how rows of this format are read, seen on the first ones. */
  note?(sample: readonly Row[]): string | undefined;
  recognises(row: Row): boolean;
}

/** One row gives its pairs by itself. */
export interface RowFormat extends FormatName {
  /** @throws RowProblem if a field is absent or of another type. */
  toPairs(row: Row, context: FormatContext): PairDraft[];
}

/** One row is one answer; the answers to a prompt are gathered over the whole file and then paired. */
export interface AnswerFormat extends FormatName {
  toAnswer(row: Row, context: FormatContext): ScoredAnswers;
}

export type Format = RowFormat | AnswerFormat;

export interface FormatContext {
  /** The user named the format: a row that could as well mean something else is then read as this format has it. */
  readonly named: boolean;
  readonly pairing: PairingRule;
  /** Name of the field that scores an answer, or of the list of scores; `undefined` = the format's own choice. */
  readonly score: string | undefined;
  readonly seed: number;
  /** Called for every prompt whose answers were paired by the rule. */
  readonly onPaired: () => void;
}
