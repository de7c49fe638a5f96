/**
 * Runs one benchmark by name: `npm run bench -- step --help`. Each benchmark is a file of this folder that runs when it
 * is imported and reads its own arguments; without a name the names are listed.
 */
import { readdirSync } from 'node:fs';

const folder = new URL('./', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -'.ts'.length))
  .sort();
const [name] = process.argv.splice(2, 1);

if (name !== undefined && names.includes(name)) {
  await import(new URL(`${name}.ts`, folder).href);
} else {
  console.error(`npm run bench -- NAME, where NAME is one of: ${names.join(', ')}`);
  process.exitCode = name === undefined ? 0 : 1;
}
