/** A run as a terminal shows it: stages, one progress bar at a time, notes, and a line per evaluation. On stderr. */
import type { RunEvent, RunStage } from '../sdk/index.js';
import type { CliIo } from './command.js';
import { metricText } from './metric-text.js';
import type { ProgressDisplay } from './progress.js';

/** An event, as far as it is shown. */
export type ShownEvent =
  | Exclude<RunEvent, { readonly type: 'step' }>
  | Pick<Extract<RunEvent, { readonly type: 'step' }>, 'type' | 'step' | 'totalSteps' | 'measures'>;

/** Shows the events of one run or evaluation. */
export interface RunDisplay {
  readonly show: (event: ShownEvent) => void;
  /** Ends the bar that is shown, if any. */
  readonly end: () => void;
}

const STAGE_TITLES: Readonly<Partial<Record<RunStage, string>>> = {
  data: 'reading preference pairs',
  backend: 'opening the backend',
  references: 'scoring references',
  load: 'loading the policy',
  samples: 'writing sample answers',
  train: 'training',
  export: 'writing the result',
};

/** Done, total and unit as people read them. */
const amountOf = ({ done, total, unit }: Extract<ShownEvent, { type: 'progress' }>): [number, number, string] =>
  unit === 'bytes' ? [megabytes(done), megabytes(total), 'MB'] : [done, total, unit];

const megabytes = (bytes: number): number => Math.ceil(bytes / 1e5) / 10;

/** A display that shows nothing yet. @param quiet Only notes and evaluations, no stages and no progress. */
export function createRunDisplay(io: CliIo, quiet = false): RunDisplay {
  let bar: { readonly title: string; readonly progress: ProgressDisplay } | undefined;
  const endBar = (): void => {
    bar?.progress.stop();
    bar = undefined;
  };
  const update = (title: string, done: number, total: number, detail?: string): void => {
    if (bar?.title !== title) {
      endBar();
      bar = { title, progress: io.progress(title) };
    }
    bar.progress.update(done, total, detail);
  };
  const say = (text: string): void => {
    endBar();
    io.note(`${text}\n`);
  };
  return {
    end: endBar,
    show: (event) => {
      switch (event.type) {
        case 'started':
          return say(`run ${event.id} in ${event.folder}`);
        case 'stage':
          return quiet ? undefined : say(STAGE_TITLES[event.stage] ?? event.stage);
        case 'progress':
          // An evaluation in the middle of training would replace the bar that people watch.
          if (!quiet && event.stage !== 'train') update(`  ${event.what}: ${event.work}`, ...amountOf(event));
          return;
        case 'note':
          return say(`  ${event.message}`);
        case 'resumed':
          return say(`  going on behind step ${event.step}`);
        case 'recovery':
          return say(`  ${event.reason}\n  going on from the last checkpoint in ${event.pauseSeconds} s`);
        case 'step':
          return quiet
            ? undefined
            : update('  step', event.step, event.totalSteps, `loss ${event.measures['loss']?.toFixed(4) ?? '-'}`);
        case 'evaluation':
          if (Object.keys(event.measures).length > 0)
            say(`  step ${event.step}, held out: ${metricText(event.measures)}`);
          return;
        case 'finished':
          return endBar();
      }
    },
  };
}
