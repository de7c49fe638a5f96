/** Column names as people vary them: case, dashes, spaces and camel case do not tell two names apart. */

const known = new Map<string, readonly string[]>();

/** `Answer A`, `answer-a` and `answerA` are `['answer', 'a']`; `response1` is `['response', '1']`; `回答A` is `['回答', 'a']`. */
export function wordsOf(name: string): readonly string[] {
  const words = known.get(name);
  if (words !== undefined) return words;
  const split = name
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{L})(\p{N})/gu, '$1 $2')
    .replace(/(\p{N})(\p{L})/gu, '$1 $2')
    .replace(/(\p{Lo})(\p{Lu}|\p{Ll})/gu, '$1 $2')
    .replace(/(\p{Lu}|\p{Ll})(\p{Lo})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
  if (known.size < 10_000) known.set(name, split);
  return split;
}

/** The words of a name with `_` between them. */
export const plainName = (name: string): string => wordsOf(name).join('_');

/** The last word of a name: `better` of `which_is_better`; empty for a name without words. */
export const lastWord = (name: string): string => wordsOf(name).at(-1) ?? '';
