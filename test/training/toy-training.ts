/** A small training problem on the in-memory backend, with every call at the seam written down. */
import { SIDES, eachSide, type Side, type Sides } from '../../src/core/sides.js';
import { createMemoryBackend, type MemoryBackendOptions } from '../../src/backend/memory.js';
import type { Backend, CommitRequest, ForwardRequest, PairText, Trainer } from '../../src/backend/backend.js';
import { loadConfig } from '../../src/config/index.js';
import { createObjective } from '../../src/objectives/create-objective.js';
import type { Objective } from '../../src/objectives/objective.js';
import type { Examples } from '../../src/training/examples.js';

export interface ToyTraining {
  readonly backend: Backend;
  readonly trainer: Trainer;
  readonly examples: Examples;
  readonly objective: Objective;
  readonly rowSet: string;
  readonly model: string;
  readonly calls: {
    readonly forwards: ForwardRequest[];
    readonly gradients: Map<number, readonly [number, number]>;
    readonly commits: CommitRequest[];
    readonly aborts: number[];
  };
}

/** Pairs of different lengths. */
export function toyPairs(count: number): PairText[] {
  return Array.from({ length: count }, (_, i) => ({
    prompt: [{ role: 'user', content: `question ${i % 5}` }],
    chosen: [{ role: 'assistant', content: `yes${' and so on'.repeat(i % 4)}` }],
    rejected: [{ role: 'assistant', content: `no${' never'.repeat(i % 3)} ${i}` }],
    plain: false,
  }));
}

export async function toyTraining(
  options: {
    pairs?: number;
    memory?: MemoryBackendOptions;
    objective?: object;
    wrap?: (trainer: Trainer) => Trainer;
    pairTexts?: PairText[];
  } = {},
): Promise<ToyTraining> {
  const backend = createMemoryBackend(options.memory);
  const texts = options.pairTexts ?? toyPairs(options.pairs ?? 12);
  const { config } = loadConfig({
    object: {
      policy: { model: 'toy:policy' },
      references: [{ model: 'policy' }, { model: 'toy:other' }],
      data: { train: 'x' },
      objective: options.objective ?? {},
    },
    env: {},
  });
  const rule = { maxLength: 200, truncation: 'keep_start', template: 'chat' } as const;
  const policy = await backend.loadModel({ source: 'toy:policy' });
  const { handle: rowSet, rows } = await backend.registerRows(policy.handle, texts, rule);
  const column = (valueOf: (index: number) => number): Float64Array =>
    Float64Array.from(texts, (_, index) => valueOf(index));
  const references = [];
  for (const source of ['toy:policy', 'toy:other']) {
    const model = await backend.loadModel({ source });
    const set = await backend.registerRows(model.handle, texts, rule);
    const logps = eachSide(() => new Float64Array(texts.length));
    for await (const chunk of backend.score(set.handle, { rows: texts.map((_, index) => index) })) {
      chunk.rows.forEach((row, i) => {
        for (const side of SIDES) logps[side][row] = chunk.logps[side][i] ?? NaN;
      });
    }
    references.push(
      eachSide((side) => ({ logps: logps[side], tokens: column((i) => set.rows[i]?.[`${side}Tokens`] ?? 0) })),
    );
  }
  const bytes = (side: Side): Float64Array => column((i) => texts[i]?.[side][0]?.content.length ?? 0);
  const examples: Examples = {
    size: texts.length,
    rows: texts.map((_, index) => index),
    names: texts.map((_, index) => `toys.jsonl row ${index + 1}`),
    promptTokens: column((i) => rows[i]?.promptTokens ?? 0),
    responseTokens: eachSide((side) => column((i) => rows[i]?.[`${side}Tokens`] ?? 0)),
    responseBytes: eachSide(bytes),
    references,
  };
  const calls: ToyTraining['calls'] = { forwards: [], gradients: new Map(), commits: [], aborts: [] };
  const trainer = await backend.createTrainer(policy.handle, rowSet, {
    lora: { r: 4, alpha: 8 },
    checkpointing: 'off',
  });
  return {
    backend,
    trainer: (options.wrap ?? ((it) => it))(recording(trainer, calls)),
    examples,
    objective: await createObjective(config.objective, { references: 2 }),
    rowSet,
    model: policy.handle,
    calls,
  };
}

/** Writes down what passes; the work is the real trainer's. */
function recording(trainer: Trainer, calls: ToyTraining['calls']): Trainer {
  const rowsOf = new Map<number, readonly number[]>();
  return {
    ...trainer,
    async forward(request) {
      calls.forwards.push(request);
      rowsOf.set(request.microBatch, request.rows);
      return trainer.forward(request);
    },
    async backward(step, microBatch, gradients) {
      rowsOf
        .get(microBatch)
        ?.forEach((row, i) => calls.gradients.set(row, [gradients.chosen[i] ?? NaN, gradients.rejected[i] ?? NaN]));
      return trainer.backward(step, microBatch, gradients);
    },
    async commit(request) {
      calls.commits.push(request);
      return trainer.commit(request);
    },
    async abort(step) {
      calls.aborts.push(step);
      return trainer.abort(step);
    },
  };
}

/** The policy's log-probs of now. */
export async function logpsOf({ backend, rowSet, examples }: ToyTraining): Promise<Sides<Float64Array>> {
  const logps = eachSide(() => new Float64Array(examples.size));
  for await (const chunk of backend.score(rowSet, { rows: examples.rows })) {
    chunk.rows.forEach((row, i) => {
      for (const side of SIDES) logps[side][row] = chunk.logps[side][i] ?? NaN;
    });
  }
  return logps;
}
