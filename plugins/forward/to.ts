import { readFileSync } from 'node:fs';
import { joinHostPort } from '#dns/address.ts';
import { tryNameFromText } from '#dns/name.ts';
import { parseResolvConf } from '#upstream/resolv-conf.ts';
import {
  DEFAULT_PORT,
  isAddress,
  splitHostPort,
  splitTransport,
  splitZone,
  stripZone,
  type TransportName,
} from './host-port.ts';

/** An upstream that is named, not numbered; it is resolved when the server starts. */
export interface HostEntry {
  readonly hostname: string;
  readonly port: string;
  readonly transport: TransportName;
  /** Name for TLS (`%name`), or ''. */
  readonly zone: string;
}

/** What one TO stands for. Addresses are `[scheme://]host[%zone]:port`. */
export type ToEntry =
  | { readonly kind: 'static'; readonly addresses: readonly string[] }
  | { readonly kind: 'host'; readonly host: HostEntry }
  /** A path where there is no file (yet). */
  | { readonly kind: 'missing'; readonly file: string }
  | { readonly kind: 'fault'; readonly message: string };

/** Nameservers of a resolv.conf as addresses; null where there is no such file, an Error where it cannot be read. */
export const addressesOfFile = (file: string): readonly string[] | Error | null => {
  try {
    return parseResolvConf(readFileSync(file, 'utf8')).nameservers.map((server) =>
      joinHostPort(stripZone(server), '53'),
    );
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : (error as Error);
  }
};

/** Reads one TO: an address, a resolv.conf, or a host name. CoreDNS: `classifyToAddrs`. */
export const readTo = (text: string): ToEntry => {
  const { transport, rest } = splitTransport(text);
  if (rest === '') return { kind: 'fault', message: `invalid address: ${JSON.stringify(text)}` };
  if (transport === 'unix') return { kind: 'static', addresses: [text] };
  const address = readAddress(text, transport, rest);
  if (address !== null) return { kind: 'static', addresses: [address] };
  const file = splitHostPort(rest) === null ? rest.replace(/^[[\]]+|[[\]]+$/g, '') : rest;
  const addresses = addressesOfFile(file);
  if (Array.isArray(addresses)) return { kind: 'static', addresses };
  if (file.includes('/')) return { kind: 'missing', file };
  const host = readHostEntry(text);
  return host === null
    ? { kind: 'fault', message: `not an IP address, file, or valid domain: ${JSON.stringify(text)}` }
    : { kind: 'host', host };
};

/** An IP address, or an IP address with a port. */
const readAddress = (text: string, transport: TransportName, rest: string): string | null => {
  const split = splitHostPort(rest);
  if (split !== null) return isAddress(stripZone(split.host)) ? text : null;
  const host = rest.replace(/^[[\]]+|[[\]]+$/g, '');
  if (!isAddress(stripZone(host))) return null;
  const scheme = transport === 'dns' ? '' : `${transport}://`;
  return scheme + joinHostPort(host, DEFAULT_PORT[transport] ?? '');
};

/** Reads `[scheme://]name[%zone][:port]`; null where it is no host name. CoreDNS: `parseAsHostEntry`. */
export const readHostEntry = (text: string): HostEntry | null => {
  const { host: clean, zone } = splitZone(text);
  const { transport, rest } = splitTransport(clean);
  if (transport !== 'dns' && transport !== 'tls' && transport !== 'https') return null;
  const split = splitHostPort(rest);
  const hostname = (split?.host ?? rest).replace(/^[[\]]+|[[\]]+$/g, '');
  if (hostname === '' || isAddress(hostname) || tryNameFromText(hostname) === null) return null;
  return { hostname, port: split?.port ?? (DEFAULT_PORT[transport] as string), transport, zone };
};

/** The address text of a resolved host. CoreDNS: `formatResolvedAddr`. */
export const resolvedAddress = (ip: string, { port, transport, zone }: HostEntry): string => {
  if (transport === 'dns') return joinHostPort(ip, port);
  return `${transport}://${joinHostPort(zone === '' ? ip : `${ip}%${zone}`, port)}`;
};
