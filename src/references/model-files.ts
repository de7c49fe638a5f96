/**
 * A fingerprint of a model's files that costs milliseconds: names, sizes, inode numbers and times of every file, to the
 * nanosecond. Equal fingerprint, untouched files; a different one says nothing, and the contents are hashed again.
 */
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ModelSpec } from '../backend/backend.js';
import { contentHash } from '../core/hash.js';

/** Raise it with every new mark of the backend (`readings.py`): what was remembered before does not know of it. */
const READINGS = 2;

/** The fingerprint of a model, its adapter and a tokenizer it is given; `undefined` where they do not lie on this machine. */
export function fingerprintModel(spec: ModelSpec): string | undefined {
  const parts = [
    locate(spec.source, spec.revision),
    ...(spec.adapter === undefined ? [] : [locate(spec.adapter, undefined)]),
    ...(spec.tokenizer === undefined ? [] : [locate(spec.tokenizer, spec.tokenizerRevision)]),
  ];
  const listings = parts.map((path) => (path === undefined ? undefined : listing(path)));
  return listings.includes(undefined) ? undefined : contentHash([READINGS, ...listings]);
}

/** Bytes of a model's files, 0 where they do not lie on this machine: how slow it will be, next to other models. */
export function modelBytes(spec: ModelSpec): number {
  const path = locate(spec.source, spec.revision);
  if (path === undefined) return 0;
  return filesBelow(path).reduce((sum, file) => sum + statSync(file).size, 0);
}

/** A folder or file as it is; for a hub id the snapshot that the hub's own cache holds. */
function locate(source: string, revision: string | undefined): string | undefined {
  if (existsSync(source)) return resolve(source);
  const { HF_HUB_CACHE, HF_HOME } = process.env;
  const hub = HF_HUB_CACHE ?? join(HF_HOME ?? join(homedir(), '.cache', 'huggingface'), 'hub');
  const folder = join(hub, `models--${source.replaceAll('/', '--')}`);
  const reference = join(folder, 'refs', revision ?? 'main');
  const commit = existsSync(reference) ? readFileSync(reference, 'utf8').trim() : (revision ?? 'main');
  const snapshot = join(folder, 'snapshots', commit);
  return existsSync(snapshot) ? snapshot : undefined;
}

function listing(path: string): readonly string[] {
  return filesBelow(path).map((file) => {
    const { size, ino, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [file, size, ino, mtimeNs, ctimeNs].join(' ');
  });
}

/** Every file, in order of names; hidden files and folders decide nothing. */
function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((name) => (existsSync(join(path, name)) ? filesBelow(join(path, name)) : []));
}
