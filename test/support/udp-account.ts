/** What became of queries over UDP, as the server's own metrics tell. */
export interface UdpAccount {
  /** Taken from sockets. */
  readonly received: number;
  readonly remembered: number;
  readonly handedOver: number;
  /** Dropped because main was too far behind. */
  readonly dropped: number;
  /** Dropped by main, which came to them too late; handed over before. */
  readonly outdated: number;
  readonly limited: number;
  /** Dropped by the kernel before anyone saw them. */
  readonly kernelDrops: number;
  readonly sendFailures: number;
  /** On their way at main now. */
  readonly inFlight: number;
  /** Refused because too many waited for upstreams. */
  readonly rejected: number;
}

/** Reads a scrape. */
export const udpAccount = (scrape: string): UdpAccount => {
  const sum = (name: string): number =>
    [...scrape.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce((all, [, n]) => all + Number(n), 0);
  return {
    received: sum('cluster_dns_udp_received_total'),
    remembered: sum('cluster_dns_udp_remembered_total'),
    handedOver: sum('cluster_dns_udp_handed_over_total'),
    dropped: sum('cluster_dns_udp_dropped_total'),
    outdated: sum('cluster_dns_udp_outdated_total'),
    limited: sum('cluster_dns_udp_limited_total'),
    kernelDrops: sum('cluster_dns_udp_receive_buffer_drops_total'),
    sendFailures: sum('cluster_dns_udp_send_failures_total') + sum('cluster_dns_udp_main_send_failures_total'),
    inFlight: sum('cluster_dns_udp_queries_in_flight'),
    rejected: sum('coredns_forward_max_concurrent_rejects_total'),
  };
};

/** What came in between two accounts; `inFlight` is that of the later one. */
export const accountSince = (before: UdpAccount, after: UdpAccount): UdpAccount =>
  ({
    ...Object.fromEntries(Object.entries(after).map(([key, n]) => [key, n - before[key as keyof UdpAccount]])),
    inFlight: after.inFlight,
  }) as unknown as UdpAccount;
