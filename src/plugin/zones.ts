import type { Faults, Token } from '#corefile/tree.ts';
import { type Name, tryNameFromText } from '#dns/name.ts';
import { reverseZonesOf } from '#dns/reverse.ts';

const SCHEME = /^(?:dns|tls|quic|grpc|https|https3):\/\//;

/**
 * Zones that one word of a Corefile names: scheme and port are dropped, a prefix in CIDR notation becomes its reverse zones. None
 * where it is no zone. CoreDNS: `plugin.Host.NormalizeExact`.
 */
export const zonesFromText = (text: string): Name[] => {
  let host = text.replace(SCHEME, '');
  const colon = host.lastIndexOf(':');
  if (colon >= 0 && colon === host.length - 1) return [];
  if (colon >= 0 && /^[+-]?\d+$/.test(host.slice(colon + 1))) host = host.slice(0, colon);
  const reverse = reverseZonesOf(host);
  if (reverse !== null) return reverse;
  const name = tryNameFromText(host);
  return name === null ? [] : [name];
};

/**
 * Zones that the words after a directive name, or those of its server block where there are none. CoreDNS ignores a word that is
 * no zone; here a warning says so. CoreDNS: `plugin.OriginsFromArgsOrServerBlock`.
 */
export const zonesFromArgs = (args: readonly Token[], blockZones: readonly Name[], faults: Faults): readonly Name[] => {
  if (args.length === 0) return blockZones;
  const zones: Name[] = [];
  for (const token of args) {
    const named = zonesFromText(token.text);
    if (named.length === 0) faults.warn(`"${token.text}" is not a zone and is ignored`, token);
    for (const zone of named) zones.push(zone);
  }
  return zones;
};

/** Zones of a `fallthrough` line: those it names, else the root, which is every name. */
export const fallthroughZones = (args: readonly Token[], faults: Faults): readonly Name[] =>
  zonesFromArgs(args, ['\0' as Name], faults);
