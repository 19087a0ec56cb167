import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { projectService } from '#kube/objects/service.ts';
import type { Change, KubeObject } from '#kube/source.ts';

/** Of pods: what comes from elsewhere is masqueraded. All its addresses answer on one port. */
export const POD_RANGE = '10.128.0.0/10';
export const SERVER_PORT = 8080;
export const SERVICE_RANGE = '10.64.0.0/12';

/** So many are connected to. */
const MAX_ASKED = 20;

/** Services of one port with as many endpoints each. Objects go the way that the API server's go. */
export class BenchCluster {
  readonly #services: number;
  readonly #endpoints: number;

  constructor(services: number, endpoints: number) {
    this.#services = services;
    this.#endpoints = endpoints;
  }

  *objects(): Iterable<Change> {
    for (let i = 0; i < this.#services; i++) {
      yield this.service(i);
      yield this.slice(i, this.#endpoints);
    }
  }

  service(i: number): Change {
    return service(nameOf(i), clusterIP(i));
  }

  /** The slice of a Service with its first so many endpoints. */
  slice(i: number, endpoints: number): Change {
    return slice(nameOf(i), endpoints, (k) => address(i * this.#endpoints + k));
  }

  /** One Service more, the i-th that comes, with two endpoints. */
  added(i: number): readonly Change[] {
    const n = this.#services + i;
    return [service(ADDED, clusterIP(n)), slice(ADDED, 2, (k) => address(n * this.#endpoints + k))];
  }

  /** Takes it away. */
  removed(): readonly Change[] {
    const { namespace, name } = ADDED;
    return [
      { type: 'delete', kind: 'EndpointSlice', namespace, name: `${name}-1` },
      { type: 'delete', kind: 'Service', namespace, name },
    ];
  }

  /** Services to connect to, spread over all: where a Service is in a list of rules may matter. */
  asked(): readonly number[] {
    const count = Math.min(MAX_ASKED, this.#services);
    return Array.from({ length: count }, (_, k) => Math.floor(((k + 0.5) * this.#services) / count));
  }
}

interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

const ADDED: ObjectName = { namespace: 'added', name: 'one-more' };

export const clusterIP = (i: number): string => `10.${64 + Math.floor(i / 65_536)}.${(i >> 8) & 255}.${i & 255}`;

const address = (n: number): string => `10.${130 + Math.floor(n / 65_536)}.${(n >> 8) & 255}.${n & 255}`;

/** Rules are in the order of names: neighbours here are none there, nor are the Services that are asked, which are evenly apart (hence a prime). */
const nameOf = (i: number): ObjectName => ({
  namespace: `team-${i % 47}`,
  name: `web-${((i * 7919) % 1_000_003).toString(36).padStart(4, '0')}-${i}`,
});

const service = (metadata: ObjectName, ip: string): Change =>
  set(
    projectService({
      metadata: { ...metadata, resourceVersion: '1' },
      spec: { type: 'ClusterIP', clusterIP: ip, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    }),
  );

const slice = ({ namespace, name }: ObjectName, endpoints: number, addressOf: (k: number) => string): Change =>
  set(
    projectEndpointSlice({
      metadata: {
        namespace,
        name: `${name}-1`,
        labels: { 'kubernetes.io/service-name': name },
        resourceVersion: String(endpoints),
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: SERVER_PORT, protocol: 'TCP' }],
      endpoints: Array.from({ length: endpoints }, (_, k) => ({
        addresses: [addressOf(k)],
        conditions: { ready: true },
        nodeName: `node-${k}`,
      })),
    }),
  );

const set = (object: KubeObject | null): Change => {
  if (object === null) throw new Error('an object without a name');
  return { type: 'set', object };
};
