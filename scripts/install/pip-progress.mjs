/** What pip is at, in words that change while it works: its own last line stays the same for most of an installation. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const LOOK_MS = 500;

/**
 * Follows an installation by what pip says, and by the packages that it has written so far.
 * @param {string} environment folder of the environment
 * @param {{ detail(text: string): void }} progress
 * @returns {{ line(text: string): void, stop(): void }}
 */
export function followPip(environment, progress) {
  let found = 0;
  let timer;
  const install = (names) => {
    const before = installedIn(environment);
    const look = () => {
      const done = Math.min(Math.max(0, installedIn(environment) - before), names.length - 1);
      progress.detail(`installing ${names[done]} (${done + 1} of ${names.length})`);
    };
    look();
    timer = setInterval(look, LOOK_MS);
    timer.unref();
  };
  return {
    line(text) {
      const [, collected] = /^Collecting ([^\s;<>=!~[]+)/.exec(text) ?? [];
      const [, file, size] = /^Downloading (\S+)(?: \(([^)]*)\))?/.exec(text) ?? [];
      const [, list] = /^Installing collected packages: (.+)/.exec(text) ?? [];
      if (collected !== undefined) progress.detail(`looking for ${collected} (${(found += 1)} so far)`);
      if (file !== undefined) progress.detail(`downloading ${nameOf(file)}${size === undefined ? '' : ` (${size})`}`);
      if (list !== undefined && timer === undefined) install(list.split(/,\s*/));
    },
    stop: () => clearInterval(timer),
  };
}

/** "torch 2.13.0" of the name or address of a file. */
function nameOf(file) {
  const [name, version] = decodeURIComponent(file.split('/').at(-1)).split('-');
  return version === undefined ? name : `${name} ${version.replace(/\.(tar|zip|metadata).*$/, '')}`;
}

/** Packages of an environment. pip writes this folder last of each. */
function installedIn(environment) {
  const libraries = [join(environment, 'Lib'), ...versionsIn(join(environment, 'lib'))];
  const names = libraries.flatMap((folder) => namesIn(join(folder, 'site-packages')));
  return names.filter((name) => name.endsWith('.dist-info')).length;
}

const versionsIn = (folder) => namesIn(folder).map((name) => join(folder, name));
const namesIn = (folder) => (existsSync(folder) ? readdirSync(folder) : []);
