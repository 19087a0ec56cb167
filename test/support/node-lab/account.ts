import type { Fate, Transport } from './load/orders.ts';

/** One kind of client: where it is, whom it asks, and how. */
export interface Kind {
  readonly place: 'pod' | 'node';
  readonly address: string;
  readonly transport: Transport;
}

export interface Query extends Fate {
  readonly kind: Kind;
}

const ANSWER = /^(\d+\.\d+\.\d+\.\d+|[A-Z]+)$/;

/** SERVFAIL is an answer; nothing, a refused connection and one that ends are none. */
export const isAnswered = ({ outcome }: Fate): boolean => ANSWER.test(outcome);

const kindText = ({ place, address, transport }: Kind): string => `${place} ${transport} ${address}`;

/** What became of the queries of a load. */
export class Account {
  readonly startedMs: number;
  readonly queries: readonly Query[];

  constructor(startedMs: number, queries: readonly Query[]) {
    this.startedMs = startedMs;
    this.queries = queries;
  }

  get lost(): readonly Query[] {
    return this.queries.filter((query) => !isAnswered(query));
  }

  /** Those that were sent in this time of the machine's clock. */
  sentBetween(fromMs: number, toMs = Number.POSITIVE_INFINITY): Account {
    return new Account(
      this.startedMs,
      this.queries.filter(({ sentMs }) => sentMs >= fromMs && sentMs < toMs),
    );
  }

  only(isMeant: (query: Query) => boolean): Account {
    return new Account(this.startedMs, this.queries.filter(isMeant));
  }

  /** How often each outcome came. */
  get outcomes(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { outcome } of this.queries) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return counts;
  }

  /** The longest that a query waited for its answer; 0 where none was answered. */
  get slowestMs(): number {
    return Math.max(0, ...this.queries.filter(isAnswered).map(({ tookMs }) => tookMs));
  }

  /** ms from a moment to when the last query that was lost had been sent; 0 where none was. */
  lastLostMs(sinceMs: number): number {
    return Math.max(0, ...this.lost.map(({ sentMs }) => sentMs - sinceMs));
  }

  /** Each lost query, for whoever has to find out why; the first few. */
  lostText(sinceMs = this.startedMs): string {
    const lines = this.lost.map(
      ({ kind, sentMs, outcome, name }) =>
        `${kindText(kind)} ${name}: ${outcome}, sent at ${Math.round(sentMs - sinceMs)} ms`,
    );
    return [...lines.slice(0, 40), ...(lines.length > 40 ? [`and ${lines.length - 40} more`] : [])].join('\n');
  }

  /** Lost of sent, and the outcomes, by kind of client. */
  text(): string {
    const kinds = new Map(this.queries.map(({ kind }) => [kindText(kind), kind]));
    return [...kinds]
      .map(([text, kind]) => {
        const own = this.only((query) => query.kind === kind || kindText(query.kind) === text);
        return `${text}: ${own.lost.length}/${own.queries.length} lost ${JSON.stringify(own.outcomes)}`;
      })
      .join('\n');
  }
}
