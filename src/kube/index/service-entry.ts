import { addressFromText } from '#dns/address.ts';
import type { EndpointSlice } from '../objects/endpoint-slice.ts';
import type { Service } from '../objects/service.ts';

const NO_ADDRESSES: readonly ClusterAddress[] = Object.freeze([]);

/**
 * 4 or 16 octets of an address as stored in an object; null where the text is none. An IPv4-mapped IPv6 address is an IPv4
 * address here, as it is for CoreDNS (Go's `net.IP.To4`).
 */
export const octetsOf = (text: string): Uint8Array | null => {
  const octets = addressFromText(text);
  if (octets === null || octets.length === 4 || octets[10] !== 0xff || octets[11] !== 0xff) return octets;
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return octets;
  return octets.subarray(12);
};

/** One cluster IP: its text as stored, and its octets. */
export class ClusterAddress {
  readonly text: string;
  readonly octets: Uint8Array | null;
  constructor(text: string) {
    this.text = text;
    this.octets = octetsOf(text);
  }
}

/** One address of a ready endpoint. Octets are made at the first use: most endpoints are never asked for. */
export class ReadyAddress {
  readonly text: string;
  /** The endpoint's own host name, '' where it has none. */
  readonly hostname: string;
  /** The Pod's name, '' where it is not known or too long for a label. */
  readonly targetName: string;
  #octets: Uint8Array | null | undefined = undefined;

  constructor(text: string, hostname: string, targetName: string) {
    this.text = text;
    this.hostname = hostname;
    this.targetName = targetName;
  }

  /** null where the text is no address (a slice of type FQDN). */
  get octets(): Uint8Array | null {
    if (this.#octets === undefined) this.#octets = octetsOf(this.text);
    return this.#octets;
  }
}

/** What is known of one Service name: the Service, the EndpointSlices that name it, or only one of the two. */
export class ServiceEntry {
  readonly namespace: string;
  readonly name: string;
  readonly slices: SliceEntry[] = [];
  #service: Service | null = null;
  #addresses: readonly ClusterAddress[] | null = null;

  constructor(namespace: string, name: string) {
    this.namespace = namespace;
    this.name = name;
  }

  get service(): Service | null {
    return this.#service;
  }

  set service(service: Service | null) {
    this.#service = service;
    this.#addresses = null;
  }

  get isHeadless(): boolean {
    return this.#service?.clusterIPs[0] === 'None';
  }

  get isEmpty(): boolean {
    return this.#service === null && this.slices.length === 0;
  }

  /** The Service's cluster IPs, in its order. */
  get addresses(): readonly ClusterAddress[] {
    if (this.#addresses === null) {
      const texts = this.#service?.clusterIPs ?? [];
      this.#addresses = texts.length === 0 ? NO_ADDRESSES : texts.map((text) => new ClusterAddress(text));
    }
    return this.#addresses;
  }

  /** True where some slice has a ready endpoint with an address. */
  get hasReadyAddress(): boolean {
    for (const { slice } of this.slices)
      for (const endpoint of slice.endpoints) if (endpoint.isReady && endpoint.addresses.length > 0) return true;
    return false;
  }
}

/** One EndpointSlice and the Service name it belongs to. */
export class SliceEntry {
  readonly owner: ServiceEntry;
  #slice: EndpointSlice;
  #addresses: readonly ReadyAddress[] | null = null;

  constructor(owner: ServiceEntry, slice: EndpointSlice) {
    this.owner = owner;
    this.#slice = slice;
  }

  get slice(): EndpointSlice {
    return this.#slice;
  }

  /** Takes a newer version of the same slice. */
  replace(slice: EndpointSlice): void {
    this.#slice = slice;
    this.#addresses = null;
  }

  /** Addresses of the ready endpoints, in the slice's order. */
  get addresses(): readonly ReadyAddress[] {
    this.#addresses ??= readyAddresses(this.#slice);
    return this.#addresses;
  }
}

/** Addresses of a slice's ready endpoints. Serving and terminating do not matter here, as in CoreDNS. */
export const readyAddresses = (slice: EndpointSlice): readonly ReadyAddress[] => {
  const addresses: ReadyAddress[] = [];
  for (const { isReady, addresses: texts, hostname, targetName } of slice.endpoints)
    if (isReady) for (const text of texts) addresses.push(new ReadyAddress(text, hostname, targetName));
  return addresses;
};
