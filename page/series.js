/** The curves of one run, built up line by line. */

export function createSeries() {
  /** By measure: steps and values, steps rising. */
  let curves = new Map();
  return {
    clear() {
      curves = new Map();
    },
    add(line) {
      for (const [name, value] of Object.entries(line)) {
        if (name === 'step' || typeof value !== 'number') continue;
        const curve = curves.get(name) ?? { x: [], y: [] };
        curves.set(name, curve);
        // A step that is done again takes the place of what the run went back behind.
        while (curve.x.length > 0 && curve.x.at(-1) >= line.step) {
          curve.x.pop();
          curve.y.pop();
        }
        curve.x.push(line.step);
        curve.y.push(value);
      }
    },
    get: (name) => curves.get(name) ?? { x: [], y: [] },
    lastStep: () => Math.max(0, ...[...curves.values()].map(({ x }) => x.at(-1) ?? 0)),
  };
}

/** A running mean about a fifteenth of the curve wide, as in the report. */
export function smooth(values) {
  const reach = Math.floor(values.length / 30);
  if (reach === 0) return values;
  const sums = [0];
  for (const value of values) sums.push(sums.at(-1) + value);
  return values.map((_, i) => {
    const [from, to] = [Math.max(0, i - reach), Math.min(values.length, i + reach + 1)];
    return (sums[to] - sums[from]) / (to - from);
  });
}

/** Several curves over the union of their steps, as uPlot wants them; a step that a curve lacks is undefined there. */
export function joined(curves) {
  const steps = [...new Set(curves.flatMap(({ x }) => x))].sort((a, b) => a - b);
  const columns = curves.map(({ x, y }) => {
    const at = new Map(x.map((step, i) => [step, y[i]]));
    return steps.map((step) => at.get(step));
  });
  return [steps, ...columns];
}
