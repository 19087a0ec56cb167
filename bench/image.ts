// A container of the image: time from its start to the first right answer, and the memory of the idle server in it. Needs what test/image needs.
//
//   node bench/run.mjs image --rounds 5
//
// CLUSTER_DNS_IMAGE_STORAGE names a directory with images that are built already; it stays.
import { parseArgs } from 'node:util';
import { ask } from '#test/dns-client.ts';
import { Container } from '#test/image/container.ts';
import { Images } from '#test/image/images.ts';
import { residentMiB } from './support/process-accounting.ts';
import { median } from './support/statistics.ts';

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    rounds: { type: 'string', default: '5' },
    port: { type: 'string', default: '1053' },
    settle: { type: 'string', default: '10' },
  },
});
const endpoint = { address: '127.0.0.1', port: Number(values.port) };
const NODE = '/usr/local/bin/node';
const PROGRAM = [NODE, '/app/dist/cluster-dns.js', '-p', values.port];
/** With what each is asked for: the built-in Corefile, and kubeadm's with the Services of examples/ in place of an API server. */
const SERVERS = {
  whoami: { command: PROGRAM, name: 'any.example' },
  cluster: {
    command: [...PROGRAM, '-conf', '/app/Corefile.example', '-manifests', '/app/examples'],
    name: 'hello-world.default.svc.cluster.local',
  },
};

const isAnswered = async (name: string): Promise<boolean> => {
  try {
    return (await ask(endpoint, name, 'A', { timeoutMs: 20 })).rcode === 0;
  } catch {
    return false; // not there yet
  }
};

const once = async (files: string, { command, name }: (typeof SERVERS)[keyof typeof SERVERS]) => {
  const started = performance.now();
  const container = new Container({
    files,
    command,
    network: '/proc/self/ns/net',
    texts: { '/etc/resolv.conf': 'nameserver 127.0.0.1\n' },
  });
  try {
    while (!(await isAnswered(name)))
      if (container.process.exitCode !== null) throw new Error(container.process.stderr);
    const ms = performance.now() - started;
    await new Promise((resolve) => setTimeout(resolve, Number(values.settle) * 1000));
    return { ms, idle: residentMiB(await container.pid()) };
  } finally {
    await container.stop();
  }
};

const images = await Images.build('');
try {
  const files = await images.mount('cluster-dns');
  console.log('| server | first right answer ms | RSS MiB when idle |\n|---|---:|---:|');
  for (const [title, server] of Object.entries(SERVERS)) {
    const runs: Awaited<ReturnType<typeof once>>[] = [];
    for (let round = 0; round < Number(values.rounds); round++) runs.push(await once(files, server));
    const figure = (of: readonly number[]): string =>
      `${median([...of]).toFixed(0)} (${Math.min(...of).toFixed(0)}-${Math.max(...of).toFixed(0)})`;
    console.log(`| ${title} | ${figure(runs.map(({ ms }) => ms))} | ${figure(runs.map(({ idle }) => idle))} |`);
  }
} finally {
  images.remove();
}
