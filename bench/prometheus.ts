// What a real Prometheus sees, and which alerts fire, while a server, a node cache and two Service proxies are under load and things go
// wrong. Writes the plots of docs/monitoring.md. Needs root, dnsperf, prometheus, nft and iptables.
//
//   node bench/run.mjs prometheus [--rate 3000] [--images docs/images] [--quick]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { outcome } from '#test/command.ts';
import { freePort } from '#test/process.ts';
import type { Series } from '#test/prometheus.ts';
import { MONITORED, rulesFile } from '../test/charts/monitoring/files.ts';
import { LOCAL_DNS, MonitoredScene, SERVICE_COUNT } from '../test/charts/monitoring/scene.ts';
import { dnsperf } from './support/dnsperf.ts';
import { machine } from './support/machine.ts';
import { type Line, type LinePlot, linePlot, type Phase, timelinePlot } from './support/plot.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '3000' },
    images: { type: 'string', default: 'docs/images' },
    /** Phases of a third: whether it works, not for the record. */
    quick: { type: 'boolean', default: false },
  },
});
const rate = Number(values.rate);
/** A minute of the rules is so many seconds here, or a run would take hours. */
const MINUTE = 6;
const INTERVAL = 5;
const folder = join(tmpdir(), `cluster-dns-prometheus-${process.pid}`);
mkdirSync(folder);

/** The rules with their minutes and hours made shorter; what they compare with stays. */
const quickened = (file: string, number: number): string => {
  const seconds = (all: string, count: string, unit: string): string =>
    unit === 'd' ? all : `${Number(count) * MINUTE * (unit === 'h' ? 60 : 1)}s`;
  const text = readFileSync(file, 'utf8')
    .replace(/(?<=\[)(\d+)([mhd])(?=\])/g, seconds)
    .replace(/(?<=for: )(\d+)([mh])/g, seconds);
  const path = join(folder, `rules-${number}.yaml`);
  writeFileSync(path, text);
  return path;
};

const services = Array.from({ length: SERVICE_COUNT }, (_, i) => `web-${i}.shop.svc.cluster.local`);
/** Names of the cluster with what a search path makes of them, and names outside. */
const usual = Array.from({ length: 4000 }, (_, i) => {
  if (i % 20 === 0) return `host-${i}.example.org A`;
  if (i % 5 === 0) return `host-${i % 300}.example.org ${i % 2 === 0 ? 'A' : 'AAAA'}`;
  if (i % 7 === 0) return `nx-${i % 50}.default.svc.cluster.local A`;
  return `${services[i % services.length]} ${i % 3 === 0 ? 'AAAA' : 'A'}`;
});
const never = Array.from({ length: 200_000 }, (_, i) => `never-${i}.example.net A`);
const list = (name: string, lines: readonly string[]): string => {
  const path = join(folder, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
};
const usualFile = list('usual', usual);
const neverFile = list('never', never);

const upstreamPort = await freePort();
const upstream: { process?: ChildProcess } = {};
const startUpstream = async (): Promise<void> => {
  const script = fileURLToPath(new URL('./upstream.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, `${upstreamPort}`, '5'], { stdio: ['ignore', 'pipe', 'inherit'] });
  upstream.process = child;
  await once(child.stdout, 'data');
};
await startUpstream();
process.on('exit', () => upstream.process?.kill('SIGKILL'));

const scene = await MonitoredScene.start({
  ruleFiles: MONITORED.map((chart, i) => quickened(rulesFile(chart), i)),
  intervalSeconds: INTERVAL,
  upstreamPort,
});
const started = Date.now() / 1000;
const phases: Phase[] = [];
const [node = ''] = scene.namespaces;

const ask = async (seconds: number, perSecond: number, queryFile = usualFile, outstanding = 500): Promise<void> => {
  const options = { seconds, rate: perSecond, queryFile, clients: 8, outstanding, isTcp: false, cpu: null };
  await dnsperf({ ...options, address: '127.0.0.1', port: scene.dnsPort });
};
const askNode = async (seconds: number): Promise<void> => {
  const options = { seconds, rate: 300, queryFile: usualFile, clients: 2, outstanding: 50, isTcp: false, cpu: null };
  await dnsperf({ ...options, address: LOCAL_DNS, port: 53, netns: node });
};

/** Asks for as long as that, while `trouble` happens at its beginning and is mended at its end. */
const phase = async (
  title: string,
  fullSeconds: number,
  perSecond: number,
  more: Partial<Trouble> = {},
): Promise<void> => {
  const seconds = values.quick ? Math.ceil(fullSeconds / 3) : fullSeconds;
  const from = Date.now() / 1000 - started;
  process.stderr.write(`${title}\n`);
  await more.begin?.();
  await Promise.all([more.load?.(seconds) ?? ask(seconds, perSecond), askNode(seconds), churn(seconds)]);
  await more.end?.();
  phases.push({ title, from, to: Date.now() / 1000 - started });
};

interface Trouble {
  begin(): unknown;
  end(): unknown;
  load(seconds: number): Promise<unknown>;
}

/** Endpoints change each second. */
let round = 0;
const churn = async (seconds: number): Promise<void> => {
  for (let i = 0; i < seconds; i++) {
    await delay(1000);
    scene.changeEndpoints(++round, 2);
  }
};

const goodCorefile = readFileSync(scene.corefile, 'utf8');
const takeRulesAway = async (seconds: number): Promise<void> => {
  for (let i = 0; i < seconds; i += 3) {
    await outcome('ip', ['netns', 'exec', node, 'nft', 'flush', 'ruleset']);
    await delay(3000);
  }
};

const plots: Record<string, string> = {};
let alertRows: readonly { readonly alert: string; readonly job: string; readonly from: number; readonly to: number }[] =
  [];
try {
  await phase('start', 20, 300);
  await phase('usual load', 50, rate);
  await phase('upstream away', 50, rate, { begin: () => upstream.process?.kill('SIGKILL'), end: startUpstream });
  await phase('usual load', 30, rate);
  await phase('API server away', 90, rate, { begin: () => scene.api.stop(), end: () => scene.api.start() });
  await phase('bad Corefile', 30, rate, {
    begin: () => writeFileSync(scene.corefile, goodCorefile.replace('loadbalance', 'lodbalance')),
    end: () => writeFileSync(scene.corefile, goodCorefile),
  });
  await phase('rules taken away', 30, rate, {
    load: (seconds) => Promise.all([ask(seconds, rate), takeRulesAway(seconds)]),
  });
  await phase('overload', 40, 0, { load: (seconds) => ask(seconds, 0, neverFile, 20_000) });
  await phase('killed', 50, 0, {
    begin: () => scene.server.signal('SIGKILL'),
    load: (seconds) => delay(seconds * 1000),
    end: () => scene.startServer(),
  });
  await phase('usual load', 40, rate);

  const ended = Date.now() / 1000;
  const range = (expression: string): Promise<readonly Series[]> =>
    scene.prometheus.queryRange(expression, started, ended, INTERVAL);
  const line = async (name: string, expression: string, colour: NonNullable<Line['colour']>): Promise<Line> => {
    const [series] = await range(expression);
    return {
      name,
      colour,
      points: (series?.values ?? []).map(([seconds, value]) => [seconds - started, value] as const),
    };
  };
  const draw = async (
    name: string,
    plot: Omit<LinePlot, 'phases' | 'lines' | 'gapSeconds'>,
    lines: readonly Promise<Line>[],
  ): Promise<void> => {
    plots[name] = linePlot({ ...plot, gapSeconds: 2 * INTERVAL, phases, lines: await Promise.all(lines) });
  };
  const dns = 'job="cluster-dns"';
  const count = (n: number): string => (n >= 1000 ? `${n / 1000}k` : `${Number(n.toFixed(2))}`);
  const time = (s: number): string =>
    s >= 1 ? `${s} s` : s >= 0.001 ? `${Number((s * 1000).toFixed(2))} ms` : `${Number((s * 1e6).toFixed(0))} us`;
  const replies = (rcode: string): string => `sum(rate(coredns_dns_responses_total{${dns}, rcode="${rcode}"}[20s]))`;
  await draw('replies', { title: 'DNS server: replies a second', format: count }, [
    line('NOERROR', replies('NOERROR'), 'green'),
    line('NXDOMAIN', replies('NXDOMAIN'), 'blue'),
    line('SERVFAIL', replies('SERVFAIL'), 'red'),
  ]);
  const quantile = (q: number, metric: string): string =>
    `histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket{${dns}}[20s])))`;
  await draw('latency', { title: 'DNS server: latency', format: time, powers: [-4, 1] }, [
    line('50 %', quantile(0.5, 'coredns_dns_request_duration_seconds'), 'green'),
    line('90 %', quantile(0.9, 'coredns_dns_request_duration_seconds'), 'orange'),
    line('99 %', quantile(0.99, 'coredns_dns_request_duration_seconds'), 'red'),
    line('upstream, 99 %', quantile(0.99, 'coredns_proxy_request_duration_seconds'), 'purple'),
  ]);
  const udp = (what: string): string => `sum(rate(cluster_dns_udp_${what}_total{${dns}}[20s]))`;
  await draw('udp', { title: 'DNS server: what becomes of UDP queries, a second', format: count, powers: [0, 5] }, [
    line('remembered', udp('remembered'), 'green'),
    line('handed over', udp('handed_over'), 'blue'),
    line('dropped', udp('dropped'), 'red'),
    line('outdated', udp('outdated'), 'orange'),
    line('dropped by the kernel', udp('receive_buffer_drops'), 'purple'),
  ]);
  await draw('cluster-data', { title: 'Seconds behind the API server, and changes of the cluster', format: count }, [
    line('DNS server behind, s', `max(cluster_dns_kubernetes_stale_seconds{${dns}})`, 'red'),
    line('changes a second', `sum(rate(cluster_dns_kubernetes_event_apply_seconds_count{${dns}}[20s]))`, 'blue'),
    line(
      'syncs of a Service proxy in 20 s',
      'max(increase(kubeproxy_sync_proxy_rules_duration_seconds_count[20s]))',
      'green',
    ),
  ]);
  await draw('process', { title: 'DNS server: memory (MiB) and CPU (% of a core)', format: count }, [
    line('resident memory, MiB', `process_resident_memory_bytes{${dns}} / 1048576`, 'blue'),
    line('CPU, %', `100 * rate(process_cpu_seconds_total{${dns}}[20s])`, 'orange'),
  ]);

  const fired = await range('ALERTS{alertstate="firing"}');
  alertRows = fired
    .flatMap(({ metric, values: points }) => {
      const bars: { alert: string; job: string; severity: string; from: number; to: number }[] = [];
      for (const [seconds] of points) {
        const last = bars.at(-1);
        if (last !== undefined && seconds - started - last.to <= 2 * INTERVAL) last.to = seconds - started;
        else
          bars.push({
            alert: metric.alertname ?? '',
            job: metric.job ?? '',
            severity: metric.severity ?? '',
            from: seconds - started,
            to: seconds - started,
          });
      }
      return bars;
    })
    .sort((a, b) => a.from - b.from);
  const rowOf = (alert: string, job: string): string => (job === '' ? alert : `${alert}, ${job}`);
  const colours = { critical: 'red', warning: 'orange', info: 'blue' } as const;
  const rows = new Map<
    string,
    { name: string; colour: (typeof colours)[keyof typeof colours]; bars: { from: number; to: number }[] }
  >();
  for (const { metric } of fired) {
    const name = rowOf(metric.alertname ?? '', metric.job ?? '');
    const severity = (metric.severity ?? 'info') as keyof typeof colours;
    if (!rows.has(name)) rows.set(name, { name, colour: colours[severity], bars: [] });
  }
  for (const { alert, job, from, to } of alertRows) rows.get(rowOf(alert, job))?.bars.push({ from, to });
  const first = (bars: readonly { readonly from: number }[]): number => Math.min(...bars.map(({ from }) => from));
  plots.alerts = timelinePlot({
    title: 'Alerts that fired (red: critical, orange: warning, blue: info)',
    phases,
    rows: [...rows.values()].sort((a, b) => first(a.bars) - first(b.bars)),
  });
} finally {
  upstream.process?.kill('SIGKILL');
  await scene.stop();
  rmSync(folder, { recursive: true, force: true });
}

const images = resolve(values.images);
mkdirSync(images, { recursive: true });
for (const [name, svg] of Object.entries(plots)) writeFileSync(join(images, `monitoring-${name}.svg`), svg);
const phaseAt = (seconds: number): string =>
  phases.find(({ from, to }) => seconds >= from && seconds < to)?.title ?? '';
console.log(`${machine()}\n\n| alert | job | fired in | after s | for s |\n|---|---|---|---|---|`);
for (const { alert, job, from, to } of alertRows) {
  const since = phases.find((one) => from >= one.from && from < one.to)?.from ?? from;
  console.log(`| ${alert} | ${job} | ${phaseAt(from)} | ${Math.round(from - since)} | ${Math.round(to - from)} |`);
}
