import { describe, expect, it } from 'vitest';
import { readDurationMs, readInteger } from './readers.ts';

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['.5m', 30_000],
    ['500ms', 500],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['100ns', 0.0001],
    ['-2s', -2000],
    ['0', 0],
    ['+0', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(readDurationMs(text)).toBeCloseTo(ms, 9);
  });

  it.each(['', '5', 's', '1 s', '1d', '1s2', '--1s', '1e3s', 'infs'])('%j is none', (text) => {
    expect(readDurationMs(text)).toBeNull();
  });
});

describe('integers', () => {
  it.each([
    ['0', 0],
    ['+7', 7],
    ['-12', -12],
    ['007', 7],
  ])('%s is %d', (text, value) => {
    expect(readInteger(text)).toBe(value);
  });

  it.each(['', ' 1', '1.0', '1e3', '0x10', '1_000', '99999999999999999999'])('%j is none', (text) => {
    expect(readInteger(text)).toBeNull();
  });
});
