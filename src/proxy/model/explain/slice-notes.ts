import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts';
import type { IpFamily } from '../../rule-options.ts';
import { canonicalAddress } from '../address.ts';
import type { ServicePort } from '../service-port.ts';

/** What slices hold that counts for nothing, one line each: why an endpoint that somebody looks for is not there. */
export const sliceNotes = (
  slices: readonly EndpointSlice[],
  { portName, protocol }: ServicePort,
  family: IpFamily,
): readonly string[] =>
  slices.flatMap((slice) => {
    const note = (text: string): string => `EndpointSlice ${slice.name} ${text}`;
    if (slice.isHeadless) return [note('is marked as headless, so it does not count')];
    if (slice.addressType === 'FQDN') return [note('has host names, which do not count')];
    if (slice.addressType !== family) return [];
    const ports = slice.ports.filter((port) => port.name === portName && port.protocol === protocol);
    if (ports.length === 0) {
      const there = slice.ports.map(({ name, protocol: other }) => `${name || '(no name)'}/${other}`);
      return [note(`has no port ${portName || '(no name)'}/${protocol}; it has ${there.join(', ') || 'none'}`)];
    }
    if (ports.every(({ port }) => !port))
      return [note(`says no number for port ${portName || '(no name)'}/${protocol}`)];
    return slice.endpoints.flatMap(({ addresses }) => {
      const [first] = addresses;
      if (first === undefined) return [note('has an endpoint without an address')];
      return canonicalAddress(first, family) === null ? [note(`has "${first}", which is no ${family} address`)] : [];
    });
  });
