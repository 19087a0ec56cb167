import { resolve } from 'node:path';
import { readDurationMs, readInteger } from '#corefile/readers.ts';
import type { Faults, Occurrence, OptionLine, Token } from '#corefile/tree.ts';
import { isWithin, type Name, nameFromText, textFromName } from '#dns/name.ts';
import type { ApiConnection } from '#kube/api/connection.ts';
import { parseLabelSelector } from '#kube/label-selector.ts';
import { fallthroughZones, type SetupContext, zonesFromArgs } from '#plugin/index.ts';
import { durationFault, floatFault, integerFault } from './number-faults.ts';

export type PodMode = 'disabled' | 'insecure' | 'verified';

/** Where cluster data comes from. */
export type Origin =
  | { readonly kind: 'api'; readonly connection: ApiConnection }
  | { readonly kind: 'manifests'; readonly directories: readonly string[] };

/** The directive, read. */
export interface KubernetesOptions {
  readonly zones: readonly Name[];
  /** The first zone that is no reverse zone: what reverse names point into. */
  readonly primaryZone: Name;
  readonly origin: Origin;
  /** Label selectors in canonical text, '' for all. */
  readonly labels: string;
  readonly namespaceLabels: string;
  /** Namespaces that are answered for; empty for all. */
  readonly namespaces: ReadonlySet<string>;
  readonly podMode: PodMode;
  readonly hasEndpointPodNames: boolean;
  readonly hasEndpoints: boolean;
  readonly isEmptyServiceIgnored: boolean;
  /** Names below these go to the next plugin instead of being NXDOMAIN. */
  readonly fallthroughZones: readonly Name[];
  readonly ttlSeconds: number;
  readonly startupTimeoutMs: number;
  /** Where the cluster is kept over a restart; null where it is not, or where another block says it. */
  readonly state: StateLine | null;
}

/** A `state` line. */
export interface StateLine {
  /** Absolute. */
  readonly file: string;
  readonly token: Token;
}

/** Names of the options that are read here. */
export const OPTION_NAMES = [
  'apiserver_burst',
  'apiserver_max_inflight',
  'apiserver_qps',
  'endpoint',
  'endpoint_pod_names',
  'fallthrough',
  'ignore',
  'kubeconfig',
  'labels',
  'manifests',
  'multicluster',
  'namespace_labels',
  'namespaces',
  'noendpoints',
  'pods',
  'startup_timeout',
  'state',
  'tls',
  'ttl',
  'zonal',
] as const;

type OptionName = (typeof OPTION_NAMES)[number];

const IN_ADDR_ARPA = nameFromText('in-addr.arpa');
const IP6_ARPA = nameFromText('ip6.arpa');

/** True for names below a reverse tree, and for the tops of the trees. */
export const isReverse = (name: Name): boolean => isWithin(name, IN_ADDR_ARPA) || isWithin(name, IP6_ARPA);

/** Reads the directive; faults go to `context.faults`, and the result then does not matter. */
export const readOptions = ({ directive, block, faults, services }: SetupContext): KubernetesOptions => {
  const occurrence = directive.occurrences[0] as Occurrence;
  const zones = zonesFromArgs(occurrence.args, block.zones, faults);
  // CoreDNS takes the tops of the reverse trees for ordinary zones; here they are chosen only where there is nothing else.
  const primaryZone =
    zones.find((zone) => !isReverse(zone)) ?? zones.find((zone) => zone === IN_ADDR_ARPA || zone === IP6_ARPA);
  if (primaryZone === undefined)
    faults.add('non-reverse zone name must be used', occurrence.args[0] ?? occurrence.name);
  const reader = new OptionReader(faults, zones);
  for (const line of occurrence.body ?? []) reader.read(line);
  const origin = reader.origin(services.manifestDirectories);
  reader.checkTogether(origin);
  return {
    zones,
    primaryZone: primaryZone ?? zones[0] ?? IN_ADDR_ARPA,
    origin,
    labels: reader.labels,
    namespaceLabels: reader.namespaceLabels,
    namespaces: reader.namespaces,
    podMode: reader.podMode,
    hasEndpointPodNames: reader.seen.has('endpoint_pod_names'),
    hasEndpoints: !reader.seen.has('noendpoints'),
    isEmptyServiceIgnored: reader.isEmptyServiceIgnored,
    fallthroughZones: reader.fallthroughZones,
    ttlSeconds: reader.ttlSeconds,
    startupTimeoutMs: reader.startupTimeoutMs,
    state: origin.kind === 'api' ? reader.state : null,
  };
};

/** What the lines of the block have said so far. Of an option that stands twice the last counts; Namespaces add up. */
class OptionReader {
  readonly #faults: Faults;
  readonly #zones: readonly Name[];
  readonly seen = new Map<OptionName, Token>();
  readonly namespaces = new Set<string>();
  labels = '';
  namespaceLabels = '';
  podMode: PodMode = 'disabled';
  isEmptyServiceIgnored = false;
  fallthroughZones: readonly Name[] = [];
  ttlSeconds = 5;
  startupTimeoutMs = 5000;
  state: StateLine | null = null;
  #endpoint = '';
  #tls: { readonly cert: string; readonly key: string; readonly ca: string } | null = null;
  #kubeconfig: { readonly file: string; readonly context?: string } | null = null;
  #manifests: readonly string[] = [];

  constructor(faults: Faults, zones: readonly Name[]) {
    this.#faults = faults;
    this.#zones = zones;
  }

  read(line: OptionLine): void {
    const name = line.name.text as OptionName;
    if (!OPTION_NAMES.includes(name)) {
      this.#faults.add(`Error during parsing: unknown property '${name}'`, line.name);
      return;
    }
    this.seen.set(name, line.name);
    const texts = line.args.map(({ text }) => text);
    const [first = ''] = texts;
    switch (name) {
      case 'endpoint_pod_names':
      case 'noendpoints':
        this.#hasCount(line, 0, 0);
        break;
      case 'zonal':
        if (this.#hasCount(line, 0, 0))
          this.#faults.add(
            'zonal is not built yet',
            line.name,
            'remove it: names of one topology zone are not answered',
          );
        break;
      case 'pods':
        if (!this.#hasCount(line, 1, 1)) break;
        if (first === 'disabled' || first === 'insecure' || first === 'verified') this.podMode = first;
        else
          this.#faults.add(
            `wrong value for pods: ${first},  must be one of: disabled, verified, insecure`,
            line.args[0] as Token,
          );
        break;
      case 'namespaces':
        if (this.#hasCount(line, 1)) for (const text of texts) this.namespaces.add(text);
        break;
      case 'endpoint':
        if (!this.#hasCount(line, 1)) break;
        this.#endpoint = first;
        if (texts.length > 1)
          this.#faults.warn(
            `Multiple endpoints have been deprecated, only the first specified endpoint '${first}' is used`,
            line.name,
          );
        break;
      case 'tls':
        if (this.#hasCount(line, 3, 3)) this.#tls = { cert: first, key: texts[1] as string, ca: texts[2] as string };
        break;
      case 'kubeconfig':
        if (this.#hasCount(line, 1, 2))
          this.#kubeconfig = texts[1] === undefined ? { file: first } : { file: first, context: texts[1] };
        break;
      case 'manifests':
        if (this.#hasCount(line, 1)) this.#manifests = texts;
        break;
      case 'labels':
        this.labels = this.#selector(
          line,
          (text, reason) => `unable to parse label selector value: '${text}': ${reason}`,
        );
        break;
      case 'namespace_labels':
        this.namespaceLabels = this.#selector(
          line,
          (text, reason) => `unable to parse namespace_label selector value: '${text}': ${reason}`,
        );
        break;
      case 'fallthrough':
        this.fallthroughZones = fallthroughZones(line.args, this.#faults);
        break;
      case 'ttl':
        this.#readTtl(line);
        break;
      case 'ignore':
        // A bare `ignore`, and words after `empty_service`, are accepted in silence, as CoreDNS does.
        if (first === 'empty_service') this.isEmptyServiceIgnored = true;
        else if (texts.length > 0)
          this.#faults.add(`unable to parse ignore value: '${first}'`, line.args[0] as Token, 'write empty_service');
        break;
      case 'startup_timeout':
        this.#readStartupTimeout(line);
        break;
      case 'state':
        if (this.#hasCount(line, 1, 1)) this.state = { file: resolve(first), token: line.args[0] as Token };
        break;
      case 'multicluster':
        this.#readMulticluster(line);
        break;
      case 'apiserver_qps':
        this.#readLimit(line, floatFault);
        break;
      case 'apiserver_burst':
      case 'apiserver_max_inflight':
        this.#readLimit(line, integerFault);
        break;
    }
  }

  /** Faults that concern more than one option. */
  checkTogether(origin: Origin): void {
    const state = this.seen.get('state');
    if (state !== undefined && this.#manifests.length > 0)
      this.#faults.add('state is of no use with manifests', state, 'remove it: manifests are there at every start');
    else if (state !== undefined && origin.kind === 'manifests')
      this.#faults.warn('state is not used: the cluster is that of -manifests', state);
    const namespaceLabels = this.seen.get('namespace_labels');
    if (this.namespaces.size > 0 && namespaceLabels !== undefined)
      this.#faults.add('Error during parsing: namespaces and namespace_labels cannot both be set', namespaceLabels);
    const zonal = this.seen.get('zonal');
    if (zonal !== undefined && this.seen.has('noendpoints'))
      this.#faults.add('Error during parsing: zonal requires the endpoint cache; remove noendpoints', zonal);
  }

  origin(manifestDirectories: readonly string[]): Origin {
    if (this.#manifests.length > 0) return { kind: 'manifests', directories: this.#manifests };
    if (this.#kubeconfig !== null) return { kind: 'api', connection: { kind: 'kubeconfig', ...this.#kubeconfig } };
    if (this.#endpoint !== '') {
      const endpoint = { kind: 'endpoint', url: this.#endpoint } as const;
      return { kind: 'api', connection: this.#tls === null ? endpoint : { ...endpoint, tls: this.#tls } };
    }
    if (manifestDirectories.length > 0) return { kind: 'manifests', directories: manifestDirectories };
    return { kind: 'api', connection: { kind: 'in-cluster' } };
  }

  /** True where the line has a fitting number of words; else that is a fault at its last word. */
  #hasCount({ name, args }: OptionLine, least: number, most = Number.POSITIVE_INFINITY): boolean {
    if (args.length >= least && args.length <= most) return true;
    this.#faults.argument(args.at(-1) ?? name);
    return false;
  }

  #selector(line: OptionLine, fault: (text: string, reason: string) => string): string {
    if (!this.#hasCount(line, 1)) return '';
    const text = line.args.map((token) => token.text).join(' ');
    const selector = parseLabelSelector(text);
    if (!('error' in selector)) return selector.text;
    this.#faults.add(fault(text, selector.error), line.args[0] as Token);
    return '';
  }

  #readTtl(line: OptionLine): void {
    if (!this.#hasCount(line, 1)) return;
    const token = line.args[0] as Token;
    const fault = integerFault(token.text);
    const ttl = readInteger(token.text) ?? 0;
    if (fault !== null) this.#faults.add(fault, token);
    else if (ttl < 0 || ttl > 3600)
      this.#faults.add(`Error during parsing: ttl must be in range [0, 3600]: ${ttl}`, token);
    else this.ttlSeconds = ttl;
  }

  #readStartupTimeout(line: OptionLine): void {
    if (!this.#hasCount(line, 1)) return;
    const token = line.args[0] as Token;
    const timeoutMs = readDurationMs(token.text);
    if (timeoutMs === null)
      this.#faults.add(`failed to parse startup_timeout: ${token.text}, ${durationFault(token.text)}`, token);
    else this.startupTimeoutMs = timeoutMs;
  }

  /** The limits are checked and then have no effect, as in CoreDNS 1.14.7: lists are paged and watches are few. */
  #readLimit(line: OptionLine, faultOf: (text: string) => string | null): void {
    if (!this.#hasCount(line, 1, 1)) return;
    const token = line.args[0] as Token;
    const fault = faultOf(token.text);
    const name = line.name.text;
    if (fault !== null) this.#faults.add(`Error during parsing: invalid ${name} "${token.text}": ${fault}`, token);
    else if (Number(token.text) < 0) this.#faults.add(`Error during parsing: ${name} must be >= 0`, token);
  }

  #readMulticluster(line: OptionLine): void {
    const foreign = line.args.find(
      (token) => !zonesFromArgs([token], [], this.#faults).every((z) => this.#zones.includes(z)),
    );
    if (foreign !== undefined)
      this.#faults.add(
        `Error during parsing: is not authoritative for the multicluster zone ${zonesFromArgs([foreign], [], this.#faults).map(textFromName).join(' ')} (authoritative zones: [${this.#zones.map(textFromName).join(' ')}])`,
        foreign,
      );
    else if (line.args.length > 0)
      this.#faults.add('multicluster is not built yet', line.name, 'remove it: ServiceImports are not answered');
  }
}
