import { expect, it } from 'vitest';
import { topologyKeysToday } from './topology-keys-today.ts';

const HOSTNAME = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';
const REGION = 'topology.kubernetes.io/region';

it.each([
  [[HOSTNAME], 'internalTrafficPolicy: Local'],
  [[HOSTNAME, '*'], 'trafficDistribution: PreferSameNode'],
  [[ZONE, '*'], 'trafficDistribution: PreferSameZone'],
  [[HOSTNAME, ZONE, REGION, '*'], 'trafficDistribution: PreferSameNode, which falls back to the zone and then to all'],
  [[ZONE, REGION], 'nothing: there is no wall around a zone or a region'],
  [[REGION, '*'], 'nothing: only a node or a zone can be preferred'],
  [['*'], 'no field at all, as every endpoint counts'],
])('topologyKeys %j are %s', (keys, today) => {
  expect(topologyKeysToday(keys)).toBe(today);
});
