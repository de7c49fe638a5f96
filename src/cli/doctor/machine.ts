/** Node.js, memory, disk and the cache folder of this machine. */
import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { bytesText } from '../../core/quantities.js';
import { freemem, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fail, ok, warn, type CheckResult } from './finding.js';

const OLDEST_NODE = 20;
/** The Python packages take 1.3 GB; models and runs want more. */
const ENOUGH_DISK = 5e9;
/** Less than this trains only very small models. */
const ENOUGH_MEMORY = 4e9;

/** Fails below Node.js 20. */
export function checkNode(version = process.versions.node): CheckResult {
  const major = Number.parseInt(version, 10);
  if (major >= OLDEST_NODE) return ok('Node.js', version);
  return fail(
    'Node.js',
    `${version}, needed is ${OLDEST_NODE} or newer`,
    'Install a current release from nodejs.org or your package manager.',
  );
}

/** Warns below 4 GB in all. @param total Bytes; likewise `free`. */
export function checkMemory(total = totalmem(), free = freemem()): CheckResult {
  const found = `${bytesText(total)}, ${bytesText(free)} unused`;
  return total >= ENOUGH_MEMORY
    ? ok('memory', found)
    : warn('memory', found, 'Use small models, quantization: nf4, or a backend on another machine.');
}

/** Warns where less than 5 GB are free. @param folder An existing folder of the file system that is meant. */
export function checkDisk(folder: string): CheckResult {
  const { bavail, bsize } = statfsSync(folder);
  const found = `${bytesText(bavail * bsize)} free at ${folder}`;
  return bavail * bsize >= ENOUGH_DISK
    ? ok('disk', found)
    : warn('disk', found, `Free some space: ${bytesText(ENOUGH_DISK)} are enough for packages and small models.`);
}

/** Creates the folder if it is missing: the first run would do the same. */
export function checkCacheFolder(folder: string): CheckResult {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return ok('cache folder', folder);
  } catch {
    const where = existsSync(folder) ? folder : dirname(folder);
    return fail(
      'cache folder',
      `${folder} cannot be written`,
      `Make ${where} writable, or set MRPO_CACHE_DIR to another folder.`,
    );
  }
}
