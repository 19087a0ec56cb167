import { isIPv4 } from 'node:net';
import { type Name, tryNameFromText } from '#dns/name.ts';
import { reverseZonesOf } from '#dns/reverse.ts';

/** What a word such as `tls://example.org:853` or `10.0.0.0/8` stands for. */
export interface ZoneText {
  readonly transport: string;
  /** One zone; several where a prefix is not on a label boundary. */
  readonly zones: readonly Name[];
  /** null where the word names none. */
  readonly port: number | null;
}

/** Lower case only, as CoreDNS takes them: `DNS://a` is a zone. CoreDNS: plugin/pkg/transport. */
const SCHEME = /^(dns|tls|quic|grpc|https|https3|unix):\/\//;
const MAX_TEXT = 255;

/** Reads a zone as server blocks and plugins name it; a string says what is wrong. CoreDNS: `plugin.SplitHostPort`. */
export const readZoneText = (text: string): ZoneText | string => {
  const transport = SCHEME.exec(text)?.[1] ?? 'dns';
  const rest = text.replace(SCHEME, '');
  const colon = rest.lastIndexOf(':');
  if (rest === '' || colon === rest.length - 1) return `expecting data after last colon: ${JSON.stringify(rest)}`;
  const portText = colon < 0 ? '' : rest.slice(colon + 1);
  const isPort = /^[+-]?\d+$/.test(portText) && Number.isSafeInteger(Number(portText));
  const host = isPort ? rest.slice(0, colon) : rest;
  const zones = zonesOfHost(host);
  return typeof zones === 'string' ? zones : { transport, zones, port: isPort ? Number(portText) : null };
};

const zonesOfHost = (host: string): readonly Name[] | string => {
  const octets = Buffer.byteLength(host);
  if (octets > MAX_TEXT) return `specified zone is too long: ${octets} > 255`;
  const reverse = reverseZonesOf(host);
  if (reverse !== null) {
    const isOdd = !isIPv4(host.slice(0, host.indexOf('/'))) && /^[:0]/.test(host);
    return isOdd ? `invalid CIDR ${host}` : reverse;
  }
  const name = host === '' ? null : tryNameFromText(host);
  return name === null ? `zone is not a valid domain name: ${host}` : [name];
};
