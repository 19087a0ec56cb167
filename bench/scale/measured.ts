import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Resident memory is `baseMiB` + (Services x `serviceKiB` + endpoints x `endpointKiB`) x `residentRatio`. What objects take is taken from the live heap, which is
 * the same in each run; how much more is resident depends on when garbage is collected.
 */
export interface MemoryCosts {
  readonly baseMiB: number;
  /** With one EndpointSlice, without its endpoints. */
  readonly serviceKiB: number;
  readonly endpointKiB: number;
  readonly residentRatio: number;
  /** The most that was resident since the start, as a multiple of what is at rest: the greatest seen. */
  readonly peakRatio: number;
}

/** CPU us of a first list. */
export interface StartCosts {
  readonly serviceMicros: number;
  readonly endpointMicros: number;
  /** CPU ms of the start itself. */
  readonly baseMillis: number;
}

/** Whole lists by one way, CPU us an object. */
export interface ListCosts {
  readonly apiMicros: number;
  readonly etcdMicros: number;
}

/** What `node bench/run.mjs scale measure` finds out, and the tables are made from. Octets are those of protobuf. */
export interface Measured {
  readonly date: string;
  readonly machine: string;
  readonly commit: string;
  readonly memory: {
    readonly dns: MemoryCosts & {
      readonly podKiB: number;
      /** The most that is resident once everything was listed again, as a multiple of what was at rest before. */
      readonly relistRatio: number;
    };
    readonly node: MemoryCosts;
    readonly proxy: MemoryCosts;
    /** Of the API server, for each open watch. */
    readonly apiWatchKiB: number;
    /** The most that nft takes for each element while it loads a table. */
    readonly nftElementKiB: number;
  };
  readonly octets: {
    readonly service: number;
    readonly slice: number;
    readonly endpoint: number;
    readonly pod: number;
    readonly node: number;
    /** What a watch event takes over TLS beside the object. */
    readonly eventOverhead: number;
    /** Of a list of Services, gzip against none. */
    readonly gzipRatio: number;
  };
  readonly lists: Readonly<Record<'pages' | 'pagesOldEtcd' | 'cache' | 'watchList', ListCosts>>;
  /** CPU us. */
  readonly apiEventMicros: number;
  /** CPU us of one client for a watch event. */
  readonly eventMicros: { readonly dns: number; readonly node: number };
  readonly start: { readonly dns: StartCosts; readonly node: StartCosts; readonly proxy: StartCosts };
  /** Requests from the start until a client is in step, at an API server with and without WatchList. */
  readonly requests: {
    readonly services: number;
    readonly watchList: { readonly dns: number; readonly node: number };
    readonly withoutWatchList: { readonly dns: number; readonly node: number };
  };
  readonly proxyChurn: readonly ProxyChurn[];
  /** A cluster that the model was not made from, beside which it is judged. */
  readonly trial: Trial;
}

/** CPU ms a change of an EndpointSlice, at a rate. */
export interface ProxyChurn {
  readonly changesPerSecond: number;
  readonly ownMillis: number;
  readonly toolMillis: number;
  readonly syncsPerSecond: number;
}

export interface Trial {
  readonly services: number;
  readonly endpointsPerService: number;
  readonly replicas: number;
  readonly eventsPerSecond: number;
  readonly seconds: number;
  /** Of an EndpointSlice there, in a list. */
  readonly sliceOctets: number;
  readonly watchEventsPerSecond: number;
  readonly watchOctetsPerSecond: number;
  /** CPU seconds a second. */
  readonly apiCpu: number;
  /** The same without replicas: what the changes themselves cost. */
  readonly apiCpuAlone: number;
  readonly replicaCpu: number;
  readonly replicaMiB: number;
  /** CPU s of the API server for the replicas' starts. */
  readonly apiStartCpuSeconds: number;
}

export const MEASURED_FILE = 'bench/scale/measured.json';

export const readMeasured = (file = MEASURED_FILE): Measured => JSON.parse(readFileSync(file, 'utf8')) as Measured;

/** Three digits are as many as are meant. */
export const writeMeasured = (measured: Measured, file = MEASURED_FILE): void => {
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(3)) : value;
  writeFileSync(file, `${JSON.stringify(measured, rounded, 2)}\n`);
};
