import type { Faults, Token } from '#corefile/tree.ts';
import type { ZoneKey } from '#plugin/index.ts';
import { readZoneText } from '#plugin/zone-text.ts';

/** A zone key with the word that it comes from. */
export interface PlacedZoneKey extends ZoneKey {
  readonly token: Token;
}

type Transport = ZoneKey['transport'];

const DEFAULT_PORT: Readonly<Record<Exclude<Transport, 'dns'>, number>> = {
  tls: 853,
  quic: 853,
  grpc: 443,
  https: 443,
  https3: 443,
};

/** Transports that listeners are built for. */
export const BUILT_TRANSPORTS: readonly string[] = ['dns'];

/**
 * Zones that one key of a server block names, `[scheme://]zone[:port]`, a prefix in CIDR notation split into its reverse zones.
 * What is wrong goes to `faults`, and the key then names none. CoreDNS: `InspectServerBlocks` in core/dnsserver/register.go.
 */
export const readZoneKeys = (
  key: Token,
  defaultPort: number,
  faults: Faults,
  transports: readonly string[] = BUILT_TRANSPORTS,
): PlacedZoneKey[] => {
  const read = readZoneText(key.text);
  if (typeof read === 'string') {
    faults.add(`error inspecting server blocks: ${read}`, key, hintFor(key.text));
    return [];
  }
  if (!transports.includes(read.transport)) {
    const hint = 'serve dns:// here and put a proxy that speaks this protocol in front';
    faults.add(`transport '${read.transport}://' is not served`, key, hint);
    return [];
  }
  const transport = read.transport as Transport;
  const port = read.port ?? (transport === 'dns' ? defaultPort : DEFAULT_PORT[transport]);
  if (port < 0 || port > 65_535) {
    faults.add(`address ${port}: invalid port`, key, 'a port is a number from 0 to 65535');
    return [];
  }
  return read.zones.map((zone) => ({ transport, zone, port, token: key }));
};

const hintFor = (text: string): string | undefined => {
  const port = /^(\w+:\/\/)?:(\d+)$/.exec(text);
  if (port !== null) return `name the zone, "." for all names: ${port[1] ?? ''}.:${port[2]}`;
  if (text.endsWith(':')) return 'remove the colon, or write a port after it';
  if (/^0*::?\/|^[0:].*\//.test(text)) return 'write the prefix as its reverse zone, such as 8.b.d.0.1.0.0.2.ip6.arpa';
  return undefined;
};
