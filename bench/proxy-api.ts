// The Service proxy from end to end at a real API server: from its start to the rules, and from a change in the API server to the kernel's
// acknowledgement; CPU time and memory of the agent.
//
//   node bench/run.mjs proxy-api --testbed DIR [--sizes 100,1000,20000] [--legacy 20000] [--changes 30] [--node=--FLAG]
//
// Needs root, nft, iptables-legacy, unshare, taskset. All of it runs in a network namespace of its own.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Cluster } from './load/cluster.ts';
import { freePorts } from './load/ports.ts';
import { type AgentCosts, AgentRow, type ChangeTimes } from './proxy/agent-row.ts';
import { ObservedApi } from './proxy/observed-api.ts';
import { machine } from './support/machine.ts';
import { median } from './support/statistics.ts';

const { values } = parseArgs({
  options: {
    testbed: { type: 'string' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    sizes: { type: 'string', default: '100,1000,20000' },
    /** Sizes that iptables-legacy is measured at, too. */
    legacy: { type: 'string', default: '20000' },
    changes: { type: 'string', default: '30' },
    node: { type: 'string', multiple: true, default: [] as string[] },
    /** Of ours: already in the namespace. */
    inside: { type: 'boolean', default: false },
  },
});
if (values.testbed === undefined) throw new Error('needs --testbed DIR');
if (process.getuid?.() !== 0) throw new Error('needs root');

const numbers = (text: string): readonly number[] => text.split(',').filter(Boolean).map(Number);

/** The same again where there are no rules but the agent's, and nobody else's API server. It goes with the last process in it. */
const goInside = (): number => {
  const again = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2), '--inside'];
  return spawnSync('unshare', ['--net', ...again], { stdio: 'inherit' }).status ?? 1;
};

const ms = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));
const spread = (all: readonly number[]): string => `${ms(median(all))} (${ms(Math.max(...all))})`;
const ratio = (of: ChangeTimes, first: ChangeTimes): string =>
  of === first ? '' : `, ${(median(of.fromEvent) / median(first.fromEvent)).toFixed(2)} x`;

const printed = (what: string, costs: AgentCosts, first: AgentCosts): readonly [object, object] => [
  {
    what,
    'rules in place ms': ms(costs.startMs),
    'their writing': costs.fullSync,
    'CPU s, own + tools': `${(costs.ownCpuMs / 1000).toFixed(2)} + ${(costs.toolCpuMs / 1000).toFixed(2)}`,
    'RSS MiB then (peak)': `${costs.atFirst.residentMiB.toFixed(0)} (${costs.atFirst.peakMiB.toFixed(0)})`,
    'RSS MiB after changes + tools': `${costs.atLast.residentMiB.toFixed(0)} + ${costs.atLast.toolMiB.toFixed(0)}`,
  },
  {
    what,
    ...Object.fromEntries(
      costs.changes.map((change, i) => [
        `${change.title} ms`,
        `${spread(change.fromEvent)}${ratio(change, first.changes[i] as ChangeTimes)}`,
      ]),
    ),
    'from request ms': costs.changes.map(({ fromRequest }) => ms(median(fromRequest))).join(', '),
    'CPU ms a change, own + tools': `${ms(costs.changeCpuMs.own)} + ${ms(costs.changeCpuMs.tools)}`,
  },
];

/** Commands called `iptables` are the legacy ones there. */
const legacyPath = (folder: string): string => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const program of ['iptables', 'ip6tables'])
    for (const end of ['', '-save', '-restore'])
      symlinkSync('/usr/sbin/xtables-legacy-multi', join(bin, `${program}${end}`));
  return `${bin}:${process.env.PATH}`;
};

const measureAll = async (folder: string): Promise<void> => {
  spawnSync('ip', ['link', 'set', 'lo', 'up']);
  const port = await freePorts(15_300, 8);
  const cluster = await Cluster.start({
    testbed: resolve(values.testbed as string),
    port,
    folder,
    // Other programs of the cluster are on other machines: one CPU is left to the agent.
    cpu: 0,
    allCpus: `0-${cpus().length - 1}`,
  });
  const modes = {
    nftables: { sizes: numbers(values.sizes), env: {} },
    iptables: { sizes: numbers(values.legacy), env: { PATH: legacyPath(folder) } },
  };
  const command = [process.execPath, ...values.node, resolve(values.program)];
  const api = new ObservedApi(cluster.http);
  try {
    const starts: object[] = [];
    const changes: object[] = [];
    let first: AgentCosts | undefined;
    for (const services of [...new Set([...modes.nftables.sizes, ...modes.iptables.sizes])].sort((a, b) => a - b)) {
      await cluster.growTo(services, 0);
      for (const [mode, { sizes, env }] of Object.entries(modes)) {
        if (!sizes.includes(services)) continue;
        const args = [`--kubeconfig=${cluster.kubeconfig}`, `--proxy-mode=${mode}`];
        const row = new AgentRow({ command, args, env, metricsPort: port + 4, api });
        const costs = await row.measure(Number(values.changes));
        first ??= costs;
        const [start, change] = printed(`${mode === 'iptables' ? 'iptables-legacy' : mode}, ${services}`, costs, first);
        starts.push(start);
        changes.push(change);
      }
    }
    console.log(`${machine()}\nServices x 2 endpoints`);
    console.table(starts);
    console.log(
      `${values.changes} changes of each kind, from the watch event, median (worst), ratio to the first row:`,
    );
    console.table(changes);
  } finally {
    await api.close();
    await cluster.stop();
  }
};

if (!values.inside) process.exitCode = goInside();
else {
  const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-proxy-api-'));
  try {
    await measureAll(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
