import { localAddressOf } from '#libc/packet-info.ts';
import { hostOf, isIPv4Peer, portOf } from '#libc/socket-address.ts';
import type { Peer } from '#plugin/index.ts';
import { HandedQuery } from './query-ring.ts';

/** Who sent a query that was handed over. Most queries are answered without anyone asking, so the texts are made when they are. */
export class BatchPeer implements Peer {
  readonly family: 4 | 6;
  readonly localPort: number;
  readonly #query: HandedQuery;
  /** Address that the socket is bound to, '' for all. */
  readonly #boundHost: string;
  #address: string | null = null;

  constructor(query: HandedQuery, boundHost: string, localPort: number) {
    this.#query = query;
    this.#boundHost = boundHost;
    this.localPort = localPort;
    this.family = isIPv4Peer(query.record, HandedQuery.nameAt) ? 4 : 6;
  }

  get address(): string {
    this.#address ??= hostOf(this.#query.record, HandedQuery.nameAt);
    return this.#address;
  }

  get port(): number {
    return portOf(this.#query.record, HandedQuery.nameAt);
  }

  get localAddress(): string {
    const { record, controlOctets } = this.#query;
    return localAddressOf(record, HandedQuery.controlAt, controlOctets) || this.#boundHost;
  }
}
