/** A Service with one port, as JSON for `kubectl apply`; `None` as the address makes it headless. */
export const service = (name: string, clusterIP: string, namespace = 'default'): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    // The API server fills in the list and would keep it.
    spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'http', port: 80 }] },
  });

/** The ready endpoints of a Service. */
export const slice = (name: string, addresses: readonly string[], namespace = 'default'): string =>
  JSON.stringify({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  });

export const namespace = (name: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

/** Several objects in one text. */
export const together = (...objects: readonly string[]): string => objects.join('\n');
