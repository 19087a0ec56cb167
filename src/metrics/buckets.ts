/** Upper bounds of CoreDNS's classic histograms (facts: plugin/metrics and plugin/kubernetes declare them). */
const exponential = (start: number, factor: number, count: number): readonly number[] => {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound *= factor) bounds.push(Number(bound.toPrecision(12)));
  return bounds;
};

/** Seconds that a query takes: 0.25 ms to 8.192 s. */
export const TIME_BUCKETS = exponential(0.00025, 2, 16);
/** Seconds, coarse: 0.25 ms to 2.5 s by tens. */
export const SLIM_TIME_BUCKETS = exponential(0.00025, 10, 5);
/** Octets of a message. */
export const SIZE_BUCKETS: readonly number[] = [
  0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000,
];
/** Seconds, as client_golang has them by default. */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Seconds of work within the process: 10 us to 0.5 s. */
export const WORK_BUCKETS: readonly number[] = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5,
];
/** Seconds from a change in the cluster to its being served: 1 ms to 524 s. */
export const PROGRAMMING_BUCKETS = exponential(0.001, 2, 20);
