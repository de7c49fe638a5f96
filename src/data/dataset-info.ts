/** LLaMA-Factory's `dataset_info.json`: no rows, but what other files are called and how their columns are. */
import { isRow, isText, type Row } from './fields.js';

/** Whether every entry of an object describes a file or a data set of a hub. */
export const isDatasetInfo = (entries: readonly unknown[]): boolean =>
  entries.length > 0 &&
  entries.every(
    (entry) => isRow(entry) && ['file_name', 'hf_hub_url', 'ms_hub_url', 'script_url'].some((key) => key in entry),
  );

/** What to give to `mrpo data` for an entry. */
export function commandFor(entry: Row): string {
  const tags = isRow(entry['tags']) ? entry['tags'] : {};
  return [
    isText(entry['file_name']) ? entry['file_name'] : `hub:${String(entry['hf_hub_url'])}`,
    ...option('columns', renamed(isRow(entry['columns']) ? entry['columns'] : {}, COLUMNS)),
    ...option('message-keys', renamed(tags, KEYS)),
    // A speaker's tag is the name, and who it is the meaning: the other way round.
    ...option(
      'speakers',
      renamed(tags, SPEAKERS).map(([role, name]) => [name, role] as const),
    ),
  ].join(' ');
}

/** Its names of columns, and the roles that they are here. */
const COLUMNS: Readonly<Record<string, string>> = {
  prompt: 'prompt',
  query: 'input',
  messages: 'prompt',
  system: 'system',
  history: 'history',
  chosen: 'chosen',
  rejected: 'rejected',
  tools: 'tools',
};
const KEYS: Readonly<Record<string, string>> = { role_tag: 'role', content_tag: 'content' };
const SPEAKERS: Readonly<Record<string, string>> = {
  user_tag: 'user',
  assistant_tag: 'assistant',
  observation_tag: 'tool',
  function_tag: 'assistant',
  system_tag: 'system',
};

const renamed = (said: Row, names: Readonly<Record<string, string>>): (readonly [string, string])[] =>
  Object.entries(said).flatMap(([key, value]) => {
    const name = names[key];
    return name === undefined || !isText(value) ? [] : [[name, value] as const];
  });

const option = (name: string, pairs: readonly (readonly [string, string])[]): string[] =>
  pairs.length === 0 ? [] : [`--${name} ${pairs.map(([key, value]) => `${key}=${value}`).join(',')}`];
