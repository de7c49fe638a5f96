/** The one normal form of a preference pair inside; every reader produces it. */

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface PreferencePair {
  /** SHA-256 of the text of the pair: equal text, equal id, whatever the file or line. */
  readonly id: string;
  /** SHA-256 of the prompt alone: splits keep all pairs of a prompt on one side. */
  readonly promptId: string;
  readonly prompt: readonly ChatMessage[];
  readonly chosen: readonly ChatMessage[];
  readonly rejected: readonly ChatMessage[];
  /** Text used as it is, without a chat template (TRL's standard format); each list then holds one message. */
  readonly plain: boolean;
  /** Where it came from, for messages: 1-based line of a .jsonl or .csv file, else 1-based row number. */
  readonly line: number;
}
