/** What is known of one run, kept up to date while it goes on. */
import { useEffect, useRef, useState } from './lib/preact.js';
import { getRun, watchRun } from './api.js';
import { createSeries } from './series.js';

const EVENTS_KEPT = 500;
/** Charts are drawn anew at most so often. */
const DRAW_MS = 300;

export function useRun(id, onError) {
  const [state, setState] = useState({ run: undefined, parts: undefined, events: [], version: 0, lost: false });
  const [round, setRound] = useState(0);
  const series = useRef(createSeries());
  useEffect(() => {
    const stop = new AbortController();
    const update = (change) => !stop.signal.aborted && setState((before) => ({ ...before, ...change(before) }));
    const fail = (thrown) => !stop.signal.aborted && onError(thrown);
    // Sections of the report change with evaluations, samples and the end: what the record of the run tells.
    const readParts = () => getRun(id, stop.signal).then(({ run, parts }) => update(() => ({ run, parts })), fail);
    let drawn;
    const draw = () => {
      drawn ??= setTimeout(() => {
        drawn = undefined;
        update(({ version }) => ({ version: version + 1 }));
      }, DRAW_MS);
    };
    let phase;
    let ended = false;
    const take = (message) => {
      if (message.begin) {
        series.current.clear();
        update(() => ({ events: [], lost: false }));
      }
      if (message.lost) update(() => ({ lost: true }));
      if (message.run !== undefined) {
        ended = message.run.ended;
        update(() => ({ run: message.run }));
        if (phase !== `${message.run.phase} ${message.run.state}`) void readParts();
        phase = `${message.run.phase} ${message.run.state}`;
      }
      if (message.reset) series.current.clear();
      if (message.metrics !== undefined) {
        for (const line of message.metrics) series.current.add(line);
        draw();
      }
      if (message.events !== undefined)
        update(({ events }) => ({ events: [...events, ...message.events].slice(-EVENTS_KEPT) }));
      return ended;
    };
    void readParts();
    watchRun(id, take, stop.signal).catch(fail);
    return () => {
      stop.abort();
      clearTimeout(drawn);
    };
  }, [id, round]);
  // A run that had ended and goes on again is watched again.
  const again = () => setRound(round + 1);
  return { ...state, series: series.current, again };
}
