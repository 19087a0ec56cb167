/** One row of the benchmark. */
export interface RowJob {
  readonly layout: Layout;
  readonly services: number;
  /** Endpoints of each Service. */
  readonly endpoints: number;
  /** Changes of each kind that are timed. */
  readonly changes: number;
  /** New connections that are timed. */
  readonly connections: number;
  /** Namespace of the client. */
  readonly client: string;
  /** Programs to start, where the bench's are. */
  readonly programs: string;
}

/** What puts Services into the kernel. */
export type Layout = 'nftables, maps' | 'nftables, a chain per Service' | 'iptables-legacy' | 'iptables-nft';

/** Times of one kind of change, ms, from the model to the end of the tool. */
export interface ChangeCost {
  /** Until the kernel has it, median; only of nftables. */
  readonly kernel?: number;
  readonly median: number;
  readonly worst: number;
  /** CPU time of a change, mean. */
  readonly ownCpuMs: number;
  readonly toolCpuMs: number;
}

export interface Latency {
  readonly median: number;
  readonly p99: number;
}

export interface RowResult {
  /** From the first object to the model to the kernel's acknowledgement. */
  readonly fullMs: number;
  /** Of that, what the model took. */
  readonly modelMs: number;
  /** CPU time of the full sync. */
  readonly ownCpuMs: number;
  readonly toolCpuMs: number;
  readonly endpointRemoved: ChangeCost;
  readonly serviceAdded: ChangeCost;
  readonly residentMiB: number;
  readonly peakMiB: number;
  /** Of the commands that it keeps running. */
  readonly toolMiB: number;
  /** Of new TCP connections from a client behind the node, us. */
  readonly latency: Latency;
  /** One rule by `iptables -A`, beside what is there: ms; only of the iptables layouts. */
  readonly appendMs?: number;
}
