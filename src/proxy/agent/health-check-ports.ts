import { ANY_PATH, type EndpointReply } from '#http-endpoint/endpoint.ts';
import type { Clock } from '#kube/api/clock.ts';
import type { Log } from '#log/log.ts';
import { Trouble } from '#log/trouble.ts';
import type { ServicePort, ServicePorts } from '../model/service-port.ts';
import type { IpFamily } from '../rule-options.ts';
import { KeptEndpoint } from './kept-endpoint.ts';

export interface HealthCheckPortsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The rules follow the cluster. */
  readonly isHealthy: () => boolean;
}

/** Servers of `healthCheckNodePort`: they tell load balancers whether this node has endpoints of a Service. */
export class HealthCheckPorts {
  readonly #options: HealthCheckPortsOptions;
  /** ServicePorts that have such a port, by family and key. */
  readonly #wanted = new Map<IpFamily, Map<string, ServicePort>>();
  readonly #addresses = new Map<IpFamily, 'all' | readonly string[]>();
  /** By `ADDRESS:PORT`. */
  readonly #servers = new Map<string, { readonly endpoint: KeptEndpoint; service: CheckedService }>();

  constructor(options: HealthCheckPortsOptions) {
    this.#options = options;
  }

  /** Takes over what has changed in a family; `changed` is null for all. `addresses`: those of node ports. */
  update(
    family: IpFamily,
    ports: ServicePorts,
    changed: ReadonlySet<string> | null,
    addresses: 'all' | readonly string[],
  ): void {
    const wanted = this.#wanted.get(family) ?? new Map<string, ServicePort>();
    this.#wanted.set(family, wanted);
    if (changed === null) wanted.clear();
    for (const key of changed ?? ports.keys()) {
      const port = ports.get(key);
      if (port !== undefined && port.healthCheckNodePort !== 0) wanted.set(key, port);
      else wanted.delete(key);
    }
    this.#addresses.set(family, addresses);
    this.#listen();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map(({ endpoint }) => endpoint.close()));
    this.#servers.clear();
  }

  #listen(): void {
    const wanted = this.#places();
    for (const [place, { endpoint }] of this.#servers) {
      if (wanted.has(place)) continue;
      this.#servers.delete(place);
      void endpoint.close();
    }
    for (const [place, service] of wanted) {
      const known = this.#servers.get(place);
      if (known === undefined) this.#open(place, service);
      else known.service = service;
    }
  }

  /** Where to listen, and for what. Where one family has all addresses it is one socket for both. */
  #places(): ReadonlyMap<string, CheckedService> {
    const hosts = new Map<number, Set<string>>();
    const services = new Map<number, CheckedService>();
    for (const [family, ports] of this.#wanted) {
      const addresses = this.#addresses.get(family) ?? [];
      const ofFamily = addresses === 'all' ? [''] : addresses.map((one) => (one.includes(':') ? `[${one}]` : one));
      for (const { namespace, name, healthCheckNodePort: port, localReadyCount } of ports.values()) {
        const count = Math.max(services.get(port)?.count ?? 0, localReadyCount);
        services.set(port, { namespace, name, count });
        hosts.set(port, new Set([...(hosts.get(port) ?? []), ...ofFamily]));
      }
    }
    const places = new Map<string, CheckedService>();
    for (const [port, service] of services) {
      const known = hosts.get(port) ?? new Set();
      for (const host of known.has('') ? [''] : known) places.set(`${host}:${port}`, service);
    }
    return places;
  }

  #open(place: string, service: CheckedService): void {
    const { clock, log, isHealthy } = this.#options;
    const title = `health check node port of ${service.namespace}/${service.name}`;
    const server = {
      service,
      endpoint: new KeptEndpoint({
        address: place,
        title,
        clock,
        trouble: new Trouble(log, `${title}: listening`),
        serve: (endpoint) => endpoint.serve(ANY_PATH, () => checkReply(server.service, isHealthy())),
      }),
    };
    this.#servers.set(place, server);
    void server.endpoint.open();
  }
}

interface CheckedService {
  readonly namespace: string;
  readonly name: string;
  /** Ready endpoints on this node. */
  readonly count: number;
}

const checkReply = ({ namespace, name, count }: CheckedService, isHealthy: boolean): EndpointReply => ({
  status: count > 0 && isHealthy ? 200 : 503,
  headers: {
    'Content-Type': 'application/json',
    'X-Content-Type-Options': 'nosniff',
    'X-Load-Balancing-Endpoint-Weight': String(count),
  },
  body: `${JSON.stringify({ service: { namespace, name }, localEndpoints: count, serviceProxyHealthy: isHealthy }, null, '\t')}\n`,
});
