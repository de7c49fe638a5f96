/** Progress of an installation on stderr: one line that changes on a terminal, a line every 10 s when piped. */

const PLAIN_EVERY_MS = 10_000;
const REDRAW_EVERY_MS = 250;

/**
 * @param {string} title what is being installed
 * @returns {{ detail(text: string): void, done(text?: string): void, fail(): void }}
 */
export function startProgress(title, stream = process.stderr) {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const terminal = stream.isTTY === true;
  let detail = '';
  const line = () => `${title}  ${seconds()}  ${detail}`;
  const draw = () => {
    if (!terminal) return void stream.write(`${line()}\n`);
    const width = Math.max(20, (stream.columns ?? 80) - 1);
    stream.write(`\r\u001b[2K${line().slice(0, width)}`);
  };
  if (terminal) draw();
  else stream.write(`${title} ...\n`);
  const timer = setInterval(draw, terminal ? REDRAW_EVERY_MS : PLAIN_EVERY_MS);
  timer.unref();
  const end = (text) => {
    clearInterval(timer);
    stream.write(`${terminal ? '\r\u001b[2K' : ''}${text}\n`);
  };
  return {
    detail(text) {
      detail = text;
    },
    done(text = 'done') {
      end(`${title}: ${text} (${seconds()})`);
    },
    fail() {
      end(`${title}: failed (${seconds()})`);
    },
  };
}
