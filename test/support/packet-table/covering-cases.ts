import type { ServicePort } from '#proxy/model/service-port.ts';
import type { PacketCase } from './packet-case.ts';

/** Those of the cases that have something which none before them has: each way in with each policy and end, each option, each fate. */
export const coveringCases = (cases: readonly PacketCase[]): readonly PacketCase[] => {
  const seen = new Set<string>();
  return cases.filter((scene) => {
    const fresh = traits(scene).filter((trait) => !seen.has(trait));
    for (const trait of fresh) seen.add(trait);
    return fresh.length > 0;
  });
};

const traits = ({ options, ports, flows, previous }: PacketCase): readonly string[] => [
  `${options.family} by ${options.localTraffic.by}`,
  `masqueradeAll ${options.masqueradeAll}`,
  `mark ${options.masqueradeMark}`,
  `node ports at ${options.nodePortAddresses === 'all' ? 'all' : options.nodePortAddresses.length}`,
  `loopback ${options.localhostNodePorts}`,
  `liberal ${options.conntrackTcpBeLiberal}`,
  `ranges ${options.serviceCidrs.length > 0}`,
  `change ${previous !== null}`,
  ...flows.map(({ packet, expected }) => `${options.family} ${packet.protocol} ${expected.kind}`),
  ...[...ports.values()].flatMap(portTraits),
];

const portTraits = (port: ServicePort): readonly string[] => {
  const { family, protocol, affinitySeconds, clusterEndpoints, localEndpoints } = port;
  const all = `${family} affinity ${affinitySeconds > 0} of ${Math.min(clusterEndpoints.length, 2)} and ${Math.min(localEndpoints.length, 2)}`;
  const outside = `${port.externalPolicy} ${port.external} ${all}`;
  return [
    `${protocol} ${family}`,
    `cluster IP ${port.internalPolicy} ${port.internal} ${all}`,
    ...port.externalIPs.map(() => `external IP ${outside}`),
    ...port.loadBalancerIPs.map(
      () => `load balancer ${port.sourceRanges.length > 0} ${port.hasNodeInSourceRanges} ${outside}`,
    ),
    ...(port.nodePort > 0 ? [`node port ${outside}`] : []),
    ...(port.healthCheckNodePort > 0 ? ['health check'] : []),
  ];
};
