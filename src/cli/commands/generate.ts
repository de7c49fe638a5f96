/** `mrpo generate`: text from a model or from what a run trained. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { ModelSpec, Quantization } from '../../backend/backend.js';
import { MrpoError } from '../../core/errors.js';
import { generate, modelOf } from '../../sdk/index.js';
import { collect, printJson, type CliIo } from '../command.js';

interface GenerateCommandOptions {
  readonly prompt: readonly string[];
  readonly system?: string;
  readonly plain?: boolean;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly maxNewTokens: number;
  readonly adapter?: string;
  readonly quantization?: Quantization;
  readonly chatTemplate?: string;
  readonly revision?: string;
  readonly backend?: string;
  readonly json?: boolean;
}

/** Adds `mrpo generate`; prompts come from `--prompt`, else one from standard input. */
export function registerGenerate(program: Command, io: CliIo): void {
  program
    .command('generate')
    .description('Text from a model or from a run: greedy, or sampled with --temperature.')
    .argument('<model-or-run>', 'run folder, model folder, hub id or .gguf file')
    .option('--prompt <text>', "a user's message; may be given again. Default: standard input", collect, [])
    .option('--system <text>', 'a system message before each prompt')
    .option('--plain', 'continue the text as it is, without the chat template')
    .option('--temperature <number>', '0 = greedy', numberIn(0, 100), 0)
    .option('--top-p <share>', 'sample from the most likely tokens of this total probability', numberIn(0, 1), 1)
    .option('--seed <integer>', 'of sampling', integerFrom(0), 0)
    .option('--max-new-tokens <integer>', 'longest answer', integerFrom(1), 256)
    .option('--adapter <folder>', 'PEFT adapter on top of a model')
    .option('--quantization <kind>', 'none, nf4 or int8', oneOf(['none', 'nf4', 'int8']))
    .option('--chat-template <jinja>', "in place of the tokenizer's own")
    .option('--revision <name>', 'branch, tag or commit of a hub id')
    .option(
      '--backend <address>',
      'a running backend (host:port or unix:/path); default: MRPO_BACKEND, else one is started',
    )
    .option('--json', 'print one JSON object: {"answers": [{"prompt", "text", "tokens", "finished"}]}')
    .addHelpText(
      'after',
      `
Examples:
  $ npx mrpo generate runs/my-run --prompt "How do I boil an egg?"
  $ echo "Once upon a time" | npx mrpo generate ./models/base --plain --temperature 0.8 --seed 7
`,
    )
    .action(async (source: string, options: GenerateCommandOptions) => {
      const prompts = options.prompt.length > 0 ? options.prompt : [(await io.readStdin()).trimEnd()];
      if (prompts.some((prompt) => prompt === '')) {
        throw new MrpoError('usage', 'the prompt is empty', { hint: 'Give --prompt TEXT, or text on standard input.' });
      }
      if (options.system !== undefined && options.plain === true)
        throw new MrpoError('usage', '--system needs the chat template; it cannot go with --plain');
      const progress = io.progress('generating');
      const answers = await generate({
        model: await modelSpec(source, options, io),
        prompts: prompts.map((prompt) =>
          options.system === undefined
            ? prompt
            : [
                { role: 'system', content: options.system },
                { role: 'user', content: prompt },
              ],
        ),
        plain: options.plain,
        maxNewTokens: options.maxNewTokens,
        temperature: options.temperature,
        topP: options.topP,
        seed: options.seed,
        backendAddress: options.backend,
        env: io.env,
        signal: io.signal,
        onProgress: ({ stage, done, total }) => progress.update(done, total, stage),
      });
      progress.stop();
      if (options.json === true) {
        const shown = answers.map(({ index, text, tokens, finished }) => ({
          prompt: prompts[index],
          text,
          tokens,
          finished,
        }));
        return printJson(io, { answers: shown });
      }
      for (const { index, text } of answers)
        io.out(prompts.length > 1 ? `> ${prompts[index]}\n${text}\n\n` : `${text}\n`);
    });
}

/** A path that exists is meant as a path; anything else may be a hub id. Flags win over what a run was configured with. */
async function modelSpec(source: string, options: GenerateCommandOptions, io: CliIo): Promise<ModelSpec> {
  const path = resolve(io.cwd, source);
  const spec = await modelOf(existsSync(path) ? path : source);
  const { adapter, quantization, chatTemplate, revision } = options;
  return {
    ...spec,
    ...(adapter !== undefined && { adapter }),
    ...(quantization !== undefined && { quantization }),
    ...(chatTemplate !== undefined && { chatTemplate }),
    ...(revision !== undefined && { revision }),
  };
}

const numberIn =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high))
      throw new InvalidArgumentError(`expected a number from ${low} to ${high}`);
    return value;
  };

const integerFrom =
  (low: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < low)
      throw new InvalidArgumentError(`expected a whole number from ${low}`);
    return value;
  };

const oneOf =
  <T extends string>(values: readonly T[]) =>
  (text: string): T => {
    const found = values.find((value) => value === text);
    if (found === undefined) throw new InvalidArgumentError(`expected one of ${values.join(', ')}`);
    return found;
  };
