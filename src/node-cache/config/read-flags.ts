import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { readHttpAddress } from '#http-endpoint/address.ts';
import { mayBeOfOneRange } from '../cluster-ip-range.ts';
import type { LocalAddress, NodeCacheSettings, RulesKind } from '../settings.ts';
import {
  isLinkLocal,
  isLoopback,
  type Read,
  readAddress,
  readAddresses,
  readChoice,
  readInterval,
  readLinkName,
  readMarkBit,
  readPort,
} from './flag-values.ts';
import { NODE_CACHE_FLAGS, type NodeCacheFlag } from './flags.ts';
import { readGoFlags } from './go-flags.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a command line of `node-cache` asks for. */
export type NodeCacheCommand =
  | { readonly ask: 'help' | 'version' | 'plugins' }
  | { readonly settings: NodeCacheSettings; readonly warnings: readonly string[] }
  /** A line for each thing that is wrong; the exit code is 1. */
  | { readonly faults: readonly string[] };

/** Reads the command line and what the environment says of the upstream Service. All faults are told at once. */
export const readNodeCacheFlags = (args: readonly string[], env: Environment): NodeCacheCommand => {
  const given = readGoFlags(args, NODE_CACHE_FLAGS);
  const asked = (['help', 'version', 'plugins'] as const).find((name) => given.values.get(name) === 'true');
  if (asked !== undefined) return { ask: asked };
  const reader = new Reader(given.values, env, [...given.faults]);
  const settings = reader.settings();
  return reader.faults.length > 0 ? { faults: reader.faults } : { settings, warnings: reader.warnings };
};

/** Variable that Kubernetes sets for a Service of the Pod's namespace that is there before the Pod. */
export const serviceVariable = (service: string): string =>
  `${service.toUpperCase().replaceAll('-', '_')}_SERVICE_HOST`;

const FAMILIES = [4, 6] as const;

class Reader {
  readonly faults: string[];
  readonly warnings: string[] = [];
  readonly #given: ReadonlyMap<string, string>;
  readonly #env: Environment;

  constructor(given: ReadonlyMap<string, string>, env: Environment, faults: string[]) {
    this.#given = given;
    this.#env = env;
    this.faults = faults;
  }

  settings(): NodeCacheSettings {
    const addresses = this.#addresses();
    const upstreamService = this.#name('upstreamsvc');
    const clusterDns = this.#clusterDns(upstreamService);
    const rules = this.#rules();
    const metrics = this.#text('metrics-listen-address');
    const metricsFault = metricsAddressFault(metrics);
    if (metricsFault !== null) this.#fault('metrics-listen-address', metricsFault);
    return {
      addresses,
      dnsPort: this.#take('dns.port', readPort, 53),
      healthPort: this.#take('health-port', readPort, 8080),
      interfaceName: this.#isOn('setupinterface') ? this.#take('interfacename', readLinkName, '') : '',
      rules,
      fallback: this.#fallback(addresses, clusterDns, rules),
      markBit: this.#take('fallback-mark-bit', readMarkBit, 0),
      syncMs: this.#take('syncinterval', readInterval, 60_000),
      skipTeardown: this.#isOn('skipteardown'),
      metricsAddress: metrics,
      ...this.#files(),
      kubeDnsDirectory: this.#text('kubednscm') || standardOf('kubednscm'),
      clusterDns,
      upstreamService,
      pidfile: this.#text('pidfile'),
      logFormat: this.#take('log-format', (text) => readChoice(text, ['text', 'json']), 'text'),
      udpListener: this.#take('udp-listener', (text) => readChoice(text, ['auto', 'batch', 'dgram']), 'auto'),
      quiet: this.#isOn('quiet'),
    };
  }

  #addresses(): readonly LocalAddress[] {
    if (this.#text('localip') === '') {
      this.#fault('localip', 'no address is given: name those that the cache is to answer on');
      return [];
    }
    const { addresses, faults } = readAddresses(this.#text('localip'));
    for (const fault of faults) this.#fault('localip', fault);
    for (const place of addresses)
      if (place.family === 6 && isLinkLocal(place))
        this.#fault('localip', `${place.address} is link-local, which in IPv6 no client can ask: take one of fd00::/8`);
    return addresses;
  }

  /** Both files; neither is opened. */
  #files(): Pick<NodeCacheSettings, 'baseCorefile' | 'corefile'> {
    const baseCorefile = this.#name('basecorefile');
    const conf = this.#text('conf');
    const other = this.#text('corefile');
    if (conf !== '' && this.#given.has('corefile') && resolve(other) !== resolve(conf))
      this.warnings.push(`-corefile ${other} has no effect: -conf ${conf} is the file that is written and served`);
    if (conf === 'stdin') this.#fault('conf', 'this file is written from the template, so it cannot be standard input');
    const corefile = conf === '' ? other : conf;
    const name = conf === '' ? 'corefile' : 'conf';
    if (corefile === '') this.#fault('conf', 'no file is given');
    else if (baseCorefile !== '' && resolve(corefile) === resolve(baseCorefile))
      this.#fault(name, `${corefile} is the template (-basecorefile) and would be written over`);
    return { baseCorefile, corefile };
  }

  #clusterDns(service: string): string | null {
    if (service === '') return null;
    const variable = serviceVariable(service);
    const text = this.#env[variable] ?? '';
    if (text === '') {
      this.warnings.push(`${variable} is not in the environment: ${missingService(service)}`);
      return null;
    }
    const read = readAddress(text);
    if ('value' in read) return read.value.address;
    this.faults.push(`${variable} in the environment (-upstreamsvc ${service}): ${read.fault}`);
    return null;
  }

  #rules(): RulesKind {
    const rules = this.#take('rules', (text) => readChoice<RulesKind>(text, ['nftables', 'iptables', 'none']), 'none');
    if (this.#isOn('setupiptables')) return rules;
    if (this.#given.has('rules') && rules !== 'none')
      this.#fault('rules', `${rules}, and -setupiptables=false, which means none: leave one of them out`);
    return 'none';
  }

  #fallback(
    addresses: readonly LocalAddress[],
    clusterDns: string | null,
    rules: RulesKind,
  ): NodeCacheSettings['fallback'] {
    const given = this.#givenFallback();
    const fallback: Record<4 | 6, string | null> = { 4: null, 6: null };
    for (const family of FAMILIES) {
      const own = addresses.filter((address) => address.family === family);
      const ofService = clusterDns !== null && isIP(clusterDns) === family ? clusterDns : null;
      fallback[family] = given.get(family) ?? ofService ?? this.#ownClusterIp(own);
      if (rules !== 'nftables' || fallback[family] !== null) continue;
      const lost = own.filter((address) => isLinkLocal(address) || own.length > 1).map(({ address }) => address);
      if (lost.length > 0)
        this.warnings.push(
          `there is no fallback for ${lost.join(' and ')}, but for what is a cluster IP: queries are lost while no cache answers; -fallback names the cluster's DNS`,
        );
    }
    return fallback;
  }

  /** The one of the addresses that is a cluster IP, as far as that can be told: an address in the range of other Services, or there is but one. */
  #ownClusterIp(own: readonly LocalAddress[]): string | null {
    const [first, ...more] = own.filter((address) => !isLinkLocal(address) && !isLoopback(address));
    if (first === undefined || more.length === 0) return first?.address ?? null;
    const services = Object.entries(this.#env).flatMap(([name, text = '']) =>
      /_SERVICE_HOST$/.test(name) ? [text] : [],
    );
    const found = [first, ...more].find(({ address }) => services.some((other) => mayBeOfOneRange(address, other)));
    return found?.address ?? null;
  }

  #givenFallback(): ReadonlyMap<4 | 6, string> {
    const given = new Map<4 | 6, string>();
    if (this.#text('fallback') === '') return given;
    const { addresses, faults } = readAddresses(this.#text('fallback'));
    for (const fault of faults) this.#fault('fallback', fault);
    for (const place of addresses) {
      const { address, family } = place;
      if (isLinkLocal(place) || isLoopback(place))
        this.#fault('fallback', `${address} is an address of this node alone: the cluster's DNS is not there`);
      else if (given.has(family))
        this.#fault('fallback', `${given.get(family)} and ${address} are both IPv${family}: one for each family`);
      else given.set(family, address);
    }
    return given;
  }

  #text(name: NodeCacheFlag): string {
    return this.#given.get(name) ?? standardOf(name);
  }

  /** A text that must not be empty. */
  #name(name: NodeCacheFlag): string {
    const text = this.#text(name);
    if (text === '') this.#fault(name, 'needs a value that is not empty');
    return text;
  }

  #isOn(name: NodeCacheFlag): boolean {
    return this.#text(name) === 'true';
  }

  #take<T>(name: NodeCacheFlag, read: (text: string) => Read<T>, instead: T): T {
    const found = read(this.#text(name));
    if ('value' in found) return found.value;
    this.#fault(name, found.fault);
    return instead;
  }

  #fault(name: NodeCacheFlag, fault: string): void {
    this.faults.push(`-${name}: ${fault}`);
  }
}

const standardOf = (name: NodeCacheFlag): string =>
  NODE_CACHE_FLAGS.find((flag) => flag.name === name)?.standard as string;

const metricsAddressFault = (text: string): string | null => {
  const read = readHttpAddress(text);
  if (typeof read === 'string') return `${read}: write HOST:PORT`;
  const port = readPort(read.port);
  return 'fault' in port ? port.fault : null;
};

/** What the variable of a Service needs, for the warning and for the fault where the template wants its address. */
export const missingService = (service: string): string =>
  `the Service "${service}" (-upstreamsvc) must be in the namespace of this Pod, with a cluster IP, before the Pod starts`;
