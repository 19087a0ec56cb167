import type { ProxyMode, RuleBackend } from '#proxy/rule-backend.ts';

/** The back end of a mode; each is loaded when it is asked for. */
export const loadBackend = async (mode: ProxyMode): Promise<RuleBackend> => {
  switch (mode) {
    case 'nftables':
      return (await import('#proxy/backends/nftables/index.ts')).nftables;
    case 'iptables':
      return (await import('#proxy/backends/iptables/index.ts')).iptables;
    case 'ipvs':
      return (await import('#proxy/backends/ipvs/index.ts')).ipvs;
  }
};
