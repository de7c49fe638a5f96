/** A format of rows: how it is recognised, and how a row of it becomes pairs. */
import type { ColumnMapping } from '../columns.js';
import type { Row } from '../fields.js';
import type { PairDraft } from '../make-pair.js';
import type { MessageContext } from '../messages.js';
import type { PairingRule } from '../pairing.js';
import type { RowAt } from '../sources/source.js';
import type { RowShape } from '../shape.js';
import type { Tally } from '../tally.js';
import type { VerdictValues } from '../verdict/sides.js';

/** One format. It looks at the shape of a row and gives the way to read such rows, or why it does not fit. */
export interface Format {
  /** What `data.format` and `mrpo data` call it. */
  readonly name: string;
  /** One line: what its rows look like. */
  readonly summary: string;
  /** Data sets, trainers and services whose rows are like this. */
  readonly sources: string;
  /** Three rows as people have them; they document the format and are tests of it. */
  readonly examples: readonly Row[];
  /** Options that its rows need, where they are not read by themselves. */
  readonly flags?: string;
  /** Its rows give pairs only together, so that single ones among rows of another format are not taken. */
  readonly gathers?: boolean;
  /** A score decides between its answers, which `data.score` may name. */
  readonly scored?: boolean;
  /**
   * How rows of a shape are read.
   * @param strict values have to be of the right kinds; else the right names are enough, and the reader complains.
   */
  match(shape: RowShape, context: FormatContext, strict: boolean): Reading | Mismatch;
}

/** Rows of one shape, understood. */
export interface Reading {
  /** Which column plays which role, as paths. */
  readonly roles: Readonly<Record<string, string>>;
  /** Paths that were read, or that are known to say nothing about the pair; those inside them too. */
  readonly used: ReadonlySet<string>;
  /** The row could as well mean something else: it is not read so among rows of another format. */
  readonly guesses?: boolean;
  /** Something the user should know about how such rows are read. */
  readonly note?: string | undefined;
  /** Pairs of a row; none where its answers are gathered over the whole file. @throws RowProblem */
  read(row: Row, at: RowAt): readonly PairDraft[];
}

/** Why rows of a shape are not of a format. */
export interface Mismatch {
  readonly mismatch: string;
  /** How many of the columns that it needs are there. */
  readonly found: number;
}

/** Whether a format has matched. */
export const isReading = (match: Reading | Mismatch): match is Reading => 'read' in match;

/** What the user has said about the file, and what was met in it so far. */
export interface FormatContext extends MessageContext {
  /** The user named the format: a row that could as well mean something else is then read as this format has it. */
  readonly named: boolean;
  readonly columns: ColumnMapping;
  /** What values of the verdict mean. */
  readonly verdict: VerdictValues | undefined;
  readonly pairing: PairingRule;
  /** Name of the field that scores an answer, or of the list of scores; `undefined` = the format's own choice. */
  readonly score: string | undefined;
  /** Whether less of the score is better; `undefined` = by its name, and asked where the name does not say. */
  readonly lowerIsBetter: boolean | undefined;
  readonly ignore: readonly string[];
  readonly seed: number;
  /** The first rows of the file. */
  readonly sample: readonly Row[];
  readonly tally: Tally;
  readonly gathered: Gathered;
  /** Called for every prompt whose answers were paired by the rule. */
  readonly onPaired: () => void;
}

/** Answers and messages that become pairs when the whole file is read. */
export interface Gathered {
  answer(answer: GatheredAnswer, at: RowAt): void;
  message(message: TreeMessage, at: RowAt): void;
}

/** One answer of a row whose other answers stand in other rows. */
export interface GatheredAnswer {
  readonly prompt: PairDraft['prompt'];
  readonly messages: PairDraft['chosen'];
  /** Higher is better. */
  readonly score: number;
  readonly tools?: PairDraft['tools'];
}

/** One message of a conversation tree; of sibling answers the lowest rank is best. */
export interface TreeMessage {
  readonly id: string;
  readonly parent: string | undefined;
  readonly role: string;
  readonly text: string;
  readonly rank: number | undefined;
}
