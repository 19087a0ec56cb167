import type { Services } from '#plugin/index.ts';
import { CREDIT } from './batch/query-ring.ts';
import { COUNT, type CountName } from './batch/thread-start.ts';
import type { UdpCounts } from './udp-counts.ts';

/** Number of the main thread among those that count. */
export const MAIN_THREAD = 0;

/** What all dgram listeners of the process share: their counts, and the bound of queries that are on their way. */
export class DgramQueries {
  readonly services: Pick<Services, 'metrics' | 'clock'>;
  readonly #counts: Float64Array;
  #inFlight = 0;

  constructor(services: Pick<Services, 'metrics' | 'clock'>, counts: UdpCounts) {
    this.services = services;
    this.#counts = counts.of(MAIN_THREAD);
    counts.inFlight(MAIN_THREAD).follow(() => this.#inFlight);
  }

  /** The main thread's sheet of cells. */
  get sheet(): Float64Array {
    return this.services.metrics.cells.sheet(MAIN_THREAD);
  }

  count(what: CountName): void {
    this.#counts[COUNT[what]] = (this.#counts[COUNT[what]] as number) + 1;
  }

  /** True where one more query may go on its way; what a listener thread has is the bound here, too. */
  take(): boolean {
    if (this.#inFlight >= CREDIT) {
      this.count('dropped');
      return false;
    }
    this.#inFlight++;
    this.count('handed');
    return true;
  }

  /** One more query is answered, or never will be. */
  done(): void {
    this.#inFlight--;
  }
}
