import type { Retire } from '#netfilter/ipvs/restore-text.ts';
import { type RealServer, serviceText, socketText, type VirtualServer } from '#netfilter/ipvs/virtual-server.ts';

type VirtualServers = ReadonlyMap<string, VirtualServer>;

/** Whether real servers that may have connections are no longer wanted: only then has the kernel to be asked for them. */
export const isRetiring = (before: VirtualServers, after: VirtualServers): boolean => {
  for (const [name, server] of before) {
    const next = after.get(name);
    if (server.protocol === 'tcp' && next !== undefined && retiring(server, next).length > 0) return true;
  }
  return false;
};

/** Like kube-proxy: a real server of TCP keeps its connections until they end, others go at once. */
export const retireIdle =
  (connections: ReadonlyMap<string, number>): Retire =>
  (server, real) =>
    server.protocol === 'tcp' && (connections.get(realName(server, real)) ?? 0) > 0 ? 'drain' : 'remove';

/** What is wanted, and with weight 0 what stays for its connections. */
export const withDraining = (before: VirtualServers, after: VirtualServers, retire: Retire): VirtualServers => {
  const kept = new Map(after);
  for (const [name, server] of before) {
    const next = after.get(name);
    if (next === undefined) continue;
    const draining = retiring(server, next).filter((real) => retire(next, real) === 'drain');
    if (draining.length === 0) continue;
    const realServers = [...next.realServers, ...draining.map((real) => ({ ...real, weight: 0 }))];
    kept.set(name, { ...next, realServers });
  }
  return kept;
};

export const hasDraining = (servers: VirtualServers): boolean => {
  for (const { realServers } of servers.values()) if (realServers.some(({ weight }) => weight === 0)) return true;
  return false;
};

/** The servers without those real ones that have drained, and the input of `ipvsadm --restore` that removes these. */
export const withoutDrained = (
  servers: VirtualServers,
  connections: ReadonlyMap<string, number>,
): { readonly servers: VirtualServers; readonly text: string } => {
  const kept = new Map(servers);
  let text = '';
  for (const [name, server] of servers) {
    const hasDrained = (real: RealServer): boolean =>
      real.weight === 0 && (connections.get(realName(server, real)) ?? 0) === 0;
    const drained = server.realServers.filter(hasDrained);
    if (drained.length === 0) continue;
    kept.set(name, { ...server, realServers: server.realServers.filter((real) => !hasDrained(real)) });
    for (const { address, port } of drained) text += `-d ${name} -r ${socketText(address, port)}\n`;
  }
  return { servers: kept, text };
};

const retiring = (server: VirtualServer, next: VirtualServer): readonly RealServer[] => {
  if (server.realServers === next.realServers) return [];
  const wanted = new Set(next.realServers.map(({ address, port }) => socketText(address, port)));
  return server.realServers.filter(({ address, port }) => !wanted.has(socketText(address, port)));
};

const realName = (server: VirtualServer, { address, port }: RealServer): string =>
  `${serviceText(server)} ${socketText(address, port)}`;
