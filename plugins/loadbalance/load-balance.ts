import type { ResourceRecord } from '#dns/record.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { mapReply, type Next, type Query, type Reply } from '#plugin/index.ts';
import type { LoadBalanceOptions } from './options.ts';
import { preferSubnets } from './prefer.ts';
import { roundRobin } from './round-robin.ts';
import type { WeightFile } from './weight-file.ts';
import { topByWeight } from './weighted.ts';

/** The layer of one server block. */
export class LoadBalance {
  readonly #options: LoadBalanceOptions;
  readonly #weights: WeightFile | null;
  readonly #random: () => number;
  /** Made once, so that a query makes no closure. */
  readonly #reorder = (reply: Reply): Reply => this.#reordered(reply);

  constructor(options: LoadBalanceOptions, weights: WeightFile | null, random: () => number) {
    this.#options = options;
    this.#weights = weights;
    this.#random = random;
  }

  handle(query: Query, next: Next): Reply | Promise<Reply> {
    const { type } = query;
    if (type === RR_TYPE.AXFR || type === RR_TYPE.IXFR) return next(query);
    // A memory can shuffle each time it repeats a reply, but knows neither weights, which change, nor subnets.
    if (this.#weights !== null || this.#options.preferred.length > 0) query.provenance.forbid();
    else query.provenance.isRotated = true;
    // Weights are for addresses, and for those that come along with SRV records.
    const isAsked = type === RR_TYPE.A || type === RR_TYPE.AAAA || type === RR_TYPE.SRV;
    return this.#weights === null || isAsked ? mapReply(next(query), this.#reorder) : next(query);
  }

  #reordered(reply: Reply): Reply {
    if (reply.kind !== 'answer' || reply.rcode !== RCODE.NOERROR) return reply;
    const answer = this.#section(reply.answer);
    const authority = this.#weights === null ? roundRobin(reply.authority, this.#random) : reply.authority;
    const additional = this.#section(reply.additional);
    return answer === reply.answer && authority === reply.authority && additional === reply.additional
      ? reply
      : reply.with({ answer, authority, additional });
  }

  #section(records: readonly ResourceRecord[]): readonly ResourceRecord[] {
    if (this.#weights !== null) return topByWeight(records, this.#weights.weights, this.#random);
    const { preferred } = this.#options;
    const shuffled = roundRobin(records, this.#random);
    return preferred.length === 0 ? shuffled : preferSubnets(shuffled, preferred);
  }
}
