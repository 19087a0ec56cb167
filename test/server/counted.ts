import type { TestServer } from '#test/server.ts';

/** Not counts of queries: how many connections to an upstream there must be is a matter of how many queries meet. */
const BY_CHANCE = 'coredns_proxy_conn_cache_';

/** Counters and histograms of CoreDNS's as the scrape shows them: of durations only the count. */
export const counted = async (server: TestServer): Promise<string[]> =>
  (await server.services.metrics.render())
    .split('\n')
    .filter((line) => line.startsWith('coredns_') && !line.startsWith(BY_CHANCE))
    .filter((line) => !/duration_seconds_(bucket|sum)/.test(line))
    .map((line) => line.replaceAll(/(?:127\.0\.0\.1|\[::1\]):\d+/g, 'ADDRESS'))
    .sort();

/** What all series of a counter come to. */
export const totalOf = async (server: TestServer, name: string): Promise<number> =>
  [...(await server.services.metrics.render()).matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
    (total, [, value]) => total + Number(value),
    0,
  );

/** UDP queries that were answered from memory; behind dgram also TCP's, as they share one. */
export const rememberedOverUdp = async (server: TestServer): Promise<number> => {
  const ofThreads = await totalOf(server, 'cluster_dns_udp_remembered_total');
  return server.udp === 'batch' ? ofThreads : hitsOfMain(server);
};

/** Hits of the main thread's own memory. */
export const hitsOfMain = ({ server }: TestServer): number =>
  (server.configuration?.groups ?? []).reduce((hits, { group }) => hits + (group.memory?.counts.hits ?? 0), 0);
