/** Shares, times and sizes as people read them, on a terminal and on a page. */

/** "73.2 %"; "–" for what is not known. @param share 0 to 1. */
export function percentText(share: number | undefined, decimals = 1): string {
  return share === undefined || !Number.isFinite(share) ? '–' : `${(100 * share).toFixed(decimals)} %`;
}

/** "1 h 05 min", "3 min 20 s", "12.3 s", "2.42 s", "420 ms". */
export function durationText(seconds: number): string {
  if (seconds < 0.9995) return `${Number((1000 * Math.max(0, seconds)).toPrecision(3))} ms`;
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return hours > 0 ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(rest)} s`;
}

/** "80.0 GB", "512 MB": powers of ten, as memory and disks are sold. */
export function bytesText(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
