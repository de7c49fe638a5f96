/** Backends that help to score: what is asked for, lent, asked back and given back, as a fold over what is said of it. */

/** What somebody with pairs to share has and wants. Backends by address. */
export interface Help {
  /** Further backends that there are pairs for. */
  readonly most: number;
  /** Those that cannot help. */
  readonly without: readonly string[];
  /** Those that are lent. */
  readonly helpers: readonly string[];
  /** Of these, those that are asked back. */
  readonly recalled: readonly string[];
}

/** Said by who has pairs to share. */
export type HelpLine =
  /** There are pairs for `most` further backends, from now on until `help-over`. */
  | { readonly type: 'help-wanted'; readonly most: number; readonly without: readonly string[] }
  /** Nothing of the asker is on these any more. */
  | { readonly type: 'returned'; readonly helpers: readonly string[] }
  /** Nothing more is asked of anyone. */
  | { readonly type: 'help-over' };

/** Said by the service. */
export type HelpAnswer =
  /** These are the asker's until they are returned. */
  | { readonly type: 'lent'; readonly helpers: readonly string[] }
  /** These are wanted back as soon as can be. */
  | { readonly type: 'recall'; readonly helpers: readonly string[] };

/** How it goes on. Undefined: no help is asked for. */
export function foldHelp(help: Help | undefined, line: HelpLine | HelpAnswer): Help | undefined {
  if (line.type === 'help-wanted') return { most: line.most, without: line.without, helpers: [], recalled: [] };
  if (line.type === 'help-over' || help === undefined) return undefined;
  const { without, helpers, recalled } = help;
  const named = new Set(line.helpers);
  switch (line.type) {
    case 'lent':
      return { ...help, helpers: [...new Set([...helpers, ...named])] };
    case 'recall':
      return { ...help, recalled: helpers.filter((helper) => named.has(helper) || recalled.includes(helper)) };
    case 'returned':
      return {
        ...help,
        // Who comes back unasked has failed, or found nothing left to do.
        without: [...without, ...line.helpers.filter((helper) => !recalled.includes(helper))],
        helpers: helpers.filter((helper) => !named.has(helper)),
        recalled: recalled.filter((helper) => !named.has(helper)),
      };
  }
}
