import { readHttpAddress } from './address.ts';
import { type EndpointPorts, type EndpointTls, HttpEndpoint } from './endpoint.ts';

/** What this room needs of the process's shared resources. */
export interface EndpointResources {
  claim(key: string, create: () => HttpEndpoint): { readonly value: HttpEndpoint; release(): Promise<void> };
}

export interface EndpointClaim {
  readonly shared: EndpointResources;
  readonly address: string;
  /** With `-manifests`: all addresses means loopback, and a busy port is told to `warn`. */
  readonly isLenient: boolean;
  readonly warn: (message: string) => void;
  readonly tls?: EndpointTls | null;
  /** Where another instance may have the address, too. */
  readonly ports?: EndpointPorts | undefined;
}

/** An endpoint that listens. `release` gives it back, once; the last release closes it. */
export interface OpenEndpoint {
  readonly endpoint: HttpEndpoint;
  release(): Promise<void>;
}

/**
 * Claims the endpoint of an address and opens it where nobody has. Null where it is busy and that is only a warning; else rejects. Over
 * a reload the same endpoint goes on.
 */
export const claimEndpoint = async (claim: EndpointClaim): Promise<OpenEndpoint | null> => {
  const address = claim.isLenient ? onLoopback(claim.address) : claim.address;
  const { shared, tls = null, ports = null } = claim;
  const { value, release } = shared.claim(`http/${address}`, () => new HttpEndpoint(address, tls, ports));
  try {
    await value.open();
    return { endpoint: value, release };
  } catch (error) {
    await release();
    if (!claim.isLenient) throw error;
    claim.warn(error instanceof Error ? error.message : String(error));
    return null;
  }
};

const onLoopback = (address: string): string => {
  const read = readHttpAddress(address);
  return typeof read !== 'string' && read.host === '' ? `127.0.0.1:${read.port}` : address;
};
