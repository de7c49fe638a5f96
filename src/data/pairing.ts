/** Ranked or scored answers to one prompt become pairs, by a rule with a name. */
import type { PairDraft } from './make-pair.js';
import type { ChatMessage } from './pair.js';
import { RowProblem } from './row-problem.js';

/**
 * - `best-vs-worst`: one pair.
 * - `best-vs-random`: one pair; the other side is drawn by seed from the answers that score less.
 * - `best-vs-rest`: the best against every answer that scores less.
 * - `adjacent`: each score against the next lower one.
 * - `all`: every two answers with different scores.
 */
export type PairingRule = 'best-vs-worst' | 'best-vs-random' | 'best-vs-rest' | 'adjacent' | 'all';

/** Answers to one prompt; a higher score is a better answer. Of equal scores the earlier answer comes first. */
export interface ScoredAnswers {
  readonly prompt: readonly ChatMessage[];
  readonly plain: boolean;
  readonly answers: readonly ScoredAnswer[];
  readonly tools?: PairDraft['tools'];
}

/** One answer with its score; higher is better. */
export interface ScoredAnswer {
  readonly messages: readonly ChatMessage[];
  readonly score: number;
  /** The score as the file has it, with its name. */
  readonly shown?: string | undefined;
}

/** Each answer once; one that several people have scored (rows of annotators) has the mean of their scores. */
function oncePerText(answers: readonly ScoredAnswer[]): readonly ScoredAnswer[] {
  const byText = new Map<string, ScoredAnswer[]>();
  for (const answer of answers) {
    const text = answer.messages.map(({ role, content, extra }) => JSON.stringify([role, content, extra])).join();
    const same = byText.get(text);
    if (same === undefined) byText.set(text, [answer]);
    else same.push(answer);
  }
  if (byText.size === answers.length) return answers;
  return [...byText.values()].map((same): ScoredAnswer => {
    const [first, second] = same as [ScoredAnswer, ScoredAnswer?];
    if (second === undefined) return first;
    return {
      messages: first.messages,
      score: same.reduce((sum, { score }) => sum + score, 0) / same.length,
      shown: `mean of ${same.map(({ shown, score }) => shown ?? String(score)).join(' and ')}`,
    };
  });
}

/**
 * Pairs of the answers to one prompt; equal scores never make one.
 * @param draw a number in [0, 1) that depends on the prompt; only `best-vs-random` calls it.
 * @throws RowProblem if there are fewer than two answers, or all score the same.
 */
export function pairAnswers(scored: ScoredAnswers, rule: PairingRule, draw: () => number): PairDraft[] {
  if (scored.answers.length < 2)
    throw new RowProblem(`expected at least 2 answers to the prompt, got ${scored.answers.length}`);
  const answers = oncePerText(scored.answers);
  if (answers.length < 2) throw new RowProblem(`all ${scored.answers.length} answers to the prompt are the same text`);
  const ranked = [...answers].sort((a, b) => b.score - a.score);
  const best = ranked[0] as ScoredAnswer;
  const worse = ranked.filter((answer) => answer.score < best.score);
  if (worse.length === 0) throw new RowProblem(`all ${ranked.length} answers score the same (${best.score})`);
  const draft = (chosen: ScoredAnswer, rejected: ScoredAnswer): PairDraft => ({
    prompt: scored.prompt,
    plain: scored.plain,
    chosen: chosen.messages,
    rejected: rejected.messages,
    decided: `${chosen.shown ?? chosen.score} over ${rejected.shown ?? rejected.score}`,
    ...(scored.tools !== undefined && { tools: scored.tools }),
  });
  switch (rule) {
    case 'best-vs-worst':
      return [draft(best, worse.at(-1) as ScoredAnswer)];
    case 'best-vs-random':
      return [draft(best, worse[Math.floor(draw() * worse.length)] as ScoredAnswer)];
    case 'best-vs-rest':
      return worse.map((answer) => draft(best, answer));
    case 'adjacent':
      return ranked.slice(1).flatMap((answer, index) => {
        const before = ranked[index] as ScoredAnswer;
        return answer.score < before.score ? [draft(before, answer)] : [];
      });
    case 'all':
      return ranked.flatMap((chosen, index) =>
        ranked.slice(index + 1).flatMap((rejected) => (rejected.score < chosen.score ? [draft(chosen, rejected)] : [])),
      );
  }
}
