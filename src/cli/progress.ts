/** Progress with an ETA: one bar on a terminal, a plain line every few seconds when piped. Always on stderr. */
import cliProgress from 'cli-progress';
import { durationText } from '../core/quantities.js';

/** Shows how far one piece of work is. */
export interface ProgressDisplay {
  /** `total` 0 = not known. `detail` is a few words: the current loss, a stage. */
  update(done: number, total: number, detail?: string): void;
  /** Ends the line; later updates start a new one. */
  stop(): void;
}

/** What is needed of standard error. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

const PLAIN_LINE_EVERY_MS = 5000;

/** A progress display called `title` on a stream. */
export function createProgress(title: string, stream: ProgressStream): ProgressDisplay {
  return stream.isTTY === true ? terminalBar(title, stream) : plainLines(title, stream);
}

/** Shows nothing: for --quiet. */
export const silentProgress: ProgressDisplay = { update: () => undefined, stop: () => undefined };

function terminalBar(title: string, stream: ProgressStream): ProgressDisplay {
  let bar: cliProgress.SingleBar | undefined;
  let [started, first] = [0, 0];
  return {
    update(done, total, detail = '') {
      if (bar === undefined) {
        [started, first] = [Date.now(), done];
        bar = new cliProgress.SingleBar({
          format: (options, params, payload: BarPayload) => barText(title, options, params, payload),
          barCompleteChar: '\u2588',
          barIncompleteChar: '\u2591',
          barsize: 28,
          hideCursor: true,
          gracefulExit: false, // else it ends itself at Ctrl-C, and moves the cursor over what is said there
          stream: stream as NodeJS.WriteStream,
        });
        bar.start(total, done, { remaining: '', detail });
        return;
      }
      bar.setTotal(total);
      bar.update(done, { remaining: remainingText(started, done - first, total - first), detail });
    },
    stop() {
      bar?.stop();
      bar = undefined;
    },
  };
}

interface BarPayload {
  readonly remaining: string;
  readonly detail: string;
}

/** Without a total there is nothing that a bar could be a part of. */
function barText(
  title: string,
  options: cliProgress.Options,
  { progress, value, total }: cliProgress.Params,
  { remaining, detail }: BarPayload,
): string {
  const share = total > 0 ? [cliProgress.Format.BarFormat(progress, options), `${value}/${total}`] : [value || ''];
  return [title, ...share, remaining, detail].filter((text) => text !== '').join(' ');
}

function plainLines(title: string, stream: ProgressStream): ProgressDisplay {
  let started: number | undefined;
  let first = 0;
  let lastLine = 0;
  let lastText = '';
  return {
    update(done, total, detail = '') {
      const now = Date.now();
      if (started === undefined) [started, first] = [now, done];
      const finished = total > 0 && done >= total;
      if (!finished && now - lastLine < PLAIN_LINE_EVERY_MS) return;
      const share = total > 0 ? `${done}/${total}` : String(done);
      const text = [title, share, finished ? '' : remainingText(started, done - first, total - first), detail]
        .filter(Boolean)
        .join('  ');
      if (text === lastText) return;
      [lastLine, lastText] = [now, text];
      stream.write(`${text}\n`);
    },
    stop() {
      started = undefined;
      lastLine = 0;
    },
  };
}

/** "3m 20s left", from the mean speed since `startedMs`, when nothing was done; empty while nothing is known. */
function remainingText(startedMs: number, done: number, total: number, nowMs = Date.now()): string {
  if (done <= 0 || total <= done) return '';
  return `${durationText((((nowMs - startedMs) / done) * (total - done)) / 1000)} left`;
}
