/** What a column of a preference file can be, in the order of a row; `data.columns` and `--columns` name them. */
export const COLUMN_ROLES = {
  prompt: 'What is asked: text or a list of messages.',
  chosen: 'The better response.',
  rejected: 'The worse response.',
  system: 'System text in front of the prompt.',
  history: 'Earlier turns: messages, or pairs of a question and its reply.',
  input: 'Text that the prompt speaks of; it follows the prompt on a line of its own.',
  a: 'One of two answers, of which a verdict or scores name the better one.',
  b: 'The other answer.',
  verdict: 'Which of a and b is better; of a list of answers the best one, or their order, best first.',
  score_a: 'Score of answer a.',
  score_b: 'Score of answer b.',
  answers: 'List of answers to the prompt, scored beside or inside.',
  answer: 'The one answer of a row, whose score or label `score` names.',
  tools: 'Definitions of tools, for the chat template.',
} as const;

/** One of the roles that a column can have. */
export type ColumnRole = keyof typeof COLUMN_ROLES;
