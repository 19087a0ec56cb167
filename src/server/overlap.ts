import type { Faults, Token } from '#corefile/tree.ts';
import { textFromName } from '#dns/name.ts';
import type { ZoneKey } from '#plugin/index.ts';

/** A server block for the check: what it serves, and where. */
export interface ServedBlock {
  readonly keys: readonly (ZoneKey & { readonly token?: Token })[];
  /** Addresses it listens on; '' for all. */
  readonly hosts: readonly string[];
  /** Where a fault stands whose key has no place of its own. */
  readonly token: Token | null;
}

/**
 * Refuses a zone that is served twice on the same port and address, or both on one address and on all. Every such key gives a fault.
 * CoreDNS: `validateZonesAndListeningAddresses` in core/dnsserver/register.go.
 */
export const findOverlaps = (blocks: readonly ServedBlock[], faults: Faults): void => {
  const registered = new Map<string, Token | null>();
  /** By zone and port: the first that is bound to an address, or the one that is not. */
  const unbound = new Map<string, string>();
  for (const block of blocks) {
    for (const key of block.keys) {
      const token = key.token ?? block.token;
      for (const host of block.hosts) {
        const anywhere = textOfKey(key, '');
        const here = textOfKey(key, host);
        const other = overlapOf(here, anywhere, registered, unbound);
        if (registered.has(here))
          faults.add(`cannot serve ${here} - it is already defined`, token, hintFor(registered.get(here) ?? null));
        else if (other !== null) {
          const hint = hintFor(registered.get(other) ?? null);
          faults.add(`cannot serve ${here} - zone overlap listener capacity with ${other}`, token, hint);
        } else {
          registered.set(here, token);
          unbound.set(anywhere, here);
        }
      }
    }
  }
};

const textOfKey = ({ transport, zone, port }: ZoneKey, host: string): string =>
  `${transport}://${textFromName(zone)}:${port}${host === '' ? '' : ` on ${host}`}`;

const overlapOf = (
  here: string,
  anywhere: string,
  registered: ReadonlyMap<string, unknown>,
  unbound: ReadonlyMap<string, string>,
): string | null => {
  const known = unbound.get(anywhere);
  if (known === undefined) return null;
  if (here === anywhere) return known;
  return registered.has(anywhere) ? anywhere : null;
};

const hintFor = (first: Token | null): string | undefined =>
  first === null ? undefined : `first defined at ${first.file}:${first.line}:${first.column}`;

const PREFERRED_SYNTAX = /^(?:[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+$/;

/** True for the root, reverse zones and names as RFC 1035, section 2.3.1, prefers them; `zone` is fully qualified text. */
export const hasPreferredSyntax = (zone: string): boolean =>
  zone === '.' || /\.(?:in-addr|ip6)\.arpa\.$/i.test(zone) || PREFERRED_SYNTAX.test(zone);

/** The line that the banner has in front of a zone of unusual spelling; none for others. CoreDNS: core/dnsserver/onstartup.go. */
export const zoneWarnings = (zone: string): readonly string[] =>
  hasPreferredSyntax(zone) ? [] : [`Warning: Domain "${zone}" does not follow RFC1035 preferred syntax`];
