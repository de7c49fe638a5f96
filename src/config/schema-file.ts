/** Where the JSON Schema file of the configuration lies: beside the sources in a checkout, inside an installed package. */
import { fileURLToPath } from 'node:url';

/** Absolute path of `mrpo.schema.json`. */
export const SCHEMA_FILE = fileURLToPath(new URL('../../schema/mrpo.schema.json', import.meta.url));
