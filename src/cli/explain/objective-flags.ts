/** Flags that describe an objective, and how they become settings of the configuration. */
import { InvalidArgumentError, Option, type Command } from 'commander';

export interface ObjectiveFlags {
  readonly loss?: string;
  readonly variant?: string;
  readonly beta?: string;
  readonly pooling?: unknown;
  readonly weights?: unknown;
  readonly weightsOn?: string;
  readonly normalization?: string;
  readonly clip?: unknown;
  readonly labelSmoothing?: string;
  readonly gamma?: string;
  readonly alpha?: string;
  readonly module?: string;
  readonly officialCode?: boolean;
}

/** Adds the flags; each stands for the key of `objective:` with its name. */
export function addObjectiveFlags(command: Command): Command {
  return command
    .option('--loss <name>', 'dpo, multi-dpo, mrpo, forward-kl, hypo, alpha-dpo, simpo or custom (default: mrpo)')
    .option('--variant <name>', 'sigmoid, robust, ipo or hinge (default: sigmoid)')
    .option('--beta <number>', 'strength of the pull towards the reference (default: 0.1)')
    .addOption(
      new Option(
        '--pooling <mean>',
        'harmonic, geometric, arithmetic, min, max, or power:P (default: harmonic)',
      ).argParser(parsePooling),
    )
    .addOption(
      new Option(
        '--weights <rule>',
        'uniform, arwc, vdw, vaw, swcw, swcw-one-hot, tsw, or numbers: 0.7,0.3 (default: arwc)',
      ).argParser(parseWeights),
    )
    .option('--weights-on <unit>', 'sum, token or byte: the log-probs that weights compare')
    .option('--normalization <unit>', 'sum, token or byte (default: sum)')
    .addOption(
      new Option('--clip <mode>', 'off, fixed:EPSILON or adaptive:EPSILON_MAX (default: adaptive:0.1)').argParser(
        parseClip,
      ),
    )
    .option('--label-smoothing <share>', 'share of labels taken to be wrong (default: 0)')
    .option('--gamma <number>', 'simpo, alpha-dpo: target margin (default: 0.5)')
    .option('--alpha <number>', 'alpha-dpo: weight of the normalised margin (default: 0.2)')
    .option('--module <file>', 'custom: .ts or .js file whose default export is the loss')
    .option('--official-code', "the authors' released code in place of their paper");
}

/** The flags that were given, as `objective.key=value` assignments. */
export function objectiveAssignments(flags: ObjectiveFlags): string[] {
  const keys: Readonly<Record<keyof ObjectiveFlags, string>> = {
    loss: 'loss',
    variant: 'variant',
    beta: 'beta',
    pooling: 'pooling',
    weights: 'weights',
    weightsOn: 'weights_on',
    normalization: 'normalization',
    clip: 'clip',
    labelSmoothing: 'label_smoothing',
    gamma: 'gamma',
    alpha: 'alpha',
    module: 'module',
    officialCode: 'official_code',
  };
  return Object.entries(keys).flatMap(([flag, key]) => {
    const value = flags[flag as keyof ObjectiveFlags];
    if (value === undefined) return [];
    return [`objective.${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`];
  });
}

function parsePooling(text: string): unknown {
  return text.startsWith('power:') ? { power: numberIn(text.slice('power:'.length)) } : text;
}

function parseWeights(text: string): unknown {
  return /^[-+\d.]/.test(text) ? text.split(',').map(numberIn) : text;
}

function parseClip(text: string): unknown {
  const [mode, value] = text.split(':', 2);
  if (mode === 'off' && value === undefined) return { mode };
  if (mode !== 'fixed' && mode !== 'adaptive')
    throw new InvalidArgumentError('Expected off, fixed:EPSILON or adaptive:EPSILON_MAX.');
  return { mode, ...(value !== undefined && { [mode === 'fixed' ? 'epsilon' : 'epsilon_max']: numberIn(value) }) };
}

function numberIn(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError(`Expected a number, got "${text}".`);
  return value;
}
