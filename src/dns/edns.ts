import { EDNS_OPTION } from './registry/edns-options.ts';

export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

/** The OPT pseudo-record of a message (RFC 6891, section 6.1). `udpSize` is the sender's UDP payload size in octets, as sent. */
export interface Edns {
  readonly udpSize: number;
  readonly version: number;
  readonly isDnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

/** Largest UDP reply a client takes when it says nothing (RFC 1035, section 4.2.1), and the least that an OPT can say. */
export const MIN_UDP_OCTETS = 512;

/** Options of a query that its reply repeats as they are (CoreDNS: plugin/pkg/edns). */
export const ECHOED_OPTIONS: ReadonlySet<number> = new Set([
  EDNS_OPTION.NSID,
  EDNS_OPTION.EXPIRE,
  EDNS_OPTION.COOKIE,
  EDNS_OPTION.TCP_KEEPALIVE,
  EDNS_OPTION.PADDING,
]);

/** Octets of an OPT record with these options. */
export const optRecordOctets = (options: readonly EdnsOption[]): number => {
  let octets = 11;
  for (const option of options) octets += 4 + option.data.length;
  return octets;
};
