// What becomes of a server that is asked for twice what it can do, and how soon it is itself again.
//
//   node bench/run.mjs overload [--seconds 5]
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ask } from '#test/dns-client.ts';
import { accountSince, type UdpAccount, udpAccount } from '#test/udp-account.ts';
import { until } from '#test/until.ts';
import { type AskerJob, type AskerReport, LOST_AFTER_MS } from './asker/job.ts';
import { freePorts } from './load/ports.ts';
import { end } from './load/processes.ts';
import { PROBE_KINDS, Prober, quantile, recoveryMs } from './overload/prober.ts';
import { residentMiB } from './support/process-accounting.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    /** Queries a second, in place of twice what is found. */
    rate: { type: 'string', default: '0' },
    upstreams: { type: 'string', default: '0,100,dead' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
  },
});
const seconds = Number(values.seconds);
const [askerCpu, serverCpu] = cpus().length > 1 ? [0, 1] : [0, 0];
const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-overload-'));
const script = (name: string): string => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
const firstPort = await freePorts(16_300, 3);
const [port, metricsPort, upstreamPort] = [firstPort, firstPort + 1, firstPort + 2];

const COREFILE = `.:${port} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metricsPort}
    cache
    hosts {
        192.0.2.7 known.test
        fallthrough
    }
    forward . 127.0.0.1:${upstreamPort}
}
main.test:${port} {
    bind 127.0.0.1
    whoami
}
`;

const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

const start = (cpu: number, command: readonly string[], stdio: 'pipe' | 'ignore' = 'ignore'): ChildProcess => {
  const child = spawn('taskset', ['-c', `${cpu}`, process.execPath, ...command], { stdio: ['pipe', 'pipe', stdio] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
};

const startUpstream = async (delayMs: string): Promise<ChildProcess> => {
  const child = start(askerCpu, [script('upstream'), `${upstreamPort}`, delayMs]);
  await new Promise((isReady) => child.stdout?.once('data', isReady));
  return child;
};

const startServer = async (): Promise<ChildProcess> => {
  writeFileSync(join(folder, 'Corefile'), COREFILE);
  const child = start(serverCpu, [resolve(values.program), '-conf', join(folder, 'Corefile')]);
  child.stdout?.resume();
  const isUp = () => ask({ address: '127.0.0.1', port }, 'known.test', 'A', { timeoutMs: 100 }).then(() => true);
  await until(() => isUp().catch(() => false), 'the server answers');
  return child;
};

let files = 0;
/** Asks for names that nobody has asked for, one in five repeated, at this rate. */
const flood = async (rate: number, forSeconds: number): Promise<AskerReport> => {
  const queryFile = join(folder, `names-${files++}`);
  const count = Math.ceil(rate * (forSeconds + 1));
  const name = (i: number): string => (i % 5 === 0 ? 'known.test A' : `n${i}.f${files}.example A`);
  writeFileSync(queryFile, Array.from({ length: count }, (_, i) => name(i)).join('\n'));
  const job: AskerJob = { port, queryFile, rate, seconds: forSeconds, isTcp: false, udpSize: 1232, clients: 16 };
  const child = start(askerCpu, [script('ask'), JSON.stringify(job)]);
  let text = '';
  child.stdout?.on('data', (part) => {
    text += part;
  });
  await new Promise((done) => child.once('close', done));
  rmSync(queryFile);
  return JSON.parse(text) as AskerReport;
};

const account = async (): Promise<UdpAccount> =>
  udpAccount(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text());

/** The most queries a second that the server has answered, at rates that grow until it no longer answers nearly all. */
const capacity = async (): Promise<number> => {
  let best = 0;
  for (let rate = 2000; rate <= 256_000; rate = Math.round(rate * 1.5)) {
    const { asked, answered } = await flood(rate, 1);
    best = Math.max(best, Math.round((rate * answered) / asked));
    if (answered < 0.99 * asked) break;
  }
  return best;
};

const overload = async (upstream: string, rate: number): Promise<Record<string, string | number>> => {
  const running = await startUpstream(upstream);
  const server = await startServer();
  const before = await account();
  const prober = new Prober(port, {
    remembered: () => 'known.test',
    main: () => 'x.main.test',
    forwarded: (number) => `p${number}.${files}.probe.example`,
  });
  try {
    await delay(1500);
    const quietFrom = performance.now() - 1000;
    const memory = [residentMiB(server.pid as number)];
    const watch = setInterval(() => memory.push(residentMiB(server.pid as number)), 50);
    const quietTo = performance.now();
    const report = await flood(rate, seconds);
    // It has waited for replies to the last ones before it ended.
    const ended = performance.now() - (report.answered < report.asked ? LOST_AFTER_MS : 0);
    const from = ended - 1000 * seconds;
    await delay(4000);
    clearInterval(watch);
    prober.pause();
    await delay(200);
    const since = accountSince(before, await account());
    const row: Record<string, string | number> = {
      upstream: upstream === 'dead' ? 'dead' : `${upstream} ms`,
      'asked/s': rate,
      asked: report.asked,
      answered: report.answered,
      REFUSED: report.rcodes[5] ?? 0,
      SERVFAIL: report.rcodes[2] ?? 0,
      'dropped by us': since.dropped,
      'too late': since.outdated,
      'by the kernel': since.kernelDrops,
      'not accounted for': report.asked + prober.probes.length - since.received - since.kernelDrops,
      'not added up': since.received - since.remembered - since.handedOver - since.dropped - since.limited,
      'MiB before': Math.round(memory[0] as number),
      'MiB most': Math.round(Math.max(...memory)),
    };
    for (const kind of PROBE_KINDS) {
      const quiet = quantile(prober.between(kind, quietFrom, quietTo), 0.9);
      const during = prober.between(kind, from, ended);
      const answered = during.filter(({ latencyMs }) => latencyMs !== null);
      row[`${kind}: quiet p90 ms`] = quiet.toFixed(1);
      row[`${kind}: answered`] = `${Math.round((100 * answered.length) / Math.max(1, during.length))} %`;
      row[`${kind}: longest ms`] = Math.max(0, ...answered.map(({ latencyMs }) => latencyMs ?? 0)).toFixed(0);
      const back = recoveryMs(prober.between(kind, ended, performance.now() - 1000), ended, 2 * quiet + 1);
      row[`${kind}: back after ms`] = back === null ? 'never' : Math.round(back);
    }
    return row;
  } finally {
    prober.stop();
    await end(server);
    await end(running);
  }
};

try {
  let rate = Number(values.rate);
  if (rate === 0) {
    const running = await startUpstream('0');
    const server = await startServer();
    const found = await capacity();
    await end(server);
    await end(running);
    console.log(`it can do ${found} queries a second, 4 of 5 for names that nobody has asked for`);
    rate = 2 * found;
  }
  for (const upstream of values.upstreams.split(',')) {
    const row = await overload(upstream, rate);
    console.log(`\nupstream: ${row.upstream}`);
    console.table(row);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
