/** How the programs of this folder are started. */
import { fileURLToPath } from 'node:url';

/** In a checkout the TypeScript sources run, in a published package what was built from them. */
const IS_SOURCE = import.meta.url.endsWith('.ts');

/** Arguments of Node that start the program `name` of this folder. */
export const programOf = (name: 'main' | 'task'): readonly string[] => [
  ...(IS_SOURCE ? ['--import', import.meta.resolve('tsx')] : []),
  fileURLToPath(new URL(`./${name}.${IS_SOURCE ? 'ts' : 'js'}`, import.meta.url)),
];
