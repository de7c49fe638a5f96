/** Shares, times and sizes in words: no unit turns over at the wrong place. */
import { expect, it } from 'vitest';
import { bytesText, durationText, percentText } from '../../src/core/quantities.js';

it.each([
  [0, '0 ms'],
  [0.42, '420 ms'],
  [0.99949, '999 ms'],
  [0.9996, '1.00 s'],
  [9.99, '9.99 s'],
  [9.996, '10.0 s'],
  [59.94, '59.9 s'],
  [59.96, '1 min 00 s'],
  [3599.6, '1 h 00 min'],
  [3900, '1 h 05 min'],
])('%d s is "%s"', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});

it.each([
  [400_000, '0.4 MB'],
  [512e6, '512 MB'],
  [85_899_345_920, '85.9 GB'],
])('%d bytes are "%s"', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

it('a share is a percentage, and what is not known a dash', () => {
  expect([percentText(0.7321), percentText(0.5, 0), percentText(undefined), percentText(NaN)]).toEqual([
    '73.2 %',
    '50 %',
    '–',
    '–',
  ]);
});
