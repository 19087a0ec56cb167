import fc from 'fast-check';
import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import type { KubeObject } from '#kube/source.ts';
import { mostly, namespace, pick, RANDOM_NODE, serviceName } from './pick.ts';

/** Addresses and the node that each is on, as a Pod is on one node only. */
const PLACES = {
  IPv4: [
    ['10.180.0.1', RANDOM_NODE],
    ['10.180.0.2', RANDOM_NODE],
    ['10.180.0.10', RANDOM_NODE],
    ['10.180.000.001', RANDOM_NODE],
    ['10.180.1.1', 'neighbour'],
    ['10.180.1.2', 'there'],
    ['10.180.1.3', ''],
  ],
  IPv6: [
    ['fd00:10:180::1', RANDOM_NODE],
    ['fd00:10:180::2', RANDOM_NODE],
    ['fd00:10:180:1::1', 'there'],
  ],
} as const;

const place = (family: keyof typeof PLACES) =>
  fc.oneof(
    {
      weight: 12,
      arbitrary: pick(...PLACES[family]).map(([address, node]) => ({ addresses: [address], nodeName: node })),
    },
    { weight: 1, arbitrary: pick<readonly string[]>([], ['bad']).map((addresses) => ({ addresses, nodeName: '' })) },
  );

const HINTS: readonly unknown[] = [
  { forZones: [{ name: 'z1' }] },
  { forZones: [{ name: 'z2' }] },
  { forNodes: [{ name: RANDOM_NODE }] },
];

/** Hints count only where all have them, so they are a matter of the slice. */
const endpoints = (family: keyof typeof PLACES) =>
  mostly<readonly unknown[]>([undefined], HINTS).chain((hints) =>
    fc.array(
      fc
        .record({
          place: place(family),
          conditions: mostly({}, { ready: false }, { ready: false, serving: true, terminating: true }),
          zone: pick('z1', 'z2'),
          hints: pick(...hints),
        })
        .map(({ place: where, ...others }) => ({ ...where, ...others })),
      { minLength: 0, maxLength: 6, size: 'large' },
    ),
  );

const PORTS = [
  { port: 8080 },
  { name: 'http', port: 8080 },
  { name: 'dns', port: 5353 },
  { name: 'dns', port: 5353, protocol: 'UDP' },
  { name: 's', port: 99, protocol: 'SCTP' },
];

export const randomSlice: fc.Arbitrary<KubeObject> = fc
  .tuple(pick('IPv4', 'IPv4', 'IPv6'), serviceName, namespace)
  .chain(([addressType, owner, scope]) =>
    fc.record({
      // Mostly a name for each Service, so that slices are seldom handed on.
      metadata: mostly(`${owner}-1`, `${owner}-2`, 'shared').map((name) => ({
        namespace: scope,
        name: `${name}-${addressType}`,
        labels: { 'kubernetes.io/service-name': owner },
      })),
      addressType: fc.constant(addressType),
      ports: mostly<readonly unknown[] | null>(PORTS, [{ name: 'http', port: 9090 }], [{ name: 'http' }], null),
      endpoints: endpoints(addressType as keyof typeof PLACES),
    }),
  )
  .map((raw) => projectEndpointSlice(raw) as KubeObject);
