import { setTimeout as delay } from 'node:timers/promises';
import { answerA, FakeUpstream } from '#test/fake-upstream.ts';
import { startServer } from '#test/server.ts';
import type { Outcome } from './adapter.ts';
import { compared, passedOver } from './setup-rows.ts';

/** What is known of a metric from one scrape: its type, and the label names of its series. */
interface Shape {
  readonly type: string;
  readonly labels: string;
}

const PROBE_FAILURES = 'coredns_proxy_healthcheck_failures_total';
const PART = /_(?:bucket|sum|count)$/;

/** Families of a text exposition. */
export const readFamilies = (text: string): Map<string, Shape> => {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
  const families = new Map<string, Shape>();
  for (const [, series = '', labels = ''] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)) {
    const name = types.has(series) ? series : series.replace(PART, '');
    const names = [...labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label]) => label as string);
    const own = names.filter((label) => label !== 'le' && label !== 'quantile').sort();
    families.set(name, { type: types.get(name) ?? '', labels: own.join(' ') });
  }
  return families;
};

/** kubeadm's Corefile, on ports that are free. */
const corefileFor = (upstreamPort: number): string => `. {
  errors
  health 127.0.0.1:0 {
    lameduck 5s
  }
  ready 127.0.0.1:0
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }
  prometheus 127.0.0.1:0
  forward . 127.0.0.1:${upstreamPort} {
    max_concurrent 1000
  }
  cache 30
  loop
  reload
  loadbalance
}
`;

/** Scrapes our server with kubeadm's Corefile after a few queries. */
const scrapeOurs = async (): Promise<Map<string, Shape>> => {
  const upstream = await FakeUpstream.open(answerA);
  const server = await startServer({ corefile: corefileFor(upstream.port), objects: [] });
  try {
    // Enough different names for a socket to the upstream to be used again, and one name twice for a cache hit.
    for (let i = 0; i < 60; i++) await server.query(`n${i}.example.org.`, 'A', { udpSize: 1232, isDnssecOk: true });
    await server.query('n0.example.org.', 'A');
    for (let i = 0; i < 2; i++) await server.query('nothing.default.svc.cluster.local.', 'A');
    await upstream.close();
    await server.query('gone.example.org.', 'A');
    const { metrics } = server.services;
    for (let i = 0; i < 200 && !(await metrics.render()).includes(PROBE_FAILURES); i++) await delay(20);
    return readFamilies(await server.services.metrics.render());
  } finally {
    await server.stop();
  }
};

/** Each family of a scrape of CoreDNS must be there with the same type and label names. */
export const liveFamilies = async (scrape: string): Promise<Outcome[]> => {
  const ours = await scrapeOurs();
  return [...readFamilies(scrape)].map(([name, shape]) => {
    if (name.startsWith('go_')) return passedOver(name, 'go_* tells of the Go runtime; nodejs_* stands in its place');
    if (name.startsWith('coredns_template_'))
      return passedOver(name, 'a metric of the template plugin, which is not built yet');
    return compared(name, ours.get(name), shape);
  });
};
