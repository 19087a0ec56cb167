import type { SecureContext } from 'node:tls';
import { joinHostPort } from '#dns/address.ts';

/** How TLS to an upstream is done. */
export interface TlsSettings {
  readonly context: SecureContext;
  /** Name that the certificate must have, and SNI; '' for the address. */
  readonly serverName: string;
}

/** Where an upstream is reached. */
export interface Endpoint {
  /** An IP address; link-local IPv6 with its zone. */
  readonly host: string;
  readonly port: number;
  /** Null for plain DNS. */
  readonly tls: TlsSettings | null;
  /** Our address towards it; null for the system's choice. */
  readonly sourceAddress: string | null;
}

/** `ADDRESS:PORT` without a zone, as metrics and messages name the upstream. */
export const endpointText = ({ host, port }: Endpoint): string => joinHostPort(host.replace(/%.*$/, ''), port);
