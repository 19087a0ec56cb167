import type { Faults, Token } from '#corefile/tree.ts';
import type { Name } from '#dns/name.ts';
import { readZoneText } from './zone-text.ts';

/**
 * Zones that one word of a Corefile names: scheme and port are dropped, a prefix in CIDR notation becomes its reverse zones. None
 * where it is no zone. CoreDNS: `plugin.Host.NormalizeExact`.
 */
export const zonesFromText = (text: string): readonly Name[] => {
  const read = readZoneText(text);
  return typeof read === 'string' ? [] : read.zones;
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
