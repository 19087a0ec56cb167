import type { ServicePorts } from './service-port.ts';

/** Above this a cluster is large: kube-proxy's number. */
const LARGE = 1000;

/** Whether there are so many endpoints that iptables mode saves comments and regular full syncs. */
export const isLargeCluster = (services: ServicePorts): boolean => {
  let count = 0;
  for (const { clusterEndpoints, localEndpoints } of services.values()) {
    count += Math.max(clusterEndpoints.length, localEndpoints.length);
  }
  return count > LARGE;
};
