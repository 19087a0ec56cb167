/** The first packet of a flow, as it comes to the node. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Destination port. */
  readonly port: number;
  /** Interface that it comes in by; unknown where it is not said. A packet from one of the node's own addresses leaves by the output hook. */
  readonly inInterface?: string;
}

/** What rules ask about the machine that they are on. */
export interface Machine {
  /** Addresses of all its interfaces, loopback's among them. */
  readonly localAddresses: ReadonlySet<string>;
}

/** One endpoint that may get the packet. */
export interface Delivery {
  readonly address: string;
  readonly port: number;
  /** 0 to 1; those of one fate add up to 1. */
  readonly chance: number;
  /** The endpoint sees an address of the node. */
  readonly isMasqueraded: boolean;
}

/** What becomes of a packet. */
export type Fate =
  | { readonly kind: 'delivered'; readonly to: readonly Delivery[] }
  /** ICMP port unreachable. */
  | { readonly kind: 'rejected' }
  | { readonly kind: 'dropped' }
  /** A rule accepts it for what is behind the node's own port. */
  | { readonly kind: 'accepted' }
  /** No rule of the Service proxy changes its way. */
  | { readonly kind: 'untouched' };

/** A packet's way through planned rules. */
export interface Trace {
  readonly fate: Fate;
  /** Chain and rule, one line for each that matched, in order; a random choice is one line for each branch. */
  readonly steps: readonly string[];
}
