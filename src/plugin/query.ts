import type { Edns } from '#dns/edns.ts';
import type { Name, WireName } from '#dns/name.ts';
import type { Provenance } from './provenance.ts';
import type { Reply } from './reply.ts';

/** No limit: the largest number that the field holds. */
export const ANY_UDP_SIZE = 65_535;

export type Transport = 'udp' | 'tcp' | 'tls';

/** Who asks, and which of our addresses was asked. Addresses in text form; ports are 0 for an internal look-up. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
  readonly localAddress: string;
  readonly localPort: number;
}

/** What a query was when it reached the listener. */
export interface Request {
  readonly id: number;
  readonly opcode: number;
  readonly isRecursionDesired: boolean;
  readonly isAuthenticData: boolean;
  readonly isCheckingDisabled: boolean;
  /** The first question, as it was spelled. */
  readonly question: { readonly name: WireName; readonly type: number; readonly class: number };
  readonly edns: Edns | null;
  /** Octets of the request message. */
  readonly octets: number;
}

/** The listener group a query came in on. */
export interface ServerHandle {
  /** Metric label: `dns://:53`, `dns://127.0.0.1:1053`. */
  readonly label: string;
  /** Routes a query through this listener's server blocks. */
  serve(query: Query): Reply | Promise<Reply>;
}

export interface QueryFields {
  readonly name?: Name;
  readonly type?: number;
  readonly class?: number;
  readonly request?: Request;
  readonly provenance?: Provenance;
  readonly depth?: number;
}

/**
 * One query on its way through the chain. Layers look at `name`, `type` and `class` (a rewriting layer passes a changed copy on) and
 * at `request` for what the client really sent.
 */
export class Query {
  #request: Request;
  readonly peer: Peer;
  readonly transport: Transport;
  readonly server: ServerHandle;
  readonly provenance: Provenance;
  /** Monotonic ms (`performance.now()`) at arrival. */
  readonly receivedAtMs: number;
  /** QNAME, folded. */
  readonly name: Name;
  readonly type: number;
  readonly class: number;
  /** Zone of the server block that was routed to; set by the router. */
  zone: Name;
  /** Name of the view, '' where there is none. */
  view = '';
  /** How many internal look-ups deep: 0 for a client's query. */
  readonly depth: number;
  /** What `limitUdpSize` was told. */
  udpSizeLimit = ANY_UDP_SIZE;

  constructor(
    origin: Pick<Query, 'request' | 'peer' | 'transport' | 'server' | 'provenance' | 'receivedAtMs'>,
    question: {
      readonly name: Name;
      readonly type: number;
      readonly class: number;
      readonly zone: Name;
      readonly depth: number;
    },
  ) {
    this.#request = origin.request;
    this.peer = origin.peer;
    this.transport = origin.transport;
    this.server = origin.server;
    this.provenance = origin.provenance;
    this.receivedAtMs = origin.receivedAtMs;
    this.name = question.name;
    this.type = question.type;
    this.class = question.class;
    this.zone = question.zone;
    this.depth = question.depth;
  }

  /** What the client sent, and what `limitUdpSize` has made of it. */
  get request(): Request {
    return this.#request;
  }

  /**
   * Takes the UDP size that the client says it takes down to this one at the most, for all further layers and for the reply. To be
   * called on the very query that a layer was given: a copy's size is nothing to the reply.
   */
  limitUdpSize(octets: number): void {
    this.udpSizeLimit = Math.min(this.udpSizeLimit, octets);
    const { edns } = this.#request;
    if (edns !== null && edns.udpSize > octets)
      this.#request = { ...this.#request, edns: { ...edns, udpSize: octets } };
  }

  /** A copy with some fields changed. */
  with(changed: QueryFields): Query {
    const copy = new Query(
      changed.request || changed.provenance
        ? {
            request: changed.request ?? this.request,
            provenance: changed.provenance ?? this.provenance,
            peer: this.peer,
            transport: this.transport,
            server: this.server,
            receivedAtMs: this.receivedAtMs,
          }
        : this,
      {
        name: changed.name ?? this.name,
        type: changed.type ?? this.type,
        class: changed.class ?? this.class,
        zone: this.zone,
        depth: changed.depth ?? this.depth,
      },
    );
    copy.view = this.view;
    return copy;
  }

  get isDnssecOk(): boolean {
    return this.request.edns?.isDnssecOk ?? false;
  }

  /**
   * Resolves another name inside this server, routing included, for a CNAME target (CoreDNS: `upstream.Lookup`). It shares this
   * query's provenance, and a reply made with its help is never repeated from memory as it is (a cached one may be).
   */
  lookup(name: WireName, folded: Name, type: number): Reply | Promise<Reply> {
    this.provenance.forbid();
    const request: Request = { ...this.request, question: { name, type, class: this.class } };
    return this.server.serve(this.with({ request, name: folded, type, depth: this.depth + 1 }));
  }
}
