/** Numbers and times as people read them. */

export function numberText(value) {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  return size < 0.001 ? value.toExponential(1) : String(Number(value.toPrecision(3)));
}

export const percentText = (share) =>
  share === undefined || share === null || !Number.isFinite(share) ? '–' : `${(100 * share).toFixed(1)} %`;

export const bytesText = (bytes) =>
  !Number.isFinite(bytes) ? '–' : bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(0)} MB`;

export const formatOf = (unit) => (unit === 'share' ? percentText : unit === 'bytes' ? bytesText : numberText);

export function durationText(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${String(minutes).padStart(2, '0')} min` : `${minutes} min ${whole % 60} s`;
}

export const timeText = (iso) => (iso ? new Date(iso).toLocaleString() : '–');
