import type { Name } from '#dns/name.ts';
import { ROOT } from '#dns/name.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';

/**
 * The server block for a name: the longest zone that it is in. A DS record stands at the parent's side of a cut (RFC 4035, section
 * 2.4), so for type DS a shorter zone on the same listener goes before the longest one.
 */
export const route = <Site>(zones: ReadonlyMap<Name, Site>, name: Name, type: number): Site | null => {
  let child: Site | null = null;
  for (let at = 0; at < name.length - 1; at += 1 + name.charCodeAt(at)) {
    const site = zones.get((at === 0 ? name : name.slice(at)) as Name);
    if (site === undefined) continue;
    if (type !== RR_TYPE.DS) return site;
    child = site;
  }
  return child ?? zones.get(ROOT) ?? null;
};
