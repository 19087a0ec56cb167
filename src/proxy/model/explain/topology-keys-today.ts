const HOSTNAME = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';
const ANY = '*';

/** Which field of today does what these topologyKeys do, in words: Kubernetes has had no topologyKeys since 1.22. */
export const topologyKeysToday = (keys: readonly string[]): string => {
  const [first, ...others] = keys;
  if (first === undefined || first === ANY) return 'no field at all, as every endpoint counts';
  if (others.length === 0 && first === HOSTNAME) return 'internalTrafficPolicy: Local';
  if (keys.at(-1) !== ANY) return 'nothing: there is no wall around a zone or a region';
  const isWhole = others.length === 1;
  if (first === HOSTNAME)
    return `trafficDistribution: PreferSameNode${isWhole ? '' : ', which falls back to the zone and then to all'}`;
  if (first === ZONE) return `trafficDistribution: PreferSameZone${isWhole ? '' : ', which falls back to all'}`;
  return 'nothing: only a node or a zone can be preferred';
};
