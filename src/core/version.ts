/** This package's version, from package.json. */
import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** Version of this package (semver), as package.json has it. */
export const VERSION: string = manifest.version;
