import { bareReplyOctets } from '#dns/message-size.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { DnsTraffic } from '#metrics/dns-traffic.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { CoreEvents } from './server-group.ts';

/** Counts what no plugin answered for: queries refused or broken (zone `dropped`), and crashes of plugins. */
export const dnsEvents = (metrics: Metrics): CoreEvents => {
  const traffic = new DnsTraffic(metrics, rcodeName);
  const panics = metrics
    .counter({ name: 'coredns_panics_total', help: 'Crashes of plugins that were recovered from.' })
    .at();
  return {
    dropped: (query, reply) =>
      traffic.countDropped(query.server.label, query, reply.rcode, bareReplyOctets(query.request)),
    panic: () => panics.add(),
  };
};
