import type { Endpoint, ServicePort } from './service-port.ts';

/** Whether two decisions are the same, so that nobody has to hear of it. */
export const isSamePort = (a: ServicePort, b: ServicePort): boolean =>
  a === b ||
  (a.key === b.key &&
    a.clusterIP === b.clusterIP &&
    a.port === b.port &&
    a.nodePort === b.nodePort &&
    a.hasNodeInSourceRanges === b.hasNodeInSourceRanges &&
    a.healthCheckNodePort === b.healthCheckNodePort &&
    a.affinitySeconds === b.affinitySeconds &&
    a.internalPolicy === b.internalPolicy &&
    a.externalPolicy === b.externalPolicy &&
    a.internal === b.internal &&
    a.external === b.external &&
    a.hasEndpoints === b.hasEndpoints &&
    a.localReadyCount === b.localReadyCount &&
    isSameTexts(a.externalIPs, b.externalIPs) &&
    isSameTexts(a.loadBalancerIPs, b.loadBalancerIPs) &&
    isSameTexts(a.sourceRanges, b.sourceRanges) &&
    isSameEndpoints(a.clusterEndpoints, b.clusterEndpoints) &&
    isSameEndpoints(a.localEndpoints, b.localEndpoints));

const isSameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((text, index) => text === b[index]));

const isSameEndpoints = (a: readonly Endpoint[], b: readonly Endpoint[]): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every((endpoint, index) => {
      const other = b[index];
      return endpoint.address === other?.address && endpoint.port === other.port && endpoint.isLocal === other.isLocal;
    }));
