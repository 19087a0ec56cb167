import { HEADER_OCTETS } from '#dns/decode.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { type FakeObject, NAMESPACES, SERVICES, SLICES } from '#test/fake-api-server.ts';

/*
 * Objects of a cluster with a version each, which can be read in every answer that is made from them: in the last 16 bits of an
 * address, in an SRV record's port, in a PTR record's target.
 */
const NAMESPACE = 'shop';
const OF_EACH_KIND = 4;
const numbers = Array.from({ length: OF_EACH_KIND }, (_, i) => i);

/** An API server, as far as objects are put into it. */
export interface ObjectStore {
  put(path: string, object: FakeObject): void;
  remove(path: string, namespace: string, name: string): void;
}

/** An object that changes. */
interface Changing {
  /** Gives the API server the object as it is in a version. */
  put(api: ObjectStore, version: number): void;
}

/** In every fourth version, the first not among them, there is no such object. */
export const isAbsent = (version: number): boolean => version % 4 === 3;

const named = (name: string, fields: object): FakeObject => ({ metadata: { name, namespace: NAMESPACE }, ...fields });
const addressOf = (network: number, version: number): string => `10.${network}.${version >> 8}.${version & 255}`;
const HTTP = { name: 'http', protocol: 'TCP' };

/** A cluster IP and a port. */
const service = (i: number): Changing => ({
  put: (api, version) => {
    const clusterIP = addressOf(96 + i, version);
    const spec = { clusterIP, clusterIPs: [clusterIP], ports: [{ ...HTTP, port: version }] };
    if (isAbsent(version)) api.remove(SERVICES, NAMESPACE, `web-${i}`);
    else api.put(SERVICES, named(`web-${i}`, { spec }));
  },
});

const slice = (name: string, endpoints: readonly object[], port: number): FakeObject => ({
  metadata: { name: `${name}-1`, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': name } },
  addressType: 'IPv4',
  endpoints,
  ports: [{ ...HTTP, port }],
});

/** Three endpoints of a Service without a cluster IP. */
const endpoints = (i: number): Changing => ({
  put: (api, version) => {
    const three = [128, 144, 160].map((network) => ({ addresses: [addressOf(network + i, version)] }));
    if (isAbsent(version)) api.remove(SLICES, NAMESPACE, `db-${i}-1`);
    else api.put(SLICES, slice(`db-${i}`, three, version));
  },
});

/** An endpoint that keeps its address while its name changes. */
const hostName = (i: number): Changing => ({
  put: (api, version) => {
    const one = [{ addresses: [`10.200.0.${i}`], hostname: `v${version}` }];
    if (isAbsent(version)) api.remove(SLICES, NAMESPACE, `host-${i}-1`);
    else api.put(SLICES, slice(`host-${i}`, one, 80));
  },
});

export const OBJECTS: readonly Changing[] = [
  ...numbers.map(service),
  ...numbers.map(endpoints),
  ...numbers.map(hostName),
];

/** A question whose answer is made from one of the objects. */
export interface ChangingQuestion {
  readonly name: string;
  readonly type: 'A' | 'SRV' | 'PTR';
  /** Index among OBJECTS. */
  readonly object: number;
}

const below = (name: string): string => `${name}.${NAMESPACE}.svc.cluster.local.`;
const questionsOf = (i: number): readonly ChangingQuestion[] => [
  { name: below(`web-${i}`), type: 'A', object: i },
  { name: below(`_http._tcp.web-${i}`), type: 'SRV', object: i },
  { name: below(`alias-${i}`), type: 'A', object: i },
  { name: below(`db-${i}`), type: 'A', object: OF_EACH_KIND + i },
  { name: below(`_http._tcp.db-${i}`), type: 'SRV', object: OF_EACH_KIND + i },
  { name: `${i}.0.200.10.in-addr.arpa.`, type: 'PTR', object: 2 * OF_EACH_KIND + i },
];
export const QUESTIONS: readonly ChangingQuestion[] = numbers.flatMap(questionsOf);

/** Puts all objects in their version 0, and what never changes. */
export const fill = (api: ObjectStore): void => {
  api.put(NAMESPACES, { metadata: { name: NAMESPACE } });
  for (const i of numbers) {
    const externalName = `web-${i}.${NAMESPACE}.svc.cluster.local`;
    api.put(SERVICES, named(`alias-${i}`, { spec: { type: 'ExternalName', externalName } }));
    for (const name of [`db-${i}`, `host-${i}`])
      api.put(SERVICES, named(name, { spec: { clusterIP: 'None', ports: [{ ...HTTP, port: 80 }] } }));
  }
  for (const object of OBJECTS) object.put(api, 0);
};

/** What an answer says in place of a version. */
export const NOTHING = -1;
export const UNREADABLE = -2;

/** The version that a reply shows, NOTHING where it has no such record; UNREADABLE where it shows two, or none for another reason. */
export const versionIn = (message: Uint8Array): number => {
  const rcode = (message[3] as number) & 15;
  const isCut = ((message[2] as number) & 2) !== 0;
  if (isCut || (rcode !== 0 && rcode !== 3)) return UNREADABLE;
  let at = nameEnd(message, HEADER_OCTETS) + 4;
  let version = NOTHING;
  for (let left = word(message, 6); left > 0; left--) {
    at = nameEnd(message, at);
    const found = versionOf(message, word(message, at), at + 10);
    at += 10 + word(message, at + 8);
    if (found === NOTHING) continue;
    if (version !== NOTHING && version !== found) return UNREADABLE;
    version = found;
  }
  return version;
};

const versionOf = (message: Uint8Array, type: number, rdata: number): number => {
  if (type === RR_TYPE.A) return word(message, rdata + 2);
  if (type === RR_TYPE.SRV) return word(message, rdata + 4);
  if (type !== RR_TYPE.PTR) return NOTHING;
  let version = 0;
  // `v17`: 3 'v' '1' '7'
  for (let i = 2; i <= (message[rdata] as number); i++) version = 10 * version + (message[rdata + i] as number) - 48;
  return version;
};

const word = (message: Uint8Array, at: number): number => ((message[at] as number) << 8) | (message[at + 1] as number);

/** Offset after the name at `at`. */
const nameEnd = (message: Uint8Array, at: number): number => {
  let end = at;
  for (;;) {
    const label = message[end] as number;
    if (label >= 0xc0) return end + 2;
    end += label + 1;
    if (label === 0) return end;
  }
};
