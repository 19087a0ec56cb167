import type { IpFamily } from '../rule-options.ts';
import { Claims, entriesOf, settle } from './claims.ts';
import { decideService, type Surroundings } from './decide.ts';
import { isSamePort } from './same-port.ts';
import type { ServicePort, ServicePorts } from './service-port.ts';
import type { ServiceState } from './service-state.ts';

/** What is new in a family since the last time it was asked. */
export interface FamilyChanges {
  readonly changed: ReadonlySet<string>;
  readonly conflicts: readonly string[];
}

/** ServicePorts of one family over time. */
export class FamilyPorts {
  readonly #family: IpFamily;
  readonly #surroundings: Surroundings;
  readonly #ports = new Map<string, ServicePort>();
  /** What each Service asks for, by its key; the same objects as in `#ports` where nothing is contested. */
  readonly #wanted = new Map<string, readonly ServicePort[]>();
  /** The same by the keys of ports. */
  readonly #wantedByKey = new Map<string, ServicePort>();
  readonly #claims = new Claims();
  readonly #touched = new Set<ServiceState>();
  readonly #noLocalEndpoints = { internal: 0, external: 0 };
  /** Conflicts that were told, by the key of the port that lost. */
  readonly #told = new Map<string, readonly string[]>();

  constructor(family: IpFamily, surroundings: Surroundings) {
    this.#family = family;
    this.#surroundings = surroundings;
  }

  get ports(): ServicePorts {
    return this.#ports;
  }

  /** How many have endpoints, but none on this node, where a policy is Local. */
  get noLocalEndpoints(): { readonly internal: number; readonly external: number } {
    return { ...this.#noLocalEndpoints };
  }

  /** Something of this Service may have changed. */
  touch(state: ServiceState): void {
    this.#touched.add(state);
  }

  /** Decides anew for what was touched. */
  refresh(): FamilyChanges {
    const changed = new Set<string>();
    const conflicts: string[] = [];
    const unsettled = new Set<string>();
    for (const state of this.#touched) this.#decide(state, unsettled);
    this.#touched.clear();
    for (const key of unsettled) this.#settle(key, changed, conflicts);
    return { changed, conflicts };
  }

  /** Notes the keys whose entries have to be settled. */
  #decide(state: ServiceState, unsettled: Set<string>): void {
    const before = this.#wanted.get(state.key) ?? NONE;
    const now = this.#wants(state, before);
    if (now.length === before.length && now.every((port, index) => port === before[index])) return;
    if (now.length === 0) this.#wanted.delete(state.key);
    else this.#wanted.set(state.key, now);
    for (const port of before) {
      if (now.includes(port)) continue;
      this.#wantedByKey.delete(port.key);
      unsettled.add(port.key);
    }
    for (const port of now) {
      if (before.includes(port)) continue;
      this.#wantedByKey.set(port.key, port);
      unsettled.add(port.key);
      for (const entry of entriesOf(port)) addAll(unsettled, this.#claims.add(entry, port.key));
    }
    for (const port of before) {
      const successor = this.#wantedByKey.get(port.key);
      if (successor === port) continue;
      const kept = successor === undefined ? NOTHING : new Set(entriesOf(successor));
      for (const entry of entriesOf(port))
        if (!kept.has(entry)) addAll(unsettled, this.#claims.delete(entry, port.key));
    }
  }

  /** Decisions for a Service; what is as before is the object of before. */
  #wants({ service, slices }: ServiceState, before: readonly ServicePort[]): readonly ServicePort[] {
    if (service === null) return NONE;
    const ports = new Map<string, ServicePort>();
    for (const { port } of decideService(service, slices, this.#family, this.#surroundings)) {
      // Two ports of one name and protocol: no API server lets them in, and there is no telling which is meant.
      if (ports.has(port.key)) continue;
      const known = before.find(({ key }) => key === port.key);
      ports.set(port.key, known !== undefined && isSamePort(known, port) ? known : port);
    }
    return ports.size === 0 ? NONE : [...ports.values()];
  }

  #settle(key: string, changed: Set<string>, conflicts: string[]): void {
    const wanted = this.#wantedByKey.get(key);
    const { port, lost } = wanted === undefined ? NOT_WANTED : settle(wanted, this.#claims);
    this.#tell(key, lost, conflicts);
    const old = this.#ports.get(key) ?? null;
    if (old === port || (old !== null && port !== null && isSamePort(old, port))) return;
    changed.add(key);
    if (old !== null) this.#count(old, -1);
    if (port !== null) this.#count(port, 1);
    if (port === null) this.#ports.delete(key);
    else this.#ports.set(key, port);
  }

  #tell(key: string, lost: readonly string[], conflicts: string[]): void {
    if (lost.length === 0) {
      this.#told.delete(key);
      return;
    }
    const told = this.#told.get(key) ?? [];
    for (const text of lost) if (!told.includes(text)) conflicts.push(text);
    this.#told.set(key, lost);
  }

  #count({ internal, internalPolicy, external, externalPolicy }: ServicePort, step: number): void {
    if (internalPolicy === 'Local' && internal === 'drop') this.#noLocalEndpoints.internal += step;
    if (externalPolicy === 'Local' && external === 'drop') this.#noLocalEndpoints.external += step;
  }
}

const NONE: readonly ServicePort[] = Object.freeze([]);
const NOTHING: ReadonlySet<string> = new Set();
const NOT_WANTED = { port: null, lost: [] };

const addAll = (keys: Set<string>, added: readonly string[]): void => {
  for (const key of added) keys.add(key);
};
