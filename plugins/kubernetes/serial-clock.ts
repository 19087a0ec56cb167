import type { Clock } from '#plugin/index.ts';

/**
 * Seconds since 1970 for the zone's serial: the wall clock's, but where that is set back they go on from where they were. A secondary takes
 * no change with a serial that is older than its own (RFC 1982), for as long as the clock was set back.
 */
export const serialClock = (clock: Clock): (() => number) => {
  let zeroMs = Number.NEGATIVE_INFINITY;
  return () => {
    const monotonicMs = clock.monotonicMs();
    zeroMs = Math.max(zeroMs, clock.wallMs() - monotonicMs);
    return Math.floor((zeroMs + monotonicMs) / 1000);
  };
};
