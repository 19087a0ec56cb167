import { uncompressedOctets } from '#dns/message-size.ts';
import { type Name, textFromName } from '#dns/name.ts';
import { RCODE, rcodeName } from '#dns/registry/rcodes.ts';
import { DnsTraffic, type SiteTraffic } from '#metrics/dns-traffic.ts';
import type { BlockInfo, Next, Query, Reply, Services } from '#plugin/index.ts';

/** Name of the plugin that follows another in a block's chain, '' where none does. */
export const pluginAfter = (name: string, { pluginNames, instances }: BlockInfo): string =>
  pluginNames.slice(pluginNames.indexOf(name) + 1).find((other) => instances.get(other)?.handle !== undefined) ?? '';

/**
 * Counts what passes. A query costs one comparison of each of its labels with the last query's, and no look-up by text while they are
 * the same, which they are in all but unusual configurations.
 */
export class Traffic {
  /** Label of a reply that some plugin wrote. CoreDNS takes the name of its own successor, whichever wrote it; so does this. */
  nextPlugin = '';
  readonly #traffic: DnsTraffic;
  readonly #clock: Services['clock'];
  readonly #sites = new Map<string, Map<Name, Map<string, SiteTraffic>>>();
  #server = '';
  #zone = '' as Name;
  #view = '';
  #site: SiteTraffic | null = null;

  constructor({ metrics, clock }: Pick<Services, 'metrics' | 'clock'>) {
    this.#traffic = new DnsTraffic(metrics, rcodeName);
    this.#clock = clock;
  }

  handle(query: Query, next: Next): Reply | Promise<Reply> {
    const startedMs = query.depth === 0 ? query.receivedAtMs : this.#clock.monotonicMs();
    const reply = next(query);
    if (!(reply instanceof Promise)) {
      this.#count(query, reply, startedMs);
      return reply;
    }
    return reply.then((settled) => {
      this.#count(query, settled, startedMs);
      return settled;
    });
  }

  #count(query: Query, reply: Reply, startedMs: number): void {
    const site = this.#siteOf(query);
    const seconds = (this.#clock.monotonicMs() - startedMs) / 1000;
    if (reply.kind !== 'answer') {
      site.count(query, RCODE.NOERROR, reply.kind === 'drop' ? '' : this.nextPlugin, 0, seconds);
      return;
    }
    if (reply.isBare) {
      // No plugin wrote a message, so CoreDNS saw no octets of one.
      site.count(query, reply.rcode, '', 0, seconds);
      return;
    }
    const octets = uncompressedOctets(query.request.question, reply);
    site.count(query, reply.rcode, this.nextPlugin, octets, seconds);
    const { provenance } = query;
    if (provenance.isRepeatable)
      provenance.tallies.push(site.repeated(query.type, reply.rcode, this.nextPlugin, octets));
  }

  #siteOf(query: Query): SiteTraffic {
    const { label } = query.server;
    if (this.#site !== null && label === this.#server && query.zone === this.#zone && query.view === this.#view)
      return this.#site;
    this.#server = label;
    this.#zone = query.zone;
    this.#view = query.view;
    this.#site = this.#findSite(label, query.zone, query.view);
    return this.#site;
  }

  #findSite(server: string, zone: Name, view: string): SiteTraffic {
    const ofServer = this.#sites.get(server) ?? new Map<Name, Map<string, SiteTraffic>>();
    this.#sites.set(server, ofServer);
    const ofZone = ofServer.get(zone) ?? new Map<string, SiteTraffic>();
    ofServer.set(zone, ofZone);
    const site = ofZone.get(view) ?? this.#traffic.site(server, textFromName(zone), view);
    ofZone.set(view, site);
    return site;
  }
}
