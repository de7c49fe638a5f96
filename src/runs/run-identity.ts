/**
 * What a run's numbers rest on, by content and not by name: kept in each checkpoint and compared before one is gone on
 * from. Another policy, reference, pair or setting that decides the result is refused by its name.
 */
import { readFileSync } from 'node:fs';
import type { ModelIdentity } from '../backend/backend.js';
import type { RunConfig } from '../config/index.js';
import { readingOf } from '../backend/numeric-path.js';
import { MrpoError } from '../core/errors.js';
import { contentHash, sha256 } from '../core/hash.js';
import type { PreferencePair } from '../data/index.js';
import type { ScoringKey } from '../references/index.js';
import type { BuiltExamples } from './build-examples.js';

/** Hashes (SHA-256) and settings that decide a run's numbers. */
export interface RunIdentity {
  readonly policy: ModelIdentity;
  readonly references: readonly {
    readonly name: string;
    readonly key: ScoringKey;
  }[];
  readonly pairs: { readonly training: PairsIdentity; readonly heldOut: PairsIdentity };
  /** Of the file of `objective.module`; empty without one. */
  readonly lossModule: string;
  /** Settings that decide the result, by their dotted names. */
  readonly settings: Readonly<Record<string, unknown>>;
}

interface PairsIdentity {
  readonly count: number;
  /** Of the pairs' texts, in the order of training. */
  readonly hash: string;
}

/** What may change from one attempt to the next: how long, how often, where to; or what is compared by content. */
const FREE_SETTINGS: readonly string[] = [
  '$schema',
  'preset',
  'output',
  'generate',
  'policy.model',
  'policy.revision',
  'policy.adapter',
  'policy.gradient_checkpointing',
  'references',
  'data.train',
  'data.eval',
  'data.format',
  'data.columns',
  'data.strict',
  'objective.module',
  'training.epochs',
  'training.max_steps',
  'training.micro_batch_tokens',
  'training.eval_steps',
  'training.logging_steps',
  'training.save_steps',
  'training.save_total_limit',
  'training.metric_for_best_model',
  'training.load_best_model_at_end',
  'training.early_stopping_patience',
  'training.max_seconds',
  'training.on_divergence',
];

/** What the identity is computed from. */
export interface IdentitySources {
  readonly config: RunConfig;
  readonly policy: ModelIdentity;
  readonly references: readonly { readonly name: string; readonly key: ScoringKey }[];
  readonly examples: BuiltExamples;
  /** Training pairs, then held-out pairs: what the examples' rows index. */
  readonly pairs: readonly PreferencePair[];
}

/** The identity of a run that has been prepared. */
export function runIdentity({ config, policy, references, examples, pairs }: IdentitySources): RunIdentity {
  const pairsOf = (rows: readonly number[]): PairsIdentity => ({
    count: rows.length,
    hash: contentHash(rows.map((row) => pairs[row]?.id)),
  });
  return {
    policy,
    references: references.map(({ name, key }) => ({ name, key })),
    pairs: { training: pairsOf(examples.train.rows), heldOut: pairsOf(examples.heldOut.rows) },
    lossModule: moduleHash(config.objective.module),
    settings: Object.fromEntries(decidingSettings(config, '')),
  };
}

/**
 * Compares the run of a checkpoint with the one that wants to continue from it.
 * @returns what is worth telling of a change that is allowed.
 * @throws MrpoError `config` that names everything that is not.
 */
export function requireSameRun(kept: RunIdentity, now: RunIdentity): readonly string[] {
  const changes = [
    ...modelChanges('policy', kept.policy, now.policy),
    ...referenceChanges(kept, now),
    ...pairChanges('training', kept.pairs.training, now.pairs.training),
    ...pairChanges('held-out', kept.pairs.heldOut, now.pairs.heldOut),
    ...(kept.lossModule === now.lossModule ? [] : ['objective.module: the file has changed']),
    ...settingChanges(kept.settings, now.settings),
  ];
  refuse(changes);
  const [before, after] = [kept.policy.numericPath, now.policy.numericPath];
  if (before === after) return [];
  const otherwise = readingOf(before) === readingOf(after) ? '' : ', and some pairs are read otherwise than before';
  return [`the checkpoint was written with ${before}, this is ${after}: it goes on, but not bit for bit${otherwise}`];
}

/** Positions of references whose scores from before may mean something else by now. */
export const readOtherwise = (kept: RunIdentity, now: RunIdentity): readonly number[] =>
  now.references.flatMap(({ key }, k) =>
    readingOf(kept.references[k]?.key.numericPath ?? '') === readingOf(key.numericPath) ? [] : [k],
  );

/** What checkpoints of a run that goes on are written with: the keys of its references stay those of the kept scores. */
export const goingOn = (kept: RunIdentity | undefined, now: RunIdentity): RunIdentity =>
  kept === undefined ? now : { ...now, references: kept.references };

/** The part of {@link requireSameRun} that needs no model and no data. @throws MrpoError `config`. */
export function requireSameSettings(kept: RunIdentity, config: RunConfig): void {
  refuse(settingChanges(kept.settings, Object.fromEntries(decidingSettings(config, ''))));
}

function refuse(changes: readonly string[]): void {
  if (changes.length === 0) return;
  throw new MrpoError('config', `the checkpoint belongs to another run:\n  ${changes.join('\n  ')}`, {
    hint: 'Put back what has changed to go on, or begin a new run.',
    details: { changes },
  });
}

function moduleHash(path: string | undefined): string {
  if (path === undefined) return '';
  try {
    return sha256(readFileSync(path));
  } catch {
    return ''; // a function of the program, or a file that createObjective has refused
  }
}

/** Every setting that is no object, by its dotted name, without those that may change. */
function decidingSettings(value: object, prefix: string): [string, unknown][] {
  return Object.entries(value).flatMap(([key, member]): [string, unknown][] => {
    const name = `${prefix}${key}`;
    if (FREE_SETTINGS.includes(name) || member === undefined) return [];
    if (typeof member === 'object' && member !== null && !Array.isArray(member)) {
      return decidingSettings(member as object, `${name}.`);
    }
    return [[name, member]];
  });
}

const MODEL_PARTS = { weights: 'weights', tokenizer: 'tokenizer', chatTemplate: 'chat template' } as const;

function modelChanges(
  what: string,
  kept: Pick<ModelIdentity, keyof typeof MODEL_PARTS>,
  now: Pick<ModelIdentity, keyof typeof MODEL_PARTS>,
): string[] {
  return Object.entries(MODEL_PARTS)
    .filter(([part]) => kept[part as keyof typeof MODEL_PARTS] !== now[part as keyof typeof MODEL_PARTS])
    .map(([, name]) => `${what}: another ${name}`);
}

function referenceChanges(kept: RunIdentity, now: RunIdentity): string[] {
  if (kept.references.length !== now.references.length) {
    return [`references: the checkpoint has ${kept.references.length}, now there are ${now.references.length}`];
  }
  return kept.references.flatMap((before, index) => {
    const after = now.references[index];
    if (after === undefined) return [];
    const what = `reference ${before.name}`;
    const names = before.name === after.name ? [] : [`references[${index}]: ${before.name} is now ${after.name}`];
    return [...names, ...modelChanges(what, before.key, after.key)];
  });
}

function pairChanges(what: string, kept: PairsIdentity, now: PairsIdentity): string[] {
  if (kept.hash === now.hash) return [];
  const counts = kept.count === now.count ? 'of the same number' : `the checkpoint has ${kept.count}, now ${now.count}`;
  return [`data: other ${what} pairs (${counts})`];
}

/** A setting that only one side knows is one of a version that has it and one that has not: its default is in force. */
function settingChanges(kept: RunIdentity['settings'], now: RunIdentity['settings']): string[] {
  return Object.entries(kept).flatMap(([name, before]) => {
    const after = now[name];
    const same = JSON.stringify(before) === JSON.stringify(after);
    return same
      ? []
      : [`${name}: the checkpoint has ${JSON.stringify(before)}, now ${JSON.stringify(after) ?? 'none'}`];
  });
}
