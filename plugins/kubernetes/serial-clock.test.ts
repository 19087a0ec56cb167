import { expect, it } from 'vitest';
import { serialClock } from './serial-clock.ts';

it('follows a wall clock that is set forward, and goes on where it is set back', () => {
  let monotonicMs = 5000;
  let wallMs = 1_000_000;
  const seconds = serialClock({ monotonicMs: () => monotonicMs, wallMs: () => wallMs });
  const pass = (ms: number): void => {
    monotonicMs += ms;
    wallMs += ms;
  };
  expect(seconds()).toBe(1000);
  pass(10_000);
  expect(seconds()).toBe(1010);
  wallMs += 3_600_000;
  expect(seconds()).toBe(4610);
  wallMs -= 7_200_000;
  expect(seconds()).toBe(4610);
  pass(1000);
  expect(seconds()).toBe(4611);
  // A machine that slept: only the wall clock has gone on.
  wallMs += 2 * 7_200_000;
  expect(seconds()).toBe(Math.floor(wallMs / 1000));
});
