/** Answers of the policy to held-out prompts, before and after training: what the numbers sound like. */
import type { Backend } from '../backend/backend.js';
import type { ChatMessage, PreferencePair } from '../data/index.js';

/** One answer, as a line of samples.jsonl. */
export interface Sample {
  /** Optimizer steps before this answer. */
  readonly step: number;
  /** Name of the pair: "pairs.jsonl line 17". */
  readonly row: string;
  readonly prompt: readonly ChatMessage[];
  readonly answer: string;
  /** Tokens of the answer. */
  readonly tokens: number;
  /** Ended with an end token, and not at the token limit. */
  readonly finished: boolean;
  readonly chosen: string;
  readonly rejected: string;
}

/** The first held-out pairs with different prompts. */
export function samplePairs(pairs: readonly PreferencePair[], count: number): readonly PreferencePair[] {
  const seen = new Set<string>();
  return pairs.filter(({ promptId }) => !seen.has(promptId) && seen.add(promptId)).slice(0, count);
}

/** Greedy answers of the current policy. */
export async function answerSamples(
  backend: Backend,
  modelHandle: string,
  pairs: readonly PreferencePair[],
  options: {
    readonly step: number;
    readonly maxNewTokens: number;
    readonly nameOf: (pair: PreferencePair) => string;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<readonly Sample[]> {
  const prompts = pairs.map(({ prompt, plain, tools }) => ({ messages: prompt, plain, tools }));
  const samples: Sample[] = [];
  if (pairs.length === 0) return samples;
  const { maxNewTokens, signal } = options;
  for await (const { index, text, tokens, finished } of backend.generate(modelHandle, prompts, {
    maxNewTokens,
    temperature: 0,
    signal,
  })) {
    const pair = pairs[index] as PreferencePair;
    samples.push({
      step: options.step,
      row: options.nameOf(pair),
      prompt: pair.prompt,
      answer: text,
      tokens,
      finished,
      chosen: textOf(pair.chosen),
      rejected: textOf(pair.rejected),
    });
  }
  return samples;
}

const textOf = (messages: PreferencePair['chosen']): string => messages.map(({ content }) => content).join('\n');
