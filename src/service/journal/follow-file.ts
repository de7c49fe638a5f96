/** Hearing of a file that grows: by the system's own news, and by a look now and then where those do not come. */
import { watch, type FSWatcher } from 'node:fs';

const LOOK_MS = 250;

/** Calls `onNews` soon after the file has grown, and sometimes when it has not. @returns how to leave. */
export function followFile(path: string, onNews: () => void): () => void {
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(path, { persistent: false }, onNews);
    watcher.on('error', () => watcher?.close());
  } catch {
    // no news from this file system, or no room for another watcher
  }
  const timer = setInterval(onNews, LOOK_MS);
  return () => {
    watcher?.close();
    clearInterval(timer);
  };
}
