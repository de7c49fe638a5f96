/** The one shape that preference pairs have inside this program; every reader produces it. */

import type { JsonValue } from '../core/json.js';

/** One turn of a conversation; `role` is system, user, assistant or tool. */
export interface ChatMessage {
  readonly role: string;
  /** The text; `''` where a message has none, e.g. beside `tool_calls`. */
  readonly content: string;
  /**
   * What the message holds beyond role and text, under the names that chat templates know: `tool_calls`, `tool_call_id`,
   * `name`, `reasoning_content`... It goes to the template as it is. `content` in here stands in place of the text: null,
   * or a list of parts. Absent when there is nothing.
   */
  readonly extra?: Readonly<Record<string, JsonValue>> | undefined;
}

/** Whether two messages say the same to a chat template. */
export const sameMessage = (a: ChatMessage, b: ChatMessage): boolean =>
  a.role === b.role && a.content === b.content && extraText(a) === extraText(b);

/** The rest of a message as JSON, `''` when there is none. */
export const extraText = ({ extra }: ChatMessage): string =>
  extra === undefined || Object.keys(extra).length === 0 ? '' : JSON.stringify(extra);

/** A file or hub data set that rows come from. All pairs of one share one object. */
export interface RowOrigin {
  /** Path or `hub:` name. */
  readonly name: string;
  /** What the `line` of its rows counts: lines where the file has lines, else rows. */
  readonly place: 'line' | 'row';
}

/** Where a pair comes from, in messages: `pairs.jsonl line 7`, `pairs.parquet row 7`. */
export const pairPlace = ({ origin, line }: Pick<PreferencePair, 'origin' | 'line'>): string =>
  origin === undefined ? `row ${line}` : `${origin.name} ${origin.place} ${line}`;

/** One prompt with a better and a worse response. */
export interface PreferencePair {
  /** SHA-256 of the text of the pair: equal text, equal id, whatever the file or line. */
  readonly id: string;
  /** SHA-256 of the prompt alone: splits keep all pairs of a prompt on one side. */
  readonly promptId: string;
  readonly prompt: readonly ChatMessage[];
  readonly chosen: readonly ChatMessage[];
  readonly rejected: readonly ChatMessage[];
  /** Schemas of the tools the assistant may call, for the chat template; absent when there are none. */
  readonly tools?: readonly JsonValue[] | undefined;
  /** Text used as it is, without a chat template (TRL's standard format); each list then holds one message. */
  readonly plain: boolean;
  /** What made the one answer chosen, as the file says it (`winner: model_b`, `score 9 over 3`); absent where the columns do. */
  readonly decided?: string | undefined;
  /** Where it came from, for messages; absent for a pair that a program made. */
  readonly origin?: RowOrigin | undefined;
  /** 1-based line of a .jsonl or .csv file, else 1-based row number. */
  readonly line: number;
}
