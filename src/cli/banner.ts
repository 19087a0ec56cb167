import { textFromName } from '#dns/name.ts';
import type { Configuration } from '#server/configuration.ts';
import { zoneWarnings } from '#server/overlap.ts';

/** What is served where, in CoreDNS's shape: a line a zone and listening address, then the version's two lines. */
export const bannerText = (configuration: Configuration): string =>
  configuration.groups
    .flatMap(({ address, zones }) => {
      const place = `${address.port}${address.host === '' ? '' : ` on ${address.host}`}`;
      return [...zones]
        .map(textFromName)
        .sort()
        .flatMap((zone) => [...zoneWarnings(zone), `${zone}:${place}`]);
    })
    .map((line) => `${line}\n`)
    .join('');
