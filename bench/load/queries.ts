// Lists of queries in dnsperf's form, NAME TYPE. The Services are those that the test bed's load generator makes: svc-I in Namespace
// load-(I mod 10), every tenth headless with two endpoints.
import { serviceAddress } from './cluster-data.ts';

/** What a list is made for. */
export interface QueryNeed {
  /** Services in the cluster. */
  readonly services: number;
  /** How many queries will be asked at the most; matters only where none is asked twice. */
  readonly count: number;
  /** Differs from one measurement to the next, so that unique names stay unique. */
  readonly seed: number;
}

export type QueryList = (need: QueryNeed) => string[];

const ZONE = 'svc.cluster.local';
/** More names than any cache here holds would measure evictions. */
const MOST_NAMES = 5000;

const namespaceOf = (service: number): string => `load-${service % 10}`;
const serviceName = (service: number): string => `svc-${service}.${namespaceOf(service)}.${ZONE}`;
const range = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** Services spread evenly over all there are, every one where there are few. */
const spread = (services: number, count = MOST_NAMES): number[] => {
  const chosen = Math.min(services, count);
  return range(chosen, (i) => Math.floor((i * services) / chosen));
};

export const hits: QueryList = ({ services }) => spread(services).map((i) => `${serviceName(i)} A`);

/** External names with a search domain behind them, as a resolver with ndots:5 asks first. */
export const searchMisses: QueryList = ({ services }) =>
  range(Math.min(services, MOST_NAMES), (i) => `www-${i}.example.com.${namespaceOf(i)}.${ZONE} A`);

/** The ten headless Services of 100 endpoints. */
export const headless: QueryList = () => range(10, (i) => `${serviceName(BIG_HEADLESS_FROM + i)} A`);
export const BIG_HEADLESS_FROM = 900_000;

export const ports: QueryList = ({ services }) => spread(services).map((i) => `_http._tcp.${serviceName(i)} SRV`);

export const reverse: QueryList = ({ services }) =>
  spread(services)
    .filter((i) => i % 10 !== 9) // a headless Service has no address of its own
    .map((i) => `${serviceAddress(i).split('.').reverse().join('.')}.in-addr.arpa PTR`);

export const external: QueryList = () => range(1000, (i) => `www-${i}.example.com A`);

export const newExternal: QueryList = ({ count, seed }) => {
  const random = randomFrom(seed);
  return range(count, (i) => `new-${token(random)}${i}.example.com A`);
};

export const neverAsked: QueryList = ({ count, seed }) => {
  const random = randomFrom(seed);
  return range(count, (i) => `missing-${token(random)}${i}.${namespaceOf(i)}.${ZONE} A`);
};

/**
 * What a pod in Namespace load-1 sends: ndots:5, three search domains, A and AAAA of each. Of ten look-ups four are of a Service of its own Namespace
 * by its bare name, three of one elsewhere as NAME.NAMESPACE, one by the whole name, two of an external name.
 */
export const podMix: QueryList = ({ services, seed }) => {
  const random = randomFrom(seed);
  const lines: string[] = [];
  for (let lookup = 0; lookup < 2000; lookup++) {
    const service = Math.floor(random() * services);
    const kind = lookup % 10;
    const [name, steps] =
      kind < 4
        ? [`svc-${service - (service % 10) + 1}`, 1]
        : kind < 7
          ? [`svc-${service}.${namespaceOf(service)}`, 2]
          : kind < 8
            ? [serviceName(service), 4]
            : [`www-${service % 1000}.example.com`, 4];
    for (const asked of searched(name).slice(0, steps)) lines.push(`${asked} A`, `${asked} AAAA`);
  }
  return lines;
};

/** The names a resolver tries in turn. */
const searched = (name: string): string[] => [
  `${name}.load-1.${ZONE}`,
  `${name}.${ZONE}`,
  `${name}.cluster.local`,
  name,
];

/** Numbers in [0, 1) that are the same for the same seed: mulberry32. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const token = (random: () => number): string => Math.floor(random() * 36 ** 6).toString(36);
