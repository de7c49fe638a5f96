/** Writes schema/mrpo.schema.json, the JSON Schema of a run's configuration, from src/config/schema.ts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { tsImport } from 'tsx/esm/api';

const { configJsonSchemaText } = await tsImport('../src/config/json-schema.ts', import.meta.url);
const { SCHEMA_FILE } = await tsImport('../src/config/schema-file.ts', import.meta.url);
mkdirSync(dirname(SCHEMA_FILE), { recursive: true });
writeFileSync(SCHEMA_FILE, configJsonSchemaText());
