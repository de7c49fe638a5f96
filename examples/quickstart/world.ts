/** The miniature world of the quickstart: built by py_backend/miniature (Python) from seeds, once, then cached. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/** A held-out question and the one answer that is right. */
export interface Question {
  readonly prompt: string;
  readonly skill: string;
  readonly answer: string;
}

export interface World {
  readonly folder: string;
  /** Hugging Face folders. */
  readonly models: { readonly llama: string; readonly mistral: string; readonly qwen: string };
  /** Preference files, JSON lines. */
  readonly train: string;
  readonly heldOut: string;
  /** The held-out prompts, each once. */
  readonly questions: readonly Question[];
  /** Every word that is the answer of some question of the world. */
  readonly answerWords: ReadonlySet<string>;
}

/** Folder of the world, made on first use: three small models are pre-trained, about 20 s each on one core. */
export async function openWorld(cache: string, signal: AbortSignal): Promise<World> {
  const folder = await build(cache, signal);
  const [train, heldOut] = [join(folder, 'train.jsonl'), join(folder, 'held-out.jsonl')];
  const questions = await readQuestions(heldOut);
  const answerWords = new Set([...questions, ...(await readQuestions(train))].map(({ answer }) => answer));
  const unique = [...new Map(questions.map((question) => [question.prompt, question])).values()];
  const models = { llama: join(folder, 'llama'), mistral: join(folder, 'mistral'), qwen: join(folder, 'qwen') };
  return { folder, models, train, heldOut, questions: unique, answerWords };
}

function build(cache: string, signal: AbortSignal): Promise<string> {
  const python = process.env['MRPO_PYTHON'] ?? join(projectRoot, '.venv', 'bin', 'python');
  return new Promise((done, fail) => {
    const child = spawn(python, ['-m', 'py_backend.miniature', cache], {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
      signal,
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    child.on('error', fail);
    child.on('close', (code) => {
      const folder = printed.trim().split('\n').at(-1);
      if (code === 0 && folder) done(folder);
      else fail(new Error(`building the world failed with code ${code}; what it said is above`));
    });
  });
}

async function readQuestions(file: string): Promise<readonly Question[]> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return lines.map((line) => {
    const { prompt, skill, answer } = JSON.parse(line) as Omit<Question, 'prompt'> & {
      prompt: readonly { content: string }[];
    };
    return { prompt: prompt.map(({ content }) => content).join('\n'), skill, answer };
  });
}
