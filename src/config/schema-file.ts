/** Where the JSON Schema file of the configuration lies: beside the sources in a checkout, inside an installed package. */
import { fileURLToPath } from 'node:url';

export const SCHEMA_FILE = fileURLToPath(new URL('../../schema/mrpo.schema.json', import.meta.url));
