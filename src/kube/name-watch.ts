import { type Followed, type FollowOptions, followKinds } from './api/follow-kinds.ts';
import type { Resource } from './api/resource.ts';
import { addressKey, serviceKey } from './dependency-keys.ts';
import { readyAddresses } from './index/service-entry.ts';
import { type EndpointPort, HEADLESS, projectEndpointSlice } from './objects/endpoint-slice.ts';
import { projectService, type Service } from './objects/service.ts';
import type { Kind, Known } from './source.ts';

/** Which EndpointSlices are watched: those of headless Services by their label, all, or none. */
export type WatchedEndpoints = 'headless' | 'all' | 'none';

export interface NameWatchOptions extends FollowOptions {
  readonly endpoints: WatchedEndpoints;
  /** The number that a key (dependency-keys.ts) is known by. */
  readonly slotOf: (key: string) => number;
}

export interface NameWatchEvents {
  /** What these slots stand for has changed. */
  changed(kind: Kind, slots: readonly number[]): void;
  /** A kind is known for the first time: what became of its names before was not told. */
  synced(kind: Kind): void;
}

/**
 * A Service or an EndpointSlice, for who only has to know that its names have changed: a fingerprint of all that their records are made
 * from, and their slots. Beside its name it takes some 150 octets.
 */
interface NamedObject extends Known {
  readonly fingerprint: number;
  /** Slot of the Service's name; -1 for a slice that names none. */
  readonly nameSlot: number;
  /** Those of its addresses; a number where there is one. */
  readonly addressSlots: number | readonly number[];
}

/** Tells which names of a cluster change. It knows no records and answers nothing. */
export class NameWatch {
  readonly #options: NameWatchOptions;
  readonly #stopping = new AbortController();
  readonly #synced = new Set<Kind>();
  #followed: Followed<NamedObject> | null = null;

  constructor(options: NameWatchOptions) {
    this.#options = options;
  }

  start(events: NameWatchEvents): void {
    this.#followed = followKinds<NamedObject>(
      this.#options,
      resourcesOf(this.#options),
      {
        change: (change, old, kind) => {
          // Until a kind is known, everything may have changed.
          if (this.#synced.has(kind)) tell(kind, old, change.type === 'set' ? change.object : undefined, events);
        },
        synced: (kind) => {
          this.#synced.add(kind);
          events.synced(kind);
        },
      },
      this.#stopping.signal,
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#followed?.ended;
  }
}

const tell = (
  kind: Kind,
  old: NamedObject | undefined,
  now: NamedObject | undefined,
  events: NameWatchEvents,
): void => {
  if (old !== undefined && now !== undefined && old.fingerprint === now.fingerprint && old.nameSlot === now.nameSlot)
    return;
  const slots = [...new Set([...slotsOf(old), ...slotsOf(now)])];
  if (slots.length > 0) events.changed(kind, slots);
};

const slotsOf = (object: NamedObject | undefined): number[] => {
  if (object === undefined || object.nameSlot < 0) return [];
  const { nameSlot, addressSlots } = object;
  return typeof addressSlots === 'number' ? [nameSlot, addressSlots] : [nameSlot, ...addressSlots];
};

const resourcesOf = ({ endpoints, slotOf }: NameWatchOptions): readonly Resource<NamedObject>[] => {
  const services: Resource<NamedObject> = {
    kind: 'Service',
    title: 'Services',
    path: '/api/v1/services',
    selectors: {},
    project: (raw) => namedService(raw, slotOf),
  };
  if (endpoints === 'none') return [services];
  const slices: Resource<NamedObject> = {
    kind: 'EndpointSlice',
    title: endpoints === 'headless' ? 'EndpointSlices of headless Services' : 'EndpointSlices',
    path: '/apis/discovery.k8s.io/v1/endpointslices',
    selectors: endpoints === 'headless' ? { labelSelector: HEADLESS } : {},
    project: (raw) => namedSlice(raw, slotOf),
  };
  return [services, slices];
};

type SlotOf = NameWatchOptions['slotOf'];

const namedService = (raw: unknown, slotOf: SlotOf): NamedObject | null => {
  const service = projectService(raw);
  if (service === null) return null;
  const { namespace, name, resourceVersion, type, externalName, clusterIPs, ports } = service;
  const print = new Fingerprint().add(type).add(externalName);
  for (const address of clusterIPs) print.add(address);
  addPorts(print, ports);
  const addresses = clusterIPs[0] === 'None' ? [] : clusterIPs;
  const nameSlot = slotOf(serviceKey(namespace, name));
  return {
    namespace,
    name,
    resourceVersion,
    fingerprint: print.value,
    nameSlot,
    addressSlots: addressSlots(addresses, slotOf),
  };
};

const namedSlice = (raw: unknown, slotOf: SlotOf): NamedObject | null => {
  const slice = projectEndpointSlice(raw);
  if (slice === null) return null;
  const { namespace, name, resourceVersion, serviceName } = slice;
  const print = new Fingerprint();
  addPorts(print, slice.ports);
  const ready = readyAddresses(slice);
  for (const { text, hostname, targetName } of ready) print.add(text).add(hostname).add(targetName);
  const addresses = ready.map(({ text }) => text);
  const nameSlot = serviceName === '' ? -1 : slotOf(serviceKey(namespace, serviceName));
  return {
    namespace,
    name,
    resourceVersion,
    fingerprint: print.value,
    nameSlot,
    addressSlots: addressSlots(addresses, slotOf),
  };
};

const addPorts = (print: Fingerprint, ports: readonly EndpointPort[] | Service['ports']): void => {
  for (const { name, protocol, port } of ports) print.add(name).add(protocol).add(String(port));
};

const addressSlots = (addresses: readonly string[], slotOf: SlotOf): number | readonly number[] => {
  const slots = addresses.map((text) => slotOf(addressKey(text)));
  return slots.length === 1 ? (slots[0] as number) : slots;
};

/** 32 bits of a list of texts: FNV-1a. */
class Fingerprint {
  #hash = 0x811c9dc5;

  get value(): number {
    return this.#hash | 0;
  }

  add(text: string): this {
    for (let i = 0; i < text.length; i++) this.#hash = Math.imul(this.#hash ^ text.charCodeAt(i), 0x01000193);
    // What no text has, so that two texts are not one.
    this.#hash = Math.imul(this.#hash ^ 0x1_0000, 0x01000193);
    return this;
  }
}
