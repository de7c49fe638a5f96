/** In which settings two configurations differ. */

/** One setting that differs; a side that lacks it has undefined. */
export interface SettingDifference {
  readonly key: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** By dotted names, in order. The output folder is left out: it differs always. */
export function configDifferences(left: object, right: object): readonly SettingDifference[] {
  const [a, b] = [new Map(settings(left, '')), new Map(settings(right, ''))];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => !/^(output|\$schema)(\.|$)/.test(key))
    .filter((key) => JSON.stringify(a.get(key)) !== JSON.stringify(b.get(key)))
    .sort()
    .map((key) => ({ key, left: a.get(key), right: b.get(key) }));
}

function settings(value: object, prefix: string): [string, unknown][] {
  return Object.entries(value).flatMap(([key, member]: [string, unknown]): [string, unknown][] => {
    const name = `${prefix}${key}`;
    if (member === undefined) return [];
    return typeof member === 'object' && member !== null ? settings(member, `${name}.`) : [[name, member]];
  });
}
