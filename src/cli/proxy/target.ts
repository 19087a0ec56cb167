import { isIP } from 'node:net';
import { canonicalAddress } from '#proxy/model/address.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** `10.96.0.10:53/UDP`, `[fd00::1]:80`. */
export interface AddressTarget {
  readonly kind: 'address';
  /** Canonical text. */
  readonly address: string;
  /** null where none is given. */
  readonly port: number | null;
  /** null where none is given. */
  readonly protocol: Protocol | null;
}

/** `kube-system/kube-dns:dns`, `hello-world`. */
export interface ServiceTarget {
  readonly kind: 'service';
  /** null where none is given. */
  readonly namespace: string | null;
  readonly name: string;
  /** Name or number; null for all. */
  readonly port: string | null;
  readonly protocol: Protocol | null;
}

export type Target = AddressTarget | ServiceTarget;

/** Reads what somebody asks about; a text that says what is wrong where it is neither form. */
export const readTarget = (text: string): Target | string => {
  const [place, protocol] = splitProtocol(text);
  if (protocol === 'unknown') return `"${text}": the protocol is one of tcp, udp and sctp`;
  return readAddress(place, protocol) ?? readService(place, protocol, text);
};

/** An address in canonical form, or null. Leading zeros, which some read as octal, are a mistake here. */
export const readIp = (text: string): string | null => {
  if (isIP(text) === 0) return null;
  return canonicalAddress(text, 'IPv4') ?? canonicalAddress(text, 'IPv6');
};

/** A protocol stands behind a port, or behind an address: `NAMESPACE/SERVICE` has neither in front of its stroke. */
const splitProtocol = (text: string): [place: string, protocol: Protocol | 'unknown' | null] => {
  const at = text.lastIndexOf('/');
  const place = text.slice(0, at);
  if (at < 0 || !(place.includes(':') || readIp(place) !== null)) return [text, null];
  const protocol = text.slice(at + 1).toLowerCase();
  return [place, protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp' ? protocol : 'unknown'];
};

const readAddress = (place: string, protocol: Protocol | null): Target | string | null => {
  const whole = readIp(place);
  if (whole !== null) return { kind: 'address', address: whole, port: null, protocol };
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]*)\]|([\d.]+))(?::(.*))?$/.exec(place) ?? [];
  const text = bracketed ?? plain;
  if (text === undefined) return null;
  const address = readIp(text);
  if (address === null) return `"${text}" is not an IP address`;
  if (!place.endsWith(`:${port}`)) return { kind: 'address', address, port: null, protocol };
  const number = readPort(port);
  return number === null
    ? `"${port}" is not a port (1 to 65535)`
    : { kind: 'address', address, port: number, protocol };
};

const readPort = (text: string): number | null => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : null;
};

const SERVICE = /^(?:([a-z0-9]([a-z0-9-]*[a-z0-9])?)\/)?([a-z0-9]([a-z0-9-.]*[a-z0-9])?)(?::([A-Za-z0-9-]+))?$/;

const readService = (place: string, protocol: Protocol | null, text: string): Target | string => {
  const [, namespace = null, , name, , port = null] = SERVICE.exec(place) ?? [];
  if (name === undefined)
    return `"${text}" is neither IP:PORT ([IPv6]:PORT) nor SERVICE, NAMESPACE/SERVICE or one of these with :PORT`;
  return { kind: 'service', namespace, name, port, protocol };
};
