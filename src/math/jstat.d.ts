/** The part of jStat that is used here; the package brings no types. */
declare module 'jstat' {
  const jStat: {
    readonly studentt: { cdf(x: number, df: number): number; inv(p: number, df: number): number };
    readonly normal: { cdf(x: number, mean: number, sd: number): number };
    gammaln(x: number): number;
  };
  export = jStat;
}
