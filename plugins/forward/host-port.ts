import { isIP } from 'node:net';

export const TRANSPORTS = ['tls', 'dns', 'quic', 'grpc', 'https3', 'https', 'unix'] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Ports of the transports; those without one take none. */
export const DEFAULT_PORT: Readonly<Partial<Record<TransportName, string>>> = {
  dns: '53',
  tls: '853',
  quic: '853',
  grpc: '443',
  https: '443',
};

/** Cuts `SCHEME://` off; without one it is dns. CoreDNS: `parse.Transport`. */
export const splitTransport = (text: string): { readonly transport: TransportName; readonly rest: string } => {
  for (const transport of TRANSPORTS)
    if (text.startsWith(`${transport}://`)) return { transport, rest: text.slice(transport.length + 3) };
  return { transport: 'dns', rest: text };
};

/** Splits `HOST:PORT` or `[HOST]:PORT`; null for anything else (Go: `net.SplitHostPort`). */
export const splitHostPort = (text: string): { readonly host: string; readonly port: string } | null => {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return null;
  const end = text.indexOf(']');
  if (text.startsWith('[')) {
    if (end < 0 || end + 1 !== colon) return null;
    return { host: text.slice(1, end), port: text.slice(colon + 1) };
  }
  const host = text.slice(0, colon);
  if (host.includes(':') || /[[\]]/.test(text)) return null;
  return { host, port: text.slice(colon + 1) };
};

/** Cuts the zone of an address off, with what follows it. */
export const stripZone = (host: string): string => {
  const percent = host.lastIndexOf('%');
  return percent < 0 ? host : host.slice(0, percent);
};

/** True for an IP address without a zone. */
export const isAddress = (text: string): boolean => !text.includes('%') && isIP(text) !== 0;

/**
 * Takes the zone out of `[scheme://]host%zone[:port]` and keeps the port. For TLS it is the name that the certificate must have.
 * CoreDNS: `splitZone` of plugin/forward.
 */
export const splitZone = (text: string): { readonly host: string; readonly zone: string } => {
  const scheme = text.indexOf('://');
  const prefix = scheme < 0 ? '' : text.slice(0, scheme + 3);
  const bare = text.slice(prefix.length);
  const percent = bare.lastIndexOf('%');
  if (percent < 0) return { host: text, zone: '' };
  let host = bare.slice(0, percent);
  if (host.startsWith('[')) host += ']';
  let zone = bare.slice(percent + 1);
  const colon = zone.lastIndexOf(':');
  if (colon >= 0) {
    host += zone.slice(colon);
    zone = zone.slice(0, colon).replace(/\]$/, '');
  }
  return { host: prefix + host, zone };
};
