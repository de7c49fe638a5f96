/**
 * Pairs written in every schema in which public data sets, hosted services, trainers and annotation tools hold them. Own
 * code, from their documentation: nothing here is shared with the readers.
 */
import type { ReadOptions } from '../../src/data/index.js';
import type { TableRow } from './writers.js';

/** What a pair means, in plain texts. */
export interface Meant {
  readonly system?: string | undefined;
  /** Turns of user and assistant in turn; begins and ends with the user. */
  readonly turns: readonly string[];
  readonly chosen: string;
  readonly rejected: string;
}

/** Choices of a writer: which of several spellings, which order. */
export interface Draw {
  /** True or false. */
  coin(): boolean;
  /** One of the values. */
  of<T>(values: readonly T[]): T;
  /** The values in another order. */
  shuffled<T>(values: readonly T[]): T[];
  whole(below: number): number;
}

export interface Written {
  readonly rows: readonly TableRow[];
  readonly options?: ReadOptions;
}

export interface PairWriter {
  /** What it can hold: `turn` = one question; `system` = a system text too; `talk` = several turns; `turns` = both. */
  readonly holds: 'turn' | 'system' | 'talk' | 'turns';
  /** Rows hold texts, numbers and lists of messages only: what a spreadsheet can hold. */
  readonly flat: boolean;
  /** Readers take the space around texts away. */
  readonly trims?: boolean;
  /** Ties are further pairs of which neither answer is the better one. */
  write(pairs: readonly Meant[], ties: readonly Meant[], draw: Draw): Written;
}

const message = (role: string, content: string) => ({ role, content });
const said = (from: string, value: string) => ({ from, value });
const prompt = (pair: Meant) => [
  ...(pair.system === undefined ? [] : [message('system', pair.system)]),
  ...pair.turns.map((text, index) => message(index % 2 === 0 ? 'user' : 'assistant', text)),
];
const question = (pair: Meant): string => pair.turns.at(-1) ?? '';
const earlier = (pair: Meant): [string, string][] =>
  Array.from({ length: (pair.turns.length - 1) / 2 }, (_, index) => [
    pair.turns[2 * index] ?? '',
    pair.turns[2 * index + 1] ?? '',
  ]);
const answer = (text: string) => message('assistant', text);
const shareGptTurns = (pair: Meant, [human, gpt] = ['human', 'gpt']) =>
  pair.turns.map((text, index) => said((index % 2 === 0 ? human : gpt) ?? '', text));

/** One row for each pair; ties are left out. */
const perPair =
  (row: (pair: Meant, draw: Draw) => TableRow, options?: ReadOptions) =>
  (pairs: readonly Meant[], _ties: readonly Meant[], draw: Draw): Written => ({
    rows: pairs.map((pair) => row(pair, draw)),
    ...(options !== undefined && { options }),
  });

type Side = 'a' | 'b' | 'tie';

/** Rows of two answers in either order, with a verdict. */
const twoAnswers =
  (row: (pair: Meant, a: string, b: string, side: Side, draw: Draw) => TableRow, options?: ReadOptions) =>
  (pairs: readonly Meant[], ties: readonly Meant[], draw: Draw): Written => {
    const rows = [
      ...pairs.map((pair) => {
        const first = draw.coin();
        return row(
          pair,
          first ? pair.chosen : pair.rejected,
          first ? pair.rejected : pair.chosen,
          first ? 'a' : 'b',
          draw,
        );
      }),
      ...ties.map((pair) => row(pair, pair.chosen, pair.rejected, 'tie', draw)),
    ];
    return { rows: draw.shuffled(rows), ...(options !== undefined && { options }) };
  };

/** Rows with a list of answers and a number for each. */
const manyAnswers =
  (
    row: (pair: Meant, answers: readonly string[], goodness: readonly number[], draw: Draw) => TableRow,
    options?: ReadOptions,
  ) =>
  (pairs: readonly Meant[], ties: readonly Meant[], draw: Draw): Written => {
    const rows = pairs.map((pair) => {
      const order = draw.shuffled(draw.coin() ? [0, 1] : [0, 1, 2]);
      // A third answer lies between the two.
      const texts = [pair.chosen, pair.rejected, `${pair.chosen} ${pair.rejected} between`];
      const goodness = [4, 1, 2.5];
      return row(
        pair,
        order.map((index) => texts[index] ?? ''),
        order.map((index) => goodness[index] ?? 0),
        draw,
      );
    });
    const even = ties.map((pair) => row(pair, [pair.chosen, pair.rejected], [3, 3], draw));
    return { rows: draw.shuffled([...rows, ...even]), ...(options !== undefined && { options }) };
  };

/** Rows with one answer each, of all pairs mixed. */
const oneAnswer =
  (row: (pair: Meant, text: string, good: boolean | undefined, draw: Draw) => TableRow, options?: ReadOptions) =>
  (pairs: readonly Meant[], _ties: readonly Meant[], draw: Draw): Written => ({
    rows: draw.shuffled(
      pairs.flatMap((pair) => [row(pair, pair.chosen, true, draw), row(pair, pair.rejected, false, draw)]),
    ),
    ...(options !== undefined && { options }),
  });

const winner = (side: Side, a: unknown, b: unknown, tie: unknown): unknown =>
  side === 'a' ? a : side === 'b' ? b : tie;
const ranks = (goodness: readonly number[]): number[] =>
  goodness.map((value) => 1 + goodness.filter((other) => other > value).length);

export const PAIR_WRITERS: Readonly<Record<string, PairWriter>> = {
  'TRL, standard': {
    holds: 'turn',
    flat: true,
    write: perPair((pair) => ({ prompt: question(pair), chosen: pair.chosen, rejected: pair.rejected })),
  },
  'TRL, conversational': {
    holds: 'turns',
    flat: true,
    write: perPair((pair) => ({
      prompt: prompt(pair),
      chosen: [answer(pair.chosen)],
      rejected: [answer(pair.rejected)],
    })),
  },
  'TRL, implicit prompt': {
    holds: 'turns',
    flat: true,
    write: perPair((pair) => ({
      chosen: [...prompt(pair), answer(pair.chosen)],
      rejected: [...prompt(pair), answer(pair.rejected)],
    })),
  },
  'UltraFeedback, binarized': {
    holds: 'turn',
    flat: true,
    write: perPair((pair) => ({
      prompt: question(pair),
      prompt_id: 'f0e1',
      chosen: [...prompt(pair), answer(pair.chosen)],
      rejected: [...prompt(pair), answer(pair.rejected)],
      messages: [...prompt(pair), answer(pair.chosen)],
      score_chosen: 8.5,
      score_rejected: 6,
    })),
  },
  'Orca pairs': {
    holds: 'system',
    flat: true,
    write: perPair((pair) => ({
      system: pair.system ?? '',
      question: question(pair),
      chosen: pair.chosen,
      rejected: pair.rejected,
    })),
  },
  'LLaMA-Factory, ShareGPT': {
    holds: 'turns',
    flat: true,
    write: perPair((pair) => ({
      ...(pair.system !== undefined && { system: pair.system }),
      conversations: shareGptTurns(pair),
      chosen: said('gpt', pair.chosen),
      rejected: said('gpt', pair.rejected),
    })),
  },
  'LLaMA-Factory, Alpaca': {
    holds: 'turns',
    flat: false,
    write: perPair((pair) => ({
      instruction: question(pair),
      input: '',
      system: pair.system ?? '',
      history: earlier(pair),
      chosen: pair.chosen,
      rejected: pair.rejected,
    })),
  },
  'Alpaca ranking': {
    holds: 'turn',
    flat: false,
    write: perPair((pair) => ({ instruction: question(pair), input: '', output: [pair.chosen, pair.rejected] })),
  },
  'LLaMA-Factory, v1': {
    holds: 'turns',
    flat: false,
    write: perPair((pair) => {
      const parts = (messages: readonly { role: string; content: string }[]) =>
        messages.map(({ role, content }) => ({ role, content: [{ type: 'text', value: content }] }));
      return {
        chosen_messages: parts([...prompt(pair), answer(pair.chosen)]),
        rejected_messages: parts([...prompt(pair), answer(pair.rejected)]),
      };
    }),
  },
  'OpenAI preference': {
    holds: 'turns',
    flat: false,
    write: perPair((pair) => ({
      input: { messages: prompt(pair), tools: [], parallel_tool_calls: true },
      preferred_output: [answer(pair.chosen)],
      non_preferred_output: [answer(pair.rejected)],
    })),
  },
  'Amazon Nova': {
    holds: 'turns',
    flat: false,
    write: perPair((pair, draw) => ({
      schemaVersion: 'bedrock-conversation-2024',
      ...(pair.system !== undefined && { system: [{ text: pair.system }] }),
      messages: [
        ...pair.turns.map((text, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: [{ text }] })),
        {
          role: 'assistant',
          candidates: draw.shuffled([
            { content: [{ text: pair.chosen }], preferenceLabel: 'preferred' },
            { content: [{ text: pair.rejected }], preferenceLabel: 'non-preferred' },
          ]),
        },
      ],
    })),
  },
  Gemini: {
    holds: 'turns',
    flat: false,
    write: perPair((pair, draw) => {
      const turn = (role: string, text: string) => ({ role, parts: [{ text }] });
      return {
        ...(pair.system !== undefined && { systemInstruction: { role: 'system', parts: [{ text: pair.system }] } }),
        contents: pair.turns.map((text, index) => turn(index % 2 === 0 ? 'user' : 'model', text)),
        completions: draw.shuffled([
          { score: 1.0, completion: turn('model', pair.chosen) },
          { score: 0.0, completion: turn('model', pair.rejected) },
        ]),
      };
    }),
  },
  'ms-swift': {
    holds: 'turns',
    flat: true,
    write: perPair((pair) => ({ messages: [...prompt(pair), answer(pair.chosen)], rejected_response: pair.rejected })),
  },
  torchtune: {
    holds: 'turns',
    flat: true,
    write: perPair((pair) => ({
      chosen_conversations: [...prompt(pair), answer(pair.chosen)],
      rejected_conversations: [...prompt(pair), answer(pair.rejected)],
    })),
  },
  'NeMo-RL': {
    holds: 'turns',
    flat: false,
    write: perPair((pair, draw) => ({
      context: prompt(pair),
      completions: draw.shuffled([
        { rank: 0, completion: [answer(pair.chosen)] },
        { rank: 1, completion: [answer(pair.rejected)] },
      ]),
    })),
  },
  'distilabel, math': {
    holds: 'turn',
    flat: true,
    write: perPair((pair) => ({
      metadata: 'm',
      instruction: question(pair),
      chosen_response: pair.chosen,
      chosen_rating: 4,
      rejected_response: pair.rejected,
      rejected_rating: 2,
    })),
  },
  'HH-RLHF': {
    holds: 'talk',
    flat: true,
    trims: true,
    write: perPair((pair) => {
      const dialogue = (last: string): string =>
        [...pair.turns, last].map((text, index) => `\n\n${index % 2 === 0 ? 'Human' : 'Assistant'}: ${text}`).join('');
      return { chosen: dialogue(pair.chosen), rejected: dialogue(pair.rejected) };
    }),
  },
  Nectar: {
    holds: 'turn',
    flat: false,
    trims: true,
    write: manyAnswers((pair, answers, goodness) => {
      const places = ranks(goodness);
      return {
        prompt: `\n\nHuman: ${question(pair)}\n\nAssistant: `,
        answers: answers.map((text, index) => ({ answer: text, model: `m${index}`, rank: places[index] })),
        turns: 1,
        num_responses: answers.length,
        source: ['x'],
        good_natured: true,
      };
    }),
  },
  UltraFeedback: {
    holds: 'turn',
    flat: false,
    write: manyAnswers((pair, answers, goodness) => ({
      source: 'evol',
      instruction: question(pair),
      models: answers.map((_, index) => `m${index}`),
      completions: answers.map((text, index) => ({
        model: `m${index}`,
        response: text,
        overall_score: goodness[index],
        custom_system_prompt: 's',
      })),
    })),
  },
  'scores beside': {
    holds: 'turn',
    flat: false,
    write: manyAnswers((pair, answers, goodness, draw) => {
      const better = draw.of(['scores', 'ratings', 'rewards']);
      const text = draw.coin();
      return {
        prompt: question(pair),
        [draw.of(['responses', 'completions', 'generations'])]: answers,
        [better]: text ? goodness.map(String) : goodness,
      };
    }),
  },
  'ranks beside': {
    holds: 'turn',
    flat: false,
    write: manyAnswers((pair, answers, goodness) => ({
      query: question(pair),
      responses: answers,
      rank: undefined,
      ranks: ranks(goodness),
    })),
  },
  'scores inside': {
    holds: 'turns',
    flat: false,
    write: manyAnswers((pair, answers, goodness, draw) => {
      const places = ranks(goodness);
      const mark = draw.of(['score', 'rank', 'reward']);
      return {
        prompt: prompt(pair),
        responses: answers.map((text, index) => ({ text, [mark]: mark === 'rank' ? places[index] : goodness[index] })),
      };
    }),
  },
  'marks inside': {
    holds: 'turn',
    flat: false,
    write: perPair((pair, draw) => {
      const [name, yes, no] = draw.of<readonly [string, unknown, unknown]>([
        ['label', 'chosen', 'rejected'],
        ['selected', true, false],
        ['is_preferred', 1, 0],
        ['label', 'good', 'bad'],
      ]);
      return {
        prompt: question(pair),
        responses: draw.shuffled([
          { text: pair.chosen, [name]: yes },
          { text: pair.rejected, [name]: no },
        ]),
      };
    }),
  },
  'named score': {
    holds: 'turn',
    flat: false,
    write: manyAnswers(
      (pair, answers, goodness) => ({
        prompt: question(pair),
        responses: answers,
        toxicity: goodness.map((value) => 10 - value),
        other: goodness.map((value) => 10 - value),
      }),
      { score: 'toxicity', lowerIsBetter: true },
    ),
  },
  'Stack Exchange': {
    holds: 'turn',
    flat: false,
    write: manyAnswers((pair, answers, goodness) => ({
      qid: 7,
      question: question(pair),
      answers: answers.map((text, index) => ({
        answer_id: index,
        text,
        pm_score: Math.round((goodness[index] ?? 0) * 2),
        selected: false,
      })),
      date: '2020/01/01',
    })),
  },
  HelpSteer: {
    holds: 'turn',
    flat: true,
    write: oneAnswer((pair, text, good) => ({
      prompt: question(pair),
      response: text,
      helpfulness: good === true ? 4 : 1,
      correctness: 3,
      coherence: 4,
      complexity: 1,
      verbosity: good === true ? 1 : 2,
    })),
  },
  KTO: {
    holds: 'turn',
    flat: true,
    write: oneAnswer((pair, text, good) => ({ prompt: question(pair), completion: text, label: good })),
  },
  'KTO, messages': {
    holds: 'turns',
    flat: true,
    write: oneAnswer((pair, text, good) => ({ messages: [...prompt(pair), answer(text)], label: good })),
  },
  'LLaMA-Factory, kto_tag': {
    holds: 'turns',
    flat: true,
    write: oneAnswer((pair, text, good) => ({ messages: [...prompt(pair), answer(text)], kto_tag: good })),
  },
  'reward rows': {
    holds: 'turn',
    flat: true,
    write: oneAnswer((pair, text, good, draw) => ({
      prompt: question(pair),
      [draw.of(['response'])]: text,
      reward: good === true ? 1.25 : -0.5,
    })),
  },
  'A and B': {
    holds: 'turn',
    flat: true,
    write: (pairs, ties, draw) => {
      const [a, b, first, second] = draw.of([
        ['Answer A', 'Answer B', 'A', 'B'],
        ['response_a', 'response_b', 'response_a', 'response_b'],
        ['response_a', 'response_b', 'a', 'b'],
        ['answer_0', 'answer_1', 'answer_0', 'answer_1'],
        ['output_1', 'output_2', 'output_1', 'output_2'],
        ['left_response', 'right_response', 'left', 'right'],
        ['ResponseA', 'ResponseB', 'Response A', 'Response B'],
      ] as const);
      const verdict = draw.of(['winner', 'preference', 'Better', 'choice']);
      const asked = draw.of(['prompt', 'Prompt', 'question', 'instruction']);
      return twoAnswers((pair, x, y, side) => ({
        [asked]: question(pair),
        [a]: x,
        [b]: y,
        [verdict]: winner(side, first, second, 'tie'),
      }))(pairs, ties, draw);
    },
  },
  'A and B, scores': {
    holds: 'turn',
    flat: true,
    write: twoAnswers((pair, a, b, side) => ({
      prompt: question(pair),
      answer_a: a,
      answer_b: b,
      score_a: winner(side, 5, 2, 3),
      score_b: winner(side, 1, 4.5, 3),
    })),
  },
  'A and B, named by the user': {
    holds: 'turn',
    flat: true,
    write: (pairs, ties, draw) => {
      const [asked, a, b, verdict] = draw.shuffled([
        'zeta',
        'chosen',
        'prompt',
        'winner',
        'alpha',
        'rejected',
        'text',
        'label',
      ]);
      const [x, y, even] = draw.shuffled(['7', 'x', 'no', 'chosen', 'A', 'B', 'tie', '1', '0']);
      const [role, one, other, value] = [asked ?? '', a ?? '', b ?? '', verdict ?? ''];
      return twoAnswers(
        (pair, left, right, side) => ({
          [role]: question(pair),
          [one]: left,
          [other]: right,
          [value]: winner(side, x, y, even),
        }),
        {
          format: 'ab',
          columns: { prompt: role, a: one, b: other, verdict: value },
          verdict: { [x ?? '']: 'a', [y ?? '']: 'b', [even ?? '']: 'tie' },
        },
      )(pairs, ties, draw);
    },
  },
  'names by the user': {
    holds: 'turn',
    flat: true,
    write: (pairs, _ties, draw) => {
      const [asked, good, bad] = draw.shuffled([
        'rejected',
        'chosen',
        'prompt',
        'q',
        'x y',
        'Ünï',
        'instruction',
        'response',
      ]);
      const [role, one, other] = [asked ?? '', good ?? '', bad ?? ''];
      return {
        rows: pairs.map((pair) => ({ [role]: question(pair), [one]: pair.chosen, [other]: pair.rejected })),
        options: { columns: { prompt: role, chosen: one, rejected: other } },
      };
    },
  },
  'names in other words': {
    holds: 'turn',
    flat: true,
    write: (pairs, _ties, draw) => {
      const [good, bad] = draw.of([
        ['chosen', 'rejected'],
        ['Chosen', 'Rejected'],
        ['better_answer', 'worse_answer'],
        ['good', 'bad'],
        ['preferred', 'dispreferred'],
        ['response_j', 'response_k'],
        ['accepted_response', 'rejected_response'],
        ['positive', 'negative'],
        ['winning_response', 'losing_response'],
      ] as const);
      const asked = draw.of(['prompt', 'Prompt', 'question', 'query', 'instruction', 'user_prompt']);
      return { rows: pairs.map((pair) => ({ [asked]: question(pair), [good]: pair.chosen, [bad]: pair.rejected })) };
    },
  },
  'several negatives': {
    holds: 'turn',
    flat: false,
    write: perPair((pair) => ({ prompt: question(pair), chosen: pair.chosen, rejected: [pair.rejected] })),
  },
  SHP: {
    holds: 'turn',
    flat: true,
    write: (pairs, _ties, draw) =>
      twoAnswers((pair, a, b, side) => ({
        post_id: 'p',
        domain: 'askculinary_train',
        history: question(pair),
        c_root_id_A: 'x',
        c_root_id_B: 'y',
        score_A: side === 'a' ? 40 : 3,
        score_B: side === 'a' ? 5 : 30,
        human_ref_A: a,
        human_ref_B: b,
        labels: side === 'a' ? 1 : 0,
        seconds_difference: 12,
        score_ratio: 8,
      }))(pairs, [], draw),
  },
  'HelpSteer2 preference': {
    holds: 'turn',
    flat: true,
    write: twoAnswers((pair, a, b, side, draw) => ({
      split: 'train',
      prompt: question(pair),
      response_1: a,
      response_2: b,
      preference_strength: winner(side, -1 - draw.whole(3), 1 + draw.whole(3), 0),
      preference_statement: 'one is better',
      preference_elaboration: 'because',
    })),
  },
  HelpSteer3: {
    holds: 'turns',
    flat: true,
    write: twoAnswers((pair, a, b, side, draw) => ({
      domain: 'general',
      language: 'english',
      context: prompt(pair),
      response1: a,
      response2: b,
      overall_preference: winner(side, -1 - draw.whole(3), 1 + draw.whole(3), 0),
    })),
  },
  'PKU-SafeRLHF': {
    holds: 'turn',
    flat: true,
    write: (pairs, _ties, draw) =>
      twoAnswers((pair, a, b, side, inner) => ({
        prompt: question(pair),
        response_0: a,
        response_1: b,
        is_response_0_safe: inner.coin(),
        is_response_1_safe: inner.coin(),
        better_response_id: side === 'a' ? 0 : 1,
        safer_response_id: inner.whole(2),
      }))(pairs, [], draw),
  },
  'Chatbot Arena, 33k': {
    holds: 'talk',
    flat: true,
    write: twoAnswers((pair, a, b, side, draw) => {
      const turns = prompt({ ...pair, system: undefined });
      return {
        question_id: 'id',
        model_a: 'vicuna',
        model_b: 'koala',
        winner: winner(side, 'model_a', 'model_b', draw.of(['tie', 'tie (bothbad)'])),
        judge: 'arena_user_1',
        conversation_a: [...turns, answer(a)],
        conversation_b: [...turns, answer(b)],
        turn: (turns.length + 1) / 2,
        anony: true,
        language: 'English',
        tstamp: 1682351591.1322,
      };
    }),
  },
  'Chatbot Arena, 55k': {
    holds: 'turn',
    flat: true,
    write: twoAnswers((pair, a, b, side) => ({
      id: 30192,
      model_a: 'x',
      model_b: 'y',
      prompt: JSON.stringify([question(pair)]),
      response_a: JSON.stringify([a]),
      response_b: JSON.stringify([b]),
      winner_model_a: winner(side, 1, 0, 0),
      winner_model_b: winner(side, 0, 1, 0),
      winner_tie: winner(side, 0, 0, 1),
    })),
  },
  WebGPT: {
    holds: 'turn',
    flat: false,
    write: twoAnswers((pair, a, b, side) => ({
      question: { dataset: 'eli5', id: 'x', full_text: question(pair) },
      quotes_0: { title: [], extract: [] },
      answer_0: a,
      tokens_0: { prefix: [], completion: [] },
      score_0: winner(side, 0.66, -0.66, 0),
      quotes_1: { title: [], extract: [] },
      answer_1: b,
      tokens_1: { prefix: [], completion: [] },
      score_1: winner(side, -0.66, 0.66, 0),
    })),
  },
  summarize_from_feedback: {
    holds: 'turn',
    flat: false,
    write: (pairs, _ties, draw) =>
      twoAnswers((pair, a, b, side) => ({
        info: { id: 't3', post: question(pair), title: null, subreddit: null, site: null, article: null },
        summaries: [
          { text: a, policy: 'sup1', note: null },
          { text: b, policy: 'sup2', note: null },
        ],
        choice: side === 'a' ? 0 : 1,
        worker: 'w',
        batch: 'b',
        split: 'train',
        extra: { confidence: null },
      }))(pairs, [], draw),
  },
  'Unified-Feedback': {
    holds: 'talk',
    flat: true,
    write: twoAnswers((pair, a, b, side) => ({
      id: 'x',
      conv_A: [...prompt({ ...pair, system: undefined }), answer(a)],
      conv_B: [...prompt({ ...pair, system: undefined }), answer(b)],
      conv_A_rating: winner(side, 1, 0, 0),
      conv_B_rating: winner(side, 0, 1, 0),
      num_turns: 1,
      source: 's',
    })),
  },
  AlpacaFarm: {
    holds: 'turn',
    flat: true,
    write: twoAnswers((pair, a, b, side) => ({
      instruction: question(pair),
      input: '',
      output_1: a,
      output_2: b,
      preference: winner(side, 1, 2, 1.5),
      raw_preference: 1,
    })),
  },
  Prometheus: {
    holds: 'turn',
    flat: true,
    write: (pairs, _ties, draw) =>
      twoAnswers((pair, a, b, side) => ({
        orig_criteria: 'Is it good?',
        orig_preference: side === 'a' ? 'A' : 'B',
        orig_instruction: question(pair),
        orig_reference_answer: 'reference',
        orig_response_A: a,
        orig_response_B: b,
        orig_score_A: side === 'a' ? '5' : '2',
        orig_score_B: side === 'a' ? '3' : '4',
        orig_feedback: 'feedback',
        instruction: '###Task Description:',
        output: 'So [RESULT] A',
        input: '',
      }))(pairs, [], draw),
  },
  'Vertex AI, RLHF': {
    holds: 'turn',
    flat: true,
    write: (pairs, _ties, draw) =>
      twoAnswers((pair, a, b, side) => ({
        input_text: question(pair),
        candidate_0: a,
        candidate_1: b,
        choice: side === 'a' ? 0 : 1,
      }))(pairs, [], draw),
  },
  'OASST messages': {
    holds: 'turn',
    flat: true,
    write: (pairs, _ties, draw) => ({
      rows: draw.shuffled(
        pairs.flatMap((pair, index) => [
          {
            message_id: `${index}p`,
            parent_id: null,
            message_tree_id: `${index}p`,
            role: 'prompter',
            text: question(pair),
            lang: 'en',
            rank: null,
          },
          {
            message_id: `${index}a`,
            parent_id: `${index}p`,
            message_tree_id: `${index}p`,
            role: 'assistant',
            text: pair.chosen,
            lang: 'en',
            rank: 0,
          },
          {
            message_id: `${index}b`,
            parent_id: `${index}p`,
            message_tree_id: `${index}p`,
            role: 'assistant',
            text: pair.rejected,
            lang: 'en',
            rank: 1,
          },
        ]),
      ),
    }),
  },
  'OASST trees': {
    holds: 'turn',
    flat: false,
    write: perPair((pair, draw) => ({
      message_tree_id: 'x',
      tree_state: 'ready_for_export',
      prompt: {
        message_id: 'p',
        text: question(pair),
        role: 'prompter',
        lang: 'en',
        replies: draw.shuffled([
          { message_id: 'a', parent_id: 'p', text: pair.chosen, role: 'assistant', rank: 0, replies: [] },
          { message_id: 'b', parent_id: 'p', text: pair.rejected, role: 'assistant', rank: 1, replies: [] },
        ]),
      },
    })),
  },
  'Argilla 1': {
    holds: 'turn',
    flat: false,
    write: twoAnswers((pair, a, b, side) => ({
      prompt: question(pair),
      response1: a,
      response2: b,
      preference: [
        {
          user_id: 'u',
          value: { rank: winner(side, [1, 2], [2, 1], [1, 1]), value: ['response1', 'response2'] },
          status: 'submitted',
        },
      ],
    })),
  },
  'Argilla 2 records': {
    holds: 'turn',
    flat: false,
    write: (pairs, _ties, draw) =>
      twoAnswers((pair, a, b, side) => ({
        id: 'x',
        status: 'completed',
        fields: { instruction: question(pair), response1: a, response2: b },
        metadata: {},
        suggestions: {},
        responses: { preference: [{ value: side === 'a' ? 'response1' : 'response2', user_id: 'u' }] },
      }))(pairs, [], draw),
  },
  'Label Studio': {
    holds: 'turn',
    flat: false,
    write: (pairs, _ties, draw) =>
      twoAnswers((pair, a, b, side) => ({
        id: 1,
        data: { prompt: question(pair), answer1: a, answer2: b },
        annotations: [
          {
            id: 2,
            was_cancelled: false,
            result: [
              {
                type: 'pairwise',
                from_name: 'pw',
                to_name: 'answer1,answer2',
                value: { selected: side === 'a' ? 'left' : 'right' },
              },
            ],
          },
        ],
      }))(pairs, [], draw),
  },
  'Label Studio, short': {
    holds: 'turn',
    flat: true,
    write: (pairs, _ties, draw) =>
      twoAnswers((pair, a, b, side) => ({
        prompt: question(pair),
        answer1: a,
        answer2: b,
        comparison: side === 'a' ? 'left' : 'right',
        annotator: 1,
        annotation_id: 3,
      }))(pairs, [], draw),
  },
};
