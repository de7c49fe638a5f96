/** Pairs that a model cannot take: counted by reason, told with an example, and with the hint that fits the reason. */
import { describe, expect, it } from 'vitest';
import type { RowFacts } from '../../src/backend/backend.js';
import { MrpoError } from '../../src/core/errors.js';
import { makePair } from '../../src/data/make-pair.js';
import type { PreferencePair } from '../../src/data/pair.js';
import { FLAG } from '../../src/references/index.js';
import { buildExamples, type BuildOptions } from '../../src/runs/build-examples.js';

const pairs: PreferencePair[] = [1, 2, 3].map((line) =>
  makePair(
    {
      plain: false,
      prompt: [{ role: 'user', content: `question ${line}` }],
      chosen: ['yes', 'sure?', 'yes!'].map((content, i) => ({ role: i === 1 ? 'user' : 'assistant', content })),
      rejected: [{ role: 'assistant', content: 'no', extra: { reasoning_content: 'hm' } }],
    },
    line,
  ),
);
const facts = (more: Partial<RowFacts> = {}): RowFacts => ({
  promptTokens: 5,
  chosenTokens: 3,
  rejectedTokens: 2,
  contextTokens: 0,
  truncatedPrompt: false,
  truncatedChosen: false,
  truncatedRejected: false,
  boundarySplit: false,
  unusable: undefined,
  ...more,
});
const column = (): { logps: Float64Array; tokens: Float64Array } => ({
  logps: Float64Array.of(-1, -2, -3),
  tokens: Float64Array.of(3, 3, 3),
});
const build = (more: Partial<BuildOptions>): ReturnType<typeof buildExamples> =>
  buildExamples({
    pairs,
    trainingPairs: 3,
    nameOf: ({ line }) => `pairs.jsonl row ${line}`,
    policyRows: [facts(), facts(), facts()],
    references: [],
    scoreTurns: 'assistant',
    dtype: 'float32',
    ...more,
  });
const failure = (unusable: string): { message: string; hint: string | undefined } => {
  try {
    build({ policyRows: [1, 2, 3].map(() => facts({ unusable })) });
  } catch (thrown) {
    if (thrown instanceof MrpoError) return { message: thrown.message, hint: thrown.hint };
    throw thrown;
  }
  throw new Error('nothing was thrown');
};

describe('no pair is left', () => {
  it.each([
    ['too_long', /Raise data\.max_length/],
    ['template_refused: System role not supported', /chat_template that takes such conversations/],
    ['text_left_out: the chat template leaves out reasoning_content of chosen: "hm"', /chat_template that writes it/],
    ['turns_unclear: the template writes turn 1 otherwise', /data\.score_turns to all/],
    ['token_out_of_range', /own tokenizer/],
    ['identical', /cut/],
  ])('%s', (unusable, hint) => {
    const { message, hint: given } = failure(unusable);
    expect(message).toContain(`3 pairs dropped: ${unusable} under the policy (first: pairs.jsonl row 1)`);
    expect(given).toMatch(hint);
    if (unusable !== 'too_long' && unusable !== 'identical') expect(given).not.toContain('max_length');
  });
});

it('reasons that quote different text are one reason, and the first example is shown', () => {
  const left = (text: string): RowFacts =>
    facts({ unusable: `text_left_out: the chat template leaves out content of chosen: "${text}"` });
  const { dropped, notes } = build({ policyRows: [left('one'), left('two'), facts()] });
  const reason = 'text_left_out: the chat template leaves out content of chosen: "one" under the policy';
  expect(dropped).toEqual({ [reason]: 2 });
  expect(notes).toEqual([`2 pairs dropped: ${reason} (first: pairs.jsonl row 1)`]);
});

it('what templates leave out of prompts is told, by model', () => {
  const { notes } = build({
    policyRows: [facts(), facts({ leftOut: ['tools', 'reasoning of assistant turns'] }), facts({ leftOut: ['tools'] })],
    references: [
      {
        name: 'other',
        columns: { chosen: column(), rejected: column() },
        flags: Uint8Array.of(FLAG.leftOut | FLAG.truncatedPrompt, 0, 0),
        unusable: [undefined, undefined, undefined],
      },
    ],
  });
  expect(notes).toEqual([
    'policy: its chat template leaves tools, reasoning of assistant turns of the prompt out in 2 of 3 pairs (first: pairs.jsonl row 2)',
    'reference other: its chat template leaves a part of the prompt out in 1 of 3 pairs (first: pairs.jsonl row 1)',
  ]);
});

it('a prompt whose last token a tokenizer joins with the response is told, by model', () => {
  const { notes } = build({
    policyRows: [facts(), facts(), facts({ boundarySplit: true })],
    references: [
      {
        name: 'other',
        columns: { chosen: column(), rejected: column() },
        flags: Uint8Array.of(FLAG.boundarySplit, FLAG.boundarySplit, 0),
        unusable: [undefined, undefined, undefined],
      },
    ],
  });
  expect(notes).toEqual([
    'policy: its tokenizer joins the end of the prompt with the response in 1 of 3 pairs (first: pairs.jsonl row 3); the text is split there',
    'reference other: its tokenizer joins the end of the prompt with the response in 2 of 3 pairs (first: pairs.jsonl row 1); the text is split there',
  ]);
});

it('bytes of a response are those of what is scored', () => {
  expect([...build({}).train.responseBytes.chosen]).toEqual([7, 7, 7]);
  expect([...build({ scoreTurns: 'all' }).train.responseBytes.chosen]).toEqual([12, 12, 12]);
  expect([...build({}).train.responseBytes.rejected]).toEqual([4, 4, 4]);
});
