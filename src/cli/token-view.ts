/** How one model sees preference pairs: token counts, what is cut or cannot be used, and the text with its special tokens. */
import type { Backend, ModelSpec, RowFacts, TokenRule } from '../backend/backend.js';
import { dropReasons } from '../data/drop-counter.js';
import type { PreferencePair } from '../data/pair.js';
import { quantilesOf, type Quantiles } from '../data/quantiles.js';

/** Facts about the tokens of some pairs under one model. Quantiles are in tokens. */
export interface TokenView {
  readonly model: string;
  readonly rule: TokenRule;
  /** Pairs that were tokenised: the first of the file. */
  readonly pairs: number;
  readonly tokens: { readonly prompt: Quantiles; readonly chosen: Quantiles; readonly rejected: Quantiles };
  /** Pairs of which something was cut. */
  readonly truncated: number;
  /** Pairs whose tokenizer merges across the end of the prompt; their tokens were split there. */
  readonly boundarySplit: number;
  /** Pairs that cannot be scored, by reason. */
  readonly unusable: Readonly<Record<string, number>>;
  /** Pairs of whose prompt the chat template leaves something out, by kind. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** The first pairs as the model sees them. */
  readonly samples: readonly RowFacts[];
}

function countOf(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Object.fromEntries(counts);
}

/** Without a limit of its own, that of configurations or of the model. */
export type ViewRule = Omit<TokenRule, 'maxLength'> & { readonly maxLength?: number | undefined };

const DEFAULT_MAX_LENGTH = 1024;

/** Tokenises pairs with a model of the backend; the model is unloaded again. */
export async function viewTokens(
  backend: Backend,
  model: ModelSpec,
  pairs: readonly PreferencePair[],
  asked: ViewRule,
  samples: number,
  signal: AbortSignal,
): Promise<TokenView> {
  const { handle, contextLength } = await backend.loadModel(model, { signal });
  const rule = { ...asked, maxLength: asked.maxLength ?? Math.min(DEFAULT_MAX_LENGTH, contextLength || Infinity) };
  try {
    const { rows } = await backend.registerRows(handle, pairs, rule, { signal });
    const shown = await backend.registerRows(
      handle,
      pairs.slice(0, samples),
      { ...rule, returnTokens: true },
      { signal },
    );
    const usable = rows.filter((row) => row.unusable === undefined);
    const reasons = rows.flatMap(({ unusable }, index) => (unusable === undefined ? [] : [{ line: index, unusable }]));
    const unusable = dropReasons(reasons.map(({ line, unusable: reason }) => ({ line, reason })));
    return {
      model: model.source,
      rule,
      pairs: rows.length,
      tokens: {
        prompt: quantilesOf(usable.map((row) => row.promptTokens)),
        chosen: quantilesOf(usable.map((row) => row.chosenTokens)),
        rejected: quantilesOf(usable.map((row) => row.rejectedTokens)),
      },
      truncated: usable.filter((row) => row.truncatedPrompt || row.truncatedChosen || row.truncatedRejected).length,
      boundarySplit: usable.filter((row) => row.boundarySplit).length,
      unusable: Object.fromEntries(unusable.map(({ reason, count }) => [reason, count])),
      leftOut: countOf(usable.flatMap((row) => row.leftOut ?? [])),
      samples: shown.rows,
    };
  } finally {
    await backend.unloadModel(handle);
  }
}
