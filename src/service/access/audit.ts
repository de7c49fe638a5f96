/** `audit.jsonl`: one line for every call, without what was sent. */
import { appendFile } from 'node:fs/promises';

/** One call. `ms` is from its start to its end, in milliseconds. */
export interface AuditEntry {
  /** Name of the token; absent for who was not let in. */
  readonly caller: string | undefined;
  readonly method: string;
  /** The run that the request names, existing or not; absent where it names none. */
  readonly run?: string | undefined;
  readonly peer: string;
  /** ok, gone (the caller left), or the reason of the refusal. */
  readonly outcome: string;
  readonly ms: number;
}

/** Collects entries and writes them in the background; a slow disk delays no call. */
export interface AuditLog {
  /** Never throws. Entries that are too many to wait are left out, and the next line says how many. */
  write(entry: AuditEntry): void;
  /** Resolves when all is written. */
  close(): Promise<void>;
}

/** Lines that wait for the disk, at most: what comes beyond is counted. */
const MOST_WAITING = 10_000;

/** A log that appends to a file with mode 0600. */
export function openAuditLog(path: string): AuditLog {
  let waiting: string[] = [];
  let left = 0;
  let writing: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const text = `${waiting.join('\n')}\n`;
      waiting = [];
      // A full disk stops no call: what a call has changed is in the journals.
      await appendFile(path, text, { mode: 0o600 }).catch(() => undefined);
    }
    writing = undefined;
  };
  return {
    write(entry) {
      if (waiting.length >= MOST_WAITING) left += 1;
      else waiting.push(JSON.stringify({ at: new Date().toISOString(), ...entry, ...(left > 0 && { leftOut: left }) }));
      if (waiting.length < MOST_WAITING) left = 0;
      writing ??= flush();
    },
    async close() {
      await writing;
    },
  };
}
