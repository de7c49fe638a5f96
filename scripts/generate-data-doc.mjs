/** Writes the tables of docs/data.md from the formats themselves; what stands before them is written by hand. */
import { readFileSync, writeFileSync } from 'node:fs';
import { tsImport } from 'tsx/esm/api';

const { formatDocument, GENERATED_MARK } = await tsImport('../src/data/formats/document.ts', import.meta.url);
const file = new URL('../docs/data.md', import.meta.url);
const [byHand] = readFileSync(file, 'utf8').split(GENERATED_MARK);
writeFileSync(file, byHand + formatDocument());
