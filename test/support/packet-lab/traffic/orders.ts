/** What the traffic program is told, and tells: plain values, as they cross to its thread. */

export type Protocol = 'tcp' | 'udp';

/** A socket that answers: each TCP connection and each datagram gets told who took it and whom that one sees. */
export interface Listener {
  /** Name of the network namespace. */
  readonly namespace: string;
  readonly address: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** Flows from one address to one other, each from a source port of its own. */
export interface Flow {
  readonly namespace: string;
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly protocol: Protocol;
}

/** Who answered, as that one says. */
export interface Answer {
  readonly namespace: string;
  readonly address: string;
  readonly port: number;
  /** The source address that the answering side sees. */
  readonly peer: string;
}

/**
 * What became of one flow. `refused`: ICMP port unreachable, or a reset: in the lab there is a listener wherever a packet may come to, so it is the former.
 * `silent`: nothing in the time. `failed`: any other error, by its code.
 */
export type Outcome =
  | { readonly kind: 'answered'; readonly by: Answer }
  | { readonly kind: 'refused' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'failed'; readonly code: string };

export interface Attempt {
  /** ms of the machine's monotonic clock, just before the first packet. */
  readonly startedMs: number;
  readonly outcome: Outcome;
}

export interface TryOrder {
  readonly flow: Flow;
  readonly count: number;
  /** How long an answer may take before it counts as silence. */
  readonly silenceMs: number;
  /**
   * Answers to everything that the flow's source asks it. Once it has answered some flows that were sent after this one, silence it is: what is
   * to be dropped need not wait for a clock.
   */
  readonly control?: { readonly address: string; readonly port: number };
}

/** The same outcomes together. */
export interface Tally {
  readonly outcome: Outcome;
  readonly count: number;
}

/** Long-lived flows, which send a word and wait for its echo all the time. */
export interface HoldOrder {
  readonly flow: Flow;
  readonly count: number;
}

export interface Held {
  /** null where it was never answered. */
  readonly by: Answer | null;
  readonly echoes: number;
  /** What ended it, '' while it lives. */
  readonly brokenBy: string;
}

/** New flows all the time, so many at once. */
export interface StreamOrder {
  readonly flow: Flow;
  readonly atOnce: number;
  readonly silenceMs: number;
}

/** Calls of the traffic program: what goes in, and what comes back. */
export interface Calls {
  listen(listeners: readonly Listener[]): void;
  try(orders: readonly TryOrder[]): Promise<readonly (readonly Tally[])[]>;
  /** Each attempt by itself, one after the other. */
  tryInTurn(order: TryOrder): Promise<readonly Attempt[]>;
  /** Resolves once each has been answered, or is broken; gives a number to ask for them with. */
  hold(order: HoldOrder): Promise<number>;
  /** After one more echo of each that is not broken, at most `withinMs` later. */
  held(id: number, withinMs: number): Promise<readonly Held[]>;
  release(id: number): void;
  stream(order: StreamOrder): number;
  /** How many of it have ended. */
  streamed(id: number): number;
  /** Ends it, and gives all that it did. */
  endStream(id: number): Promise<readonly Attempt[]>;
  /** Opens one UDP socket; gives a number to ask from it with. */
  openDatagrams(flow: Flow): number;
  /** What becomes of one more datagram of the same flow. */
  ask(id: number, silenceMs: number): Promise<Outcome>;
  /** Resolves once the namespace takes packets for these IPv6 addresses of its own: the kernel does so some time after they were given to it. */
  haveLocal(namespace: string, addresses: readonly string[]): Promise<void>;
  /** Has the namespace forget all connections. */
  forgetConnections(namespace: string): void;
  /** Writes kernel parameters of the namespace, by their path below /proc/sys. */
  setKernel(namespace: string, values: Readonly<Record<string, string>>): void;
  /** Lets go of the namespaces. */
  close(): void;
}

export interface Order {
  readonly id: number;
  readonly call: keyof Calls;
  readonly args: readonly unknown[];
}

export type Reply = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string };
