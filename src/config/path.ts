/** Paths into a configuration: `references[1].model`, also written `references.1.model`. */

export type ConfigPath = readonly (string | number)[];

/** The one way a path is shown: dots between keys, list positions in brackets. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** Reads `a.b[2].c` or `a.b.2.c`; `undefined` if it is not a path. */
export function parsePath(text: string): ConfigPath | undefined {
  const steps = text.replace(/\[(\d+)\]/g, '.$1').split('.');
  if (steps.some((step) => step === '' || /[[\]\s]/.test(step))) return undefined;
  return steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

/** The value at a path, or `undefined`. */
export function valueAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const step of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
