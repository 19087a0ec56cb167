import { SIZE_BUCKETS, TIME_BUCKETS } from './buckets.ts';
import type { Additions } from './cells.ts';
import type { Counter, CounterFamily, Histogram, HistogramFamily } from './families.ts';
import type { Metrics } from './metrics.ts';

/** Query types that have a label of their own; all others count as `other`. CoreDNS: plugin/metrics/vars, `monitorType`. */
const TYPE_LABELS: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  43: 'DS',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  50: 'NSEC3',
  64: 'SVCB',
  65: 'HTTPS',
  251: 'IXFR',
  252: 'AXFR',
  255: 'ANY',
};

const LABELS = [...new Set(Object.values(TYPE_LABELS)), 'other'];
const OTHER = LABELS.length - 1;
/** Place in LABELS of types 0 to 255. */
const TYPE_INDEX = Uint8Array.from({ length: 256 }, (_, type) => LABELS.indexOf(TYPE_LABELS[type] ?? 'other'));

const typeIndex = (type: number): number => (type < 256 ? (TYPE_INDEX[type] as number) : OTHER);

/** What is counted of a query, whoever answers it. */
export interface CountedQuery {
  readonly requestOctets: number;
  readonly isTcp: boolean;
  readonly isIPv6: boolean;
  readonly isDnssecOk: boolean;
}

/** A query as the plugins see it, as far as it is counted. */
export interface ArrivedQuery {
  readonly request: { readonly octets: number };
  readonly peer: { readonly family: 4 | 6 };
  readonly transport: string;
  readonly type: number;
  readonly isDnssecOk: boolean;
}

/** The coredns_dns_* families of a process. */
export class DnsTraffic {
  readonly requests: CounterFamily;
  readonly responses: CounterFamily;
  readonly dnssecOk: CounterFamily;
  readonly durations: HistogramFamily;
  readonly requestSizes: HistogramFamily;
  readonly responseSizes: HistogramFamily;
  readonly rcodeText: (rcode: number) => string;
  readonly #dropped = new Map<string, SiteTraffic>();

  /** `rcodeText` gives the label of an RCODE. */
  constructor(metrics: Metrics, rcodeText: (rcode: number) => string) {
    this.rcodeText = rcodeText;
    const site = ['server', 'zone', 'view'];
    this.requests = metrics.counter({
      name: 'coredns_dns_requests_total',
      help: 'Queries by zone, protocol, address family and type.',
      labels: [...site, 'proto', 'family', 'type'],
    });
    this.responses = metrics.counter({
      name: 'coredns_dns_responses_total',
      help: 'Responses by RCODE and by the plugin that wrote them.',
      labels: [...site, 'rcode', 'plugin'],
    });
    this.dnssecOk = metrics.counter({
      name: 'coredns_dns_do_requests_total',
      help: 'Queries with the DO bit.',
      labels: site,
    });
    this.durations = metrics.histogram({
      name: 'coredns_dns_request_duration_seconds',
      help: 'Seconds that queries took.',
      labels: site,
      buckets: TIME_BUCKETS,
    });
    this.requestSizes = metrics.histogram({
      name: 'coredns_dns_request_size_bytes',
      help: 'Octets of queries.',
      labels: [...site, 'proto'],
      buckets: SIZE_BUCKETS,
    });
    this.responseSizes = metrics.histogram({
      name: 'coredns_dns_response_size_bytes',
      help: 'Octets of responses before compression.',
      labels: [...site, 'proto'],
      buckets: SIZE_BUCKETS,
    });
  }

  /** Counters of one zone of a server. Keep it: it is not for the hot path. */
  site(server: string, zone: string, view: string): SiteTraffic {
    return new SiteTraffic(this, server, zone, view);
  }

  /** Counts a query that no server block took, or that broke a plugin: zone `dropped`, no plugin. */
  countDropped(server: string, query: ArrivedQuery, rcode: number, responseOctets: number): void {
    let site = this.#dropped.get(server);
    if (site === undefined) {
      site = this.site(server, 'dropped', '');
      this.#dropped.set(server, site);
    }
    site.count(query, rcode, '', responseOctets, 0);
  }
}

/** Counters of one zone of a server, each looked up once; at most 80 request counters exist. */
export class SiteTraffic {
  readonly #traffic: DnsTraffic;
  readonly #labels: readonly [string, string, string];
  readonly #requests: (Counter | undefined)[] = new Array(4 * LABELS.length).fill(undefined);
  readonly #responses = new Map<string, (Counter | undefined)[]>();
  #dnssecOk: Counter | null = null;
  #durations: Histogram | null = null;
  readonly #requestSizes: (Histogram | undefined)[] = [undefined, undefined];
  readonly #responseSizes: (Histogram | undefined)[] = [undefined, undefined];

  constructor(traffic: DnsTraffic, server: string, zone: string, view: string) {
    this.#traffic = traffic;
    this.#labels = [server, zone, view];
  }

  /** Counts one query and its reply. `plugin`: who wrote the reply, '' for the server itself. */
  count(query: ArrivedQuery, rcode: number, plugin: string, responseOctets: number, seconds: number): void {
    const isTcp = query.transport !== 'udp';
    const isIPv6 = query.peer.family === 6;
    if (query.isDnssecOk) this.dnssecOk().value++;
    this.requests(isTcp, isIPv6, typeIndex(query.type)).value++;
    this.durations().observe(seconds);
    this.responseSizes(isTcp).observe(responseOctets);
    this.requestSizes(isTcp).observe(query.request.octets);
    this.responses(rcode, plugin).value++;
  }

  /** What a repetition of this reply counts, as `count` would. */
  repeated(type: number, rcode: number, plugin: string, responseOctets: number): RepeatedTraffic {
    return new RepeatedTraffic(this, typeIndex(type), this.responses(rcode, plugin), responseOctets);
  }

  dnssecOk(): Counter {
    this.#dnssecOk ??= this.#traffic.dnssecOk.at(...this.#labels);
    return this.#dnssecOk;
  }

  durations(): Histogram {
    this.#durations ??= this.#traffic.durations.at(...this.#labels);
    return this.#durations;
  }

  requests(isTcp: boolean, isIPv6: boolean, index: number): Counter {
    const at = ((isTcp ? 2 : 0) + (isIPv6 ? 1 : 0)) * LABELS.length + index;
    this.#requests[at] ??= this.#traffic.requests.at(
      ...this.#labels,
      isTcp ? 'tcp' : 'udp',
      isIPv6 ? '2' : '1',
      LABELS[index] as string,
    );
    return this.#requests[at];
  }

  responses(rcode: number, plugin: string): Counter {
    let byRcode = this.#responses.get(plugin);
    if (byRcode === undefined) {
      byRcode = [];
      this.#responses.set(plugin, byRcode);
    }
    byRcode[rcode] ??= this.#traffic.responses.at(...this.#labels, this.#traffic.rcodeText(rcode), plugin);
    return byRcode[rcode];
  }

  requestSizes(isTcp: boolean): Histogram {
    const at = isTcp ? 1 : 0;
    this.#requestSizes[at] ??= this.#traffic.requestSizes.at(...this.#labels, isTcp ? 'tcp' : 'udp');
    return this.#requestSizes[at];
  }

  responseSizes(isTcp: boolean): Histogram {
    const at = isTcp ? 1 : 0;
    this.#responseSizes[at] ??= this.#traffic.responseSizes.at(...this.#labels, isTcp ? 'tcp' : 'udp');
    return this.#responseSizes[at];
  }
}

/** What a reply sent again from memory counts. Of durations only the number is right: they stand in the lowest bucket. */
export class RepeatedTraffic {
  readonly #site: SiteTraffic;
  readonly #typeIndex: number;
  readonly #response: Counter;
  readonly #responseOctets: number;

  constructor(site: SiteTraffic, index: number, response: Counter, responseOctets: number) {
    this.#site = site;
    this.#typeIndex = index;
    this.#response = response;
    this.#responseOctets = responseOctets;
  }

  note(query: CountedQuery, into: Additions): void {
    const site = this.#site;
    if (query.isDnssecOk) site.dnssecOk().note(into);
    site.requests(query.isTcp, query.isIPv6, this.#typeIndex).note(into);
    site.durations().note(0, into);
    site.responseSizes(query.isTcp).note(this.#responseOctets, into);
    site.requestSizes(query.isTcp).note(query.requestOctets, into);
    this.#response.note(into);
  }
}
