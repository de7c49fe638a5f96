/** A form of rows: how it is recognised, and how a row of it becomes pairs. */
import type { Row } from '../fields.js';
import type { PairDraft } from '../make-pair.js';
import type { PairingRule, ScoredAnswers } from '../pairing.js';

interface FormName {
  /** What `data.format` and `mrpo data` call it. */
  readonly name: string;
  /** One line: what its rows look like. */
  readonly summary: string;
  /** Fields that every row of the form has; the nearest form of an unknown file is found by them. */
  readonly fields: readonly string[];
  /** Something the user should know about how rows of this form are read, seen on the first ones. */
  note?(sample: readonly Row[]): string | undefined;
  recognises(row: Row): boolean;
}

/** One row gives its pairs by itself. */
export interface RowForm extends FormName {
  /** @throws RowProblem if a field is absent or of another type. */
  toPairs(row: Row, context: FormContext): PairDraft[];
}

/** One row is one answer; the answers to a prompt are gathered over the whole file and then paired. */
export interface AnswerForm extends FormName {
  toAnswer(row: Row, context: FormContext): ScoredAnswers;
}

export type Form = RowForm | AnswerForm;

export interface FormContext {
  /** The user named the form: a row that could as well mean something else is then read as this form has it. */
  readonly named: boolean;
  readonly pairing: PairingRule;
  /** Name of the field that scores an answer, or of the list of scores; `undefined` = the form's own choice. */
  readonly score: string | undefined;
  readonly seed: number;
  /** Called for every prompt whose answers were paired by the rule. */
  readonly onPaired: () => void;
}
