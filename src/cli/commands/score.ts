/** `mrpo score`: the references of a configuration, scored into the cache. */
import type { Command } from 'commander';
import { durationText } from '../../core/quantities.js';
import { largest } from '../../core/extremes.js';
import type { PreferencePair } from '../../data/pair.js';
import {
  scoreReferences,
  unusablePairs,
  type ReferenceScores,
  type ScoringEvent,
  type WorkProgress,
} from '../../references/index.js';
import { collect, printJson, type CliIo } from '../command.js';
import { type ProgressDisplay } from '../progress.js';
import { withScoringInputs } from '../scoring-inputs.js';

interface ScoreOptions {
  readonly set: readonly string[];
  readonly backend?: string;
  readonly withPolicy?: boolean;
  readonly json?: boolean;
}

/** Unusable pairs shown per reference; --json has them all. */
const SHOWN_UNUSABLE = 10;

/** Adds `mrpo score`; a model whose pairs are all in the cache is not loaded. */
export function registerScore(program: Command, io: CliIo): void {
  program
    .command('score')
    .description(
      'Score every reference of a configuration on its pairs, once: log-probs go to the cache and stay there.',
    )
    .argument('<config>', 'configuration file (YAML or JSON)')
    .option('--set <key=value>', 'override a setting; may be given again', collect, [])
    .option('--with-policy', "also score the policy's start where it is not among the references")
    .option(
      '--backend <address>',
      'a running backend (host:port or unix:/path); default: MRPO_BACKEND, else one is started',
    )
    .option('--json', 'print one JSON object on standard output')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
Nothing is scored twice: changed settings of objective or training score nothing, a new reference scores only itself, new
pairs only themselves. It may be stopped at any moment and run again.

Example:
  $ npx mrpo score my-run.yaml
  $ npx mrpo score my-run.yaml --set data.max_length=512 --json
`,
    )
    .action((file: string, options: ScoreOptions) =>
      withScoringInputs(io, file, options, async ({ config, pairs, cache, backend }) => {
        const started = performance.now();
        const progress = io.progress('scoring references');
        const onEvent = (event: ScoringEvent, work?: WorkProgress): void => showEvent(progress, event, work);
        try {
          const scores = await scoreReferences({
            config,
            pairs,
            backend: await backend.open(),
            cache,
            withPolicy: options.withPolicy,
            signal: io.signal,
            onEvent,
          });
          progress.stop();
          const seconds = (performance.now() - started) / 1000;
          if (options.json === true) printJson(io, resultJson(scores, pairs, seconds, cache.path));
          else io.out(resultText(scores, pairs, seconds, cache.path));
        } finally {
          progress.stop();
        }
      }),
    );
}

function showEvent(progress: ProgressDisplay, event: ScoringEvent, work: WorkProgress | undefined): void {
  switch (event.kind) {
    case 'scored': {
      const { share = event.done / event.total, total = event.total } = work ?? {};
      // In units of work, so that the time left is right when a larger model is still to come.
      progress.update(Math.round(share * total), total, `${event.model} ${event.done}/${event.total}`);
      break;
    }
    case 'loading':
      progress.update(0, 0, `${event.model}: ${event.stage}`);
      break;
    case 'waiting':
      progress.update(0, 0, `${event.model}: process ${event.holder.process} is scoring it; waiting for its rows`);
      break;
    case 'identified':
    case 'loaded':
    case 'shared':
    case 'helper_lost':
      break;
  }
}

function resultJson(
  { references, usable }: ReferenceScores,
  pairs: readonly PreferencePair[],
  seconds: number,
  cache: string,
): unknown {
  const total = (part: 'scored' | 'cached'): number => references.reduce((sum, { counts }) => sum + counts[part], 0);
  return {
    pairs: pairs.length,
    usable: usable.length,
    scored: total('scored'),
    cached: total('cached'),
    seconds,
    cache,
    references: references.map((reference) => ({
      name: reference.name,
      model: reference.source,
      scored: reference.counts.scored,
      cached: reference.counts.cached,
      unusable: unusablePairs(reference, pairs).map(({ line, reason }) => ({ line, reason })),
      identity: reference.identity,
    })),
  };
}

function resultText(
  { references, usable }: ReferenceScores,
  pairs: readonly PreferencePair[],
  seconds: number,
  cache: string,
): string {
  const width = largest(references.map(({ name }) => name.length));
  const lines = references.flatMap((reference) => {
    const { name, counts } = reference;
    const unusable = unusablePairs(reference, pairs);
    return [
      `  ${name.padEnd(width)}  ${String(counts.scored).padStart(7)} scored  ${String(counts.cached).padStart(7)} from the cache  ${String(unusable.length).padStart(6)} unusable`,
      ...unusable.slice(0, SHOWN_UNUSABLE).map(({ line, reason }) => `      row ${line}: ${reason}`),
      ...(unusable.length > SHOWN_UNUSABLE
        ? [`      and ${unusable.length - SHOWN_UNUSABLE} more; --json names them all`]
        : []),
    ];
  });
  return `${[`${pairs.length} pairs, ${usable.length} usable under all references, ${durationText(seconds)}`, ...lines, `cache: ${cache}`].join('\n')}\n`;
}
