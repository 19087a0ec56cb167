import type { Gauge } from '#metrics/families.ts';

/**
 * Queries that may wait for upstreams at a time where no `max_concurrent` is given. Less than the 10,000 that one listener thread may have on
 * their way, so that with upstreams that are dead the names of the cluster still find room.
 */
export const MAX_IN_FLIGHT = 8000;

/** How many queries of the whole process wait for upstreams: all that this `forward` and others, and those of an old configuration, have asked. */
export class InFlight {
  readonly most: number;
  count = 0;

  /** `gauge` shows the count. */
  constructor(gauge: Gauge, most = MAX_IN_FLIGHT) {
    this.most = most;
    gauge.follow(() => this.count);
  }

  /** True where one more is too many. */
  get isFull(): boolean {
    return this.count >= this.most;
  }

  close(): void {
    // Nothing to give back: it is a resource of the process only to be the same number for all.
  }
}
