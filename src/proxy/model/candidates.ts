import type { EndpointSlice, Endpoint as SliceEndpoint } from '#kube/objects/endpoint-slice.ts';
import type { IpFamily } from '../rule-options.ts';
import { addressAndPort, canonicalAddress } from './address.ts';

/** An endpoint that a slice names for one port of a Service, before any policy. */
export interface Candidate {
  readonly address: string;
  readonly port: number;
  /** `address:port`. */
  readonly text: string;
  readonly isLocal: boolean;
  readonly endpoint: SliceEndpoint;
}

/**
 * All endpoints of a Service's port, each address and port once, sorted by `text`. A slice that is half written (no ports, no addresses)
 * and addresses that are none give nothing.
 * `slices`: those of the Service, in the order of their names, so that the same objects always give the same.
 */
export const candidates = (
  slices: readonly EndpointSlice[],
  port: { readonly name: string; readonly protocol: string },
  family: IpFamily,
  nodeName: string,
): readonly Candidate[] => {
  const all: Candidate[] = [];
  for (const slice of slices) {
    if (slice.isHeadless || slice.addressType !== family) continue;
    for (const { name, protocol, port: number } of slice.ports) {
      if (name !== port.name || protocol !== port.protocol || !number) continue;
      for (const endpoint of slice.endpoints) {
        const candidate = toCandidate(endpoint, number, family, nodeName);
        if (candidate !== null) all.push(candidate);
      }
    }
  }
  return all.length < 2 ? all : eachOnce(all.sort(byText));
};

const byText = (a: Candidate, b: Candidate): number => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);

/** Of those that stand together because their text is the same, the best; the first of equals, as the sort is stable. */
const eachOnce = (sorted: readonly Candidate[]): readonly Candidate[] => {
  const kept: Candidate[] = [];
  for (const candidate of sorted) {
    const last = kept.at(-1);
    if (last?.text !== candidate.text) kept.push(candidate);
    else if (isBetter(candidate, last)) kept[kept.length - 1] = candidate;
  }
  return kept;
};

const toCandidate = (endpoint: SliceEndpoint, port: number, family: IpFamily, nodeName: string): Candidate | null => {
  // Further addresses of an endpoint have no meaning that anybody agrees on.
  const address = canonicalAddress(endpoint.addresses[0] ?? '', family);
  if (address === null) return null;
  const isLocal = endpoint.nodeName !== '' && endpoint.nodeName === nodeName;
  return { address, port, text: addressAndPort(address, port), isLocal, endpoint };
};

/**
 * Which of two endpoints of one address counts: while slices are rearranged both may be there, and the address of a Pod that ends may
 * already be another's.
 */
const isBetter = (candidate: Candidate, known: Candidate): boolean => rank(candidate) > rank(known);

const rank = ({ endpoint, isLocal }: Candidate): number =>
  (endpoint.isTerminating ? 0 : 8) + (endpoint.isReady ? 4 : 0) + (endpoint.isServing ? 2 : 0) + (isLocal ? 1 : 0);
