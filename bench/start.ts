// Time from a server's start to its first right answer, and its resident memory then and later.
//
//   node bench/run.mjs start --ask svc-1.load-1.svc.cluster.local --port 1053 --rounds 3 -- node dist/cluster-dns.js -conf Corefile -p 1053
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { ask } from '#test/dns-client.ts';
import { residentMiB } from './support/process-accounting.ts';
import { median } from './support/statistics.ts';

const split = process.argv.indexOf('--');
if (split < 0) throw new Error('needs -- COMMAND [ARGUMENT...] at the end');
const command = process.argv.slice(split + 1);
const { values } = parseArgs({
  args: process.argv.slice(2, split),
  options: {
    ask: { type: 'string' },
    address: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '1053' },
    rounds: { type: 'string', default: '3' },
    settle: { type: 'string', default: '5' },
  },
});
if (values.ask === undefined) throw new Error('needs --ask NAME, a name with an A record');
const endpoint = { address: values.address, port: Number(values.port) };

const isAnswered = async (): Promise<boolean> => {
  try {
    return (await ask(endpoint, values.ask as string, 'A', { timeoutMs: 20 })).answer.length > 0;
  } catch {
    return false; // not there yet
  }
};

const once = async (): Promise<{ ms: number; atFirst: number; settled: number }> => {
  const started = performance.now();
  const server = spawn(command[0] as string, command.slice(1), { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  while (!(await isAnswered())) {
    if (server.exitCode !== null) throw new Error(`the server ended with status ${server.exitCode}`);
    if (performance.now() - started > 120_000) throw new Error('no right answer within 120 s');
  }
  const ms = performance.now() - started;
  const atFirst = residentMiB(server.pid as number);
  await new Promise((resolve) => setTimeout(resolve, Number(values.settle) * 1000));
  const settled = residentMiB(server.pid as number);
  server.kill('SIGINT');
  await exited;
  return { ms, atFirst, settled };
};

const runs: Awaited<ReturnType<typeof once>>[] = [];
for (let round = 0; round < Number(values.rounds); round++) runs.push(await once());
const figure = (of: (run: Awaited<ReturnType<typeof once>>) => number, digits: number): string =>
  `${median(runs.map(of)).toFixed(digits)} (${Math.min(...runs.map(of)).toFixed(digits)}-${Math.max(...runs.map(of)).toFixed(digits)})`;
console.log(`${command.join(' ')}, ${runs.length} runs, median (min-max)`);
console.log(`first right answer ms   ${figure(({ ms }) => ms, 0)}`);
console.log(`RSS MiB at that moment  ${figure(({ atFirst }) => atFirst, 0)}`);
console.log(`RSS MiB ${values.settle} s later     ${figure(({ settled }) => settled, 0)}`);
