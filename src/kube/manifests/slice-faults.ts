import { asList, asObject } from '../objects/json.ts';
import { familyOf } from './address-range.ts';
import { readAddress } from './address-text.ts';
import type { ManifestFault } from './fault.ts';
import { label, type ManifestObject } from './read-objects.ts';
import { found } from './shown.ts';

/** Addresses of an EndpointSlice that are none, or none of its family; it is given out as it is. */
export const sliceFaults = (slice: ManifestObject): ManifestFault[] => {
  const { addressType, endpoints } = slice.raw;
  if (addressType !== 'IPv4' && addressType !== 'IPv6') return [];
  const faults: ManifestFault[] = [];
  for (const [at, endpoint] of asList(endpoints).entries()) {
    for (const [index, value] of asList(asObject(endpoint).addresses).entries()) {
      const { meant, problem } = readAddress(typeof value === 'string' ? value : '');
      const why =
        meant !== null && familyOf(meant) !== addressType ? `is not of the slice's family, ${addressType}` : problem;
      if (why === '') continue;
      const message = `${label('EndpointSlice', slice.namespace, slice.name)}: ${found('address', value)} ${why}`;
      faults.push({ position: slice.at(['endpoints', at, 'addresses', index]), message });
    }
  }
  return faults;
};
