/**
 * Reads a workbook in a thread of its own. For some damaged files the reader throws where nobody can catch it, or never
 * answers: there the thread ends, and not the program.
 */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Sheet } from 'read-excel-file/node';

/** Finds the reader from here; the thread has no place of its own to look from. */
const READER = createRequire(import.meta.url).resolve('read-excel-file/node');

const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData.reader)
  .then(({ default: read }) => (read.default ?? read)(Buffer.from(workerData.bytes), { trim: false }))
  .then((sheets) => parentPort.postMessage(sheets));
`;

/**
 * All sheets of a workbook, read in a thread of its own.
 * @param reader Module whose default export reads a workbook.
 * @throws Error with the reader's own words, or after `patienceMs`.
 */
export async function readSheetsApart(
  bytes: Uint8Array,
  patienceMs: number,
  reader: string = READER,
): Promise<Sheet[]> {
  const worker = new Worker(PROGRAM, { eval: true, execArgv: [], workerData: { reader, bytes } });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Sheet[]>((done, fail) => {
      worker.once('message', done);
      worker.once('error', fail);
      worker.once('exit', () => fail(new Error('it could not be read to its end')));
      const seconds = Math.round(patienceMs / 1000);
      timer = setTimeout(() => fail(new Error(`it could not be read within ${seconds} s`)), patienceMs);
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
