// Sends mutated messages to a server that it starts, over UDP and TCP, and checks every reply, the answers to known questions in between,
// memory, descriptors, threads and log. Ends with 1 on any fault, with the message in hexadecimal: it belongs into test/corpus/dns.
//
//   node bench/run.mjs fuzz --seconds 600 --seed 7
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { readCorpus } from '#test/dns-corpus.ts';
import { runCampaign } from './fuzz/campaign.ts';
import type { Tally } from './fuzz/senders.ts';
import { Target } from './fuzz/target.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(randomInt(2 ** 32)) },
    rate: { type: 'string', default: '3000' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    listener: { type: 'string', default: 'batch' },
  },
});
const seed = Number(values.seed);
console.log(`seed ${seed}, ${values.seconds} s, ${values.rate} messages a second`);
const target = await Target.start(values.program, 'examples', ['-udp-listener', values.listener]);
const found = await runCampaign({
  target,
  seconds: Number(values.seconds),
  seed,
  perSecond: Number(values.rate),
  corpus: readCorpus('test/corpus/dns').map(({ bytes }) => bytes),
  progress: (line) => console.log(line),
});
const code = await target.stop();
const told = (tally: Tally): string =>
  [...tally.replies]
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
console.log(`UDP          ${found.udp.sent} messages: ${told(found.udp)}`);
console.log(`TCP          ${found.tcp.sent} messages: ${told(found.tcp)}`);
console.log(`TCP, broken  ${found.streams.sent} messages: ${told(found.streams)}`);
console.log(`known        ${found.known} answered right`);
console.log(
  `memory       ${found.before.residentMiB.toFixed(1)} MiB before, ${found.after.residentMiB.toFixed(1)} after`,
);
console.log(`descriptors  ${found.before.descriptors} before, ${found.after.descriptors} after`);
console.log(`log          ${found.after.logLines - found.before.logLines} lines`);
const faults = code === 0 ? found.faults : [...found.faults, `the server ended with ${code}`];
for (const fault of faults) console.log(`FAULT ${fault}`);
if (faults.length > 0) console.log(target.server.lines.slice(0, 60).join('\n'));
console.log(faults.length === 0 ? 'no fault' : `${faults.length} faults, seed ${seed}`);
process.exitCode = faults.length === 0 ? 0 : 1;
