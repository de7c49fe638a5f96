/** Why a row cannot be scored, as backends say it: a kind, or "kind: what there is to say of this row". */

/** What helps, by kind. */
const WAYS: Readonly<Record<string, string>> = {
  too_long: 'Raise data.max_length, or set data.truncation to keep_end_of_prompt.',
  template_refused:
    'Give the model a chat_template that takes such conversations, or change the rows; for a system text: put it into the first turn of the user.',
  text_left_out:
    'Give the model a chat_template that writes it (for reasoning: one that leaves it in the reply), or take it out of the rows.',
  turns_unclear:
    'Give the model a chat_template that writes turns alike wherever they stand, or set data.score_turns to all.',
  token_out_of_range: "The tokenizer knows tokens that the model has no embedding for: use the model's own tokenizer.",
  identical: 'Both responses are the same tokens to the model: where they are cut, raise data.max_length.',
  empty_response: 'A response leaves no token to score: look at the rows, and where they are cut at data.max_length.',
  empty_prompt: 'The prompt leaves no token in front of the response: look at the rows.',
};

const kindOf = (unusable: string): string => unusable.split(':', 1)[0] ?? '';

/** A reason for people: the kind in words, and the rest as it is. */
export function reasonText(unusable: string): string {
  const kind = kindOf(unusable);
  return kind in WAYS ? kind.replaceAll('_', ' ') + unusable.slice(kind.length) : unusable;
}

/** The way through where all these rows are lost; the reason of most rows decides. `undefined` = nothing general helps. */
export function wayThrough(reasons: Iterable<readonly [unusable: string, count: number]>): string | undefined {
  const counts = new Map<string, number>();
  for (const [unusable, count] of reasons) {
    const kind = kindOf(unusable);
    counts.set(kind, (counts.get(kind) ?? 0) + count);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return most === undefined ? undefined : WAYS[most[0]];
}
