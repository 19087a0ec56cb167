import { Histogram } from './histogram.ts';
import { type AskerReport, LOST_AFTER_MS } from './job.ts';

const IDS = 65_536;

/** The queries that are under way, by their ID, and what came of them. Times are ms of performance.now(). */
export class Flight {
  /** Latencies count of queries that are due from here on. */
  readonly #from: number;
  readonly #due = new Float64Array(IDS).fill(-1);
  readonly #latency = new Histogram();
  readonly #lateness = new Histogram();
  readonly #rcodes = new Array<number>(24).fill(0);
  #asked = 0;
  #answered = 0;
  #truncated = 0;
  #withAnswer = 0;

  constructor(from: number) {
    this.#from = from;
  }

  /** Notes a query that was due at a time and leaves now, and gives the ID for it. */
  leave(due: number, now: number): number {
    const id = this.#asked++ % IDS;
    this.#lose(this.#due[id] as number); // not answered for 65,536 queries
    this.#due[id] = due;
    if (due >= this.#from) this.#lateness.record((now - due) * 1000);
    return id;
  }

  /** Notes the reply whose header is at an offset. One that nobody waits for is not counted. */
  land(octets: Buffer, offset: number, now: number): void {
    const id = octets.readUInt16BE(offset);
    const due = this.#due[id] as number;
    if (due === -1) return;
    this.#due[id] = -1;
    this.#answered++;
    if (due >= this.#from) this.#latency.record((now - due) * 1000);
    const rcode = (octets[offset + 3] as number) & 15;
    this.#rcodes[rcode] = (this.#rcodes[rcode] as number) + 1;
    if ((octets[offset + 2] as number) & 2) this.#truncated++;
    if (octets.readUInt16BE(offset + 6) > 0) this.#withAnswer++;
  }

  get isOver(): boolean {
    return this.#answered === this.#asked;
  }

  #lose(due: number): void {
    if (due !== -1 && due >= this.#from) this.#latency.record(LOST_AFTER_MS * 1000);
  }

  /** Counts what is still under way as lost. */
  report(): AskerReport {
    for (const due of this.#due) this.#lose(due);
    return {
      asked: this.#asked,
      answered: this.#answered,
      p50: this.#latency.quantile(0.5),
      p99: this.#latency.quantile(0.99),
      p999: this.#latency.quantile(0.999),
      max: this.#latency.max,
      late999: this.#lateness.quantile(0.999),
      rcodes: this.#rcodes,
      truncated: this.#truncated,
      withAnswer: this.#withAnswer,
    };
  }
}
