import { writeFileSync } from 'node:fs';
import { scrape, valuesOf } from '../support/scrape.ts';
import { MeasuredProcess } from './measured-process.ts';

/** Where programs run. */
export interface Place {
  readonly program: string;
  readonly folder: string;
  readonly kubeconfig: string;
  /** The first of the ports that it may use, three each. */
  readonly port: number;
}

/** A server of the cluster's DNS. `index` tells several apart. */
export const startDns = async (
  place: Place,
  options: { readonly index?: number; readonly pods?: string } = {},
): Promise<MeasuredProcess> => {
  const { index = 0, pods = 'insecure' } = options;
  const port = place.port + 3 * index;
  const body = `
    errors
    ready 127.0.0.1:${port + 1}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${place.kubeconfig}
        pods ${pods}
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:${port + 2}
    forward . 127.0.0.1:9
    cache 30
    loadbalance
`;
  const server = start(place, `dns-${index}`, port, body);
  await server.until(async () => (await fetch(`http://127.0.0.1:${port + 1}/ready`)).ok);
  await server.rest();
  return server;
};

/** A node's cache with `service_watch`, without link and rules, which cost the same everywhere. */
export const startNode = async (place: Place): Promise<MeasuredProcess> => {
  const { port } = place;
  const body = `
    errors
    prometheus 127.0.0.1:${port + 2}
    service_watch cluster.local in-addr.arpa {
        kubeconfig ${place.kubeconfig}
    }
    forward . 127.0.0.1:9
    cache 30
`;
  const server = start(place, 'node', port, body);
  // Both kinds are in step.
  await server.until(async () => {
    const stale = valuesOf(await scrape(port + 2), 'cluster_dns_kubernetes_stale_seconds');
    return stale.length === 2 && stale.every((seconds) => seconds === 0);
  });
  await server.rest();
  return server;
};

const start = ({ program, folder }: Place, name: string, port: number, body: string): MeasuredProcess => {
  const corefile = `${folder}/${name}.Corefile`;
  writeFileSync(corefile, `.:${port} {${body}    bind 127.0.0.1\n}\n`);
  return new MeasuredProcess(program, ['-conf', corefile], `${folder}/${name}.log`);
};

/** The Service proxy, in the network namespace of the bench. */
export const startProxy = async (place: Place): Promise<MeasuredProcess> => {
  const { program, folder, kubeconfig, port } = place;
  const args = [
    ...['proxy', 'run', `--kubeconfig=${kubeconfig}`, '--proxy-mode=nftables', '--hostname-override=node-1'],
    ...['--healthz-bind-address=', `--metrics-bind-address=127.0.0.1:${port + 2}`, '--conntrack-max-per-core=0'],
  ];
  const proxy = new MeasuredProcess(program, args, `${folder}/proxy.log`);
  await proxy.until(async () =>
    valuesOf(await scrape(port + 2), 'kubeproxy_sync_proxy_rules_last_timestamp_seconds').some((at) => at > 0),
  );
  await proxy.rest();
  return proxy;
};
