import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Addresses 10.244.8.1 and on, as many. */
export const bigAddresses = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `10.244.${8 + Math.floor(i / 254)}.${1 + (i % 254)}`);

/** A directory with a headless Service `big` in Namespace `default`, too large for a datagram; the caller removes it. */
export const bigServiceDirectory = (count: number): string => {
  const directory = mkdtempSync(join(tmpdir(), 'cluster-dns-big-'));
  const metadata = { name: 'big', namespace: 'default' };
  const items = [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'big' } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      endpoints: bigAddresses(count).map((address) => ({ addresses: [address], conditions: { ready: true } })),
    },
  ];
  writeFileSync(join(directory, 'big.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  return directory;
};
