/** Text from a model or from what a run trained. */
import type { Generation, Message, ModelSpec, Progress } from '../backend/backend.js';
import { modelOf } from './run-model.js';
import { withBackend, type BackendChoice } from './with-backend.js';

/** Which model answers which prompts. */
export interface GenerateRequest extends BackendChoice {
  /** A run folder, a model folder, a hub id, a `.gguf` file, or a whole model description. */
  readonly model: string | ModelSpec;
  /** A text is a user's message, or the beginning of a text with `plain`. */
  readonly prompts: readonly (string | readonly Message[])[];
  /** Use texts as they are, without the chat template. Default false. */
  readonly plain?: boolean | undefined;
  /** Default 256. */
  readonly maxNewTokens?: number | undefined;
  /** 0 = greedy, the default. */
  readonly temperature?: number | undefined;
  /** Sample from the most likely tokens that together have this probability. Default 1. */
  readonly topP?: number | undefined;
  /** Of sampling. Default 0. */
  readonly seed?: number | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Answers of a model, one per prompt, in the order of the prompts.
 * @example
 * const [answer] = await generate({ model: 'runs/mine', prompts: ['How do I boil an egg?'] });
 * console.log(answer?.text);
 */
export async function generate(request: GenerateRequest): Promise<readonly Generation[]> {
  const { signal, onProgress, plain = false } = request;
  const spec = await modelOf(request.model);
  return withBackend(request, async (open) => {
    const backend = await open();
    const { handle } = await backend.loadModel(spec, { signal, onProgress });
    try {
      const prompts = request.prompts.map((prompt) => ({
        messages: typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt,
        plain,
      }));
      const answers: Generation[] = [];
      const { maxNewTokens = 256, temperature, topP, seed } = request;
      for await (const answer of backend.generate(handle, prompts, {
        maxNewTokens,
        temperature,
        topP,
        seed,
        signal,
        onProgress,
      })) {
        answers.push(answer);
      }
      return answers.sort((a, b) => a.index - b.index);
    } finally {
      await backend.unloadModel(handle).catch(() => undefined); // the first error is the one that matters
    }
  });
}
