/** What several files of one run have in common: the same pairs, or pairs that contradict each other. */
import { oppositeId } from './make-pair.js';
import type { PreferencePair } from './pair.js';
import type { PreferenceData } from './read-data.js';

/** One note for each file that repeats or contradicts an earlier one. Nothing is left out. */
export function sharedPairNotes(sources: readonly PreferenceData[]): string[] {
  if (sources.length < 2) return [];
  const seen = new Set<string>();
  const prompts = new Set<string>();
  return sources.flatMap(({ source, pairs }) => {
    const repeated = pairs.filter(({ id }) => seen.has(id)).length;
    const contradicts = ({ promptId }: PreferencePair): boolean => prompts.has(promptId);
    const opposed = pairs.filter((pair) => contradicts(pair) && seen.has(oppositeId(pair))).length;
    for (const { id, promptId } of pairs) {
      seen.add(id);
      prompts.add(promptId);
    }
    return [
      ...(repeated > 0
        ? [`${source}: ${repeated} of its ${pairs.length} pairs are in an earlier file too; they are kept`]
        : []),
      ...(opposed > 0
        ? [`${source}: ${opposed} of its ${pairs.length} pairs contradict pairs of an earlier file; they are kept`]
        : []),
    ];
  });
}
