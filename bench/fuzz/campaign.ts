import { setTimeout as delay } from 'node:timers/promises';
import { Mutator, soundQueries } from '#test/mutations.ts';
import { until } from '#test/until.ts';
import { type Known, SteadyLoad } from '../../test/root/steady-load.ts';
import { Random } from '../compare/random.ts';
import { sendBrokenStream, Tally, TcpSender, UdpSender } from './senders.ts';
import type { Health, Target } from './target.ts';

export interface CampaignOptions {
  readonly target: Target;
  readonly seconds: number;
  readonly seed: number;
  /** Mutated messages a second, UDP and TCP together. */
  readonly perSecond: number;
  /** Odd messages to begin with. */
  readonly corpus: readonly Buffer[];
  /** Told once in ten seconds. */
  readonly progress?: (line: string) => void;
}

export interface Findings {
  readonly udp: Tally;
  readonly tcp: Tally;
  readonly streams: Tally;
  /** Known questions that were answered right. */
  readonly known: number;
  readonly before: Health;
  readonly after: Health;
  /** All that is wrong, each with the message in hexadecimal where there is one; empty is right. */
  readonly faults: readonly string[];
}

const TICK_MS = 10;
/** Messages with a reply owed. Fewer than buffers hold: what is lost, the server lost. */
const MAX_OWED = 100;
/** The server asks its upstream for at most 5 s. */
const REPLY_MS = 8000;
/** Sockets to the upstream, which it keeps for some seconds. */
const UPSTREAM_SOCKETS = 24;
const KNOWN_PER_SECOND = 100;
/** What a run may add: lines of the log; memory, which caches and the answer memories of threads fill up to their limits. */
const MAX_LOG_LINES = 200;
const MAX_GROWTH_MIB = 160;

const NAMES = [
  'hello-world.default.svc.cluster.local.',
  'nginx.default.svc.cluster.local.',
  '44.77.96.10.in-addr.arpa.',
  'www.example.org.',
];
const known = (name: string, type: string, rcode: number, ...answer: string[]): Known => ({
  name,
  type,
  rcode,
  answer: answer.map((data) => `${name} IN ${type} ${data}`),
});
const KNOWN: readonly Known[] = [
  known('hello-world.default.svc.cluster.local.', 'A', 0, '10.96.77.44'),
  known('hello-world.default.svc.cluster.local.', 'AAAA', 0),
  known('nobody.default.svc.cluster.local.', 'A', 3),
  known('44.77.96.10.in-addr.arpa.', 'PTR', 0, 'hello-world.default.svc.cluster.local.'),
  known('known.example.org.', 'A', 0, '192.0.2.1'),
];

/** Sends mutated messages for so many seconds, asks known questions between them, and looks after the server. */
export const runCampaign = async (options: CampaignOptions): Promise<Findings> => {
  const { target, seconds, seed, perSecond, corpus, progress } = options;
  const { endpoint, server } = target;
  const random = new Random(seed);
  const mutator = new Mutator([...corpus, ...soundQueries(NAMES)], random);
  const [udpTally, tcpTally, streamTally] = [new Tally(), new Tally(), new Tally()];
  const udp = await Promise.all(Array.from({ length: 4 }, () => UdpSender.open(endpoint, udpTally)));
  const tcp = await Promise.all(Array.from({ length: 2 }, () => TcpSender.open(endpoint, tcpTally)));
  const loads = [
    await SteadyLoad.udp(endpoint, KNOWN, KNOWN_PER_SECOND),
    await SteadyLoad.tcp(endpoint, KNOWN, KNOWN_PER_SECOND),
  ];
  for (const load of loads) load.start();
  const before = await target.health();
  const senders = [...udp, ...tcp];
  const streams = new Set<Promise<void>>();
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  let due = 0;
  let lastMs = startMs;
  let saidMs = startMs;
  const isOver = (): boolean => performance.now() >= endMs || server.exitCode !== null;
  while (!isOver()) {
    const nowMs = performance.now();
    due = Math.min(due + ((nowMs - lastMs) * perSecond) / 1000, perSecond / 10);
    lastMs = nowMs;
    for (; due >= 1; due--) {
      const sender = random.pick(senders);
      if (sender.account.owed < MAX_OWED) sender.send(mutator.next());
      if (random.below(100) === 0 && streams.size < 20) {
        const messages = Array.from({ length: 1 + random.below(8) }, () => mutator.next());
        const stream = sendBrokenStream(endpoint, messages, random, streamTally).finally(() => streams.delete(stream));
        streams.add(stream);
      }
    }
    for (const { account } of senders) account.settleBefore(nowMs - REPLY_MS);
    if (progress !== undefined && nowMs - saidMs > 10_000) {
      saidMs = nowMs;
      const { residentMiB, descriptors } = await target.health();
      const sent = udpTally.sent + tcpTally.sent + streamTally.sent;
      progress(
        `${((nowMs - startMs) / 1000).toFixed(0)} s: ${sent} messages, ${residentMiB.toFixed(0)} MiB, ${descriptors} descriptors`,
      );
    }
    await delay(TICK_MS);
  }
  const faults: string[] = [];
  const note = async (what: string, isRight: () => boolean | Promise<boolean>): Promise<void> => {
    await until(isRight, what, 15_000).catch(() => faults.push(what));
  };
  for (const load of loads) load.pause();
  if (server.exitCode === null) {
    const sentMs = performance.now();
    await note('replies are missing', () => senders.every(({ account }) => !account.isOwedSince(sentMs)));
    await note('known questions have no reply', () => loads.every((load) => load.outstanding === 0));
  }
  for (const { account } of senders) account.settleBefore(Number.POSITIVE_INFINITY);
  if (tcp.some(({ isClosed }) => isClosed)) faults.push('a connection with sound frames was closed');
  for (const sender of senders) sender.close();
  await Promise.all(streams);
  for (const load of loads) load.close();
  if (server.exitCode !== null) faults.push(`the server ended with ${server.exitCode}: ${server.stderr}`);
  let after = before;
  if (server.exitCode === null) {
    await note('connections are left', async () => (await target.health()).tcpConnections === 0);
    await note(
      'descriptors are left',
      async () => (await target.health()).descriptors <= before.descriptors + UPSTREAM_SOCKETS,
    );
    after = await target.health();
    faults.push(...faultsOfHealth(before, after));
  }
  for (const tally of [udpTally, tcpTally, streamTally])
    faults.push(...tally.faults.map(({ fault, message }) => `${fault}: ${message.toString('hex')}`));
  for (const load of loads) faults.push(...load.faults);
  const odd = server.lines.find((line) => /panic|fatal|unhandled/i.test(line));
  if (odd !== undefined) faults.push(`the log says: ${odd}`);
  if (server.stderr !== '') faults.push(`on standard error: ${server.stderr}`);
  const answered = loads.reduce((sum, load) => sum + load.answered, 0);
  return { udp: udpTally, tcp: tcpTally, streams: streamTally, known: answered, before, after, faults };
};

const faultsOfHealth = (before: Health, after: Health): string[] => {
  const faults: string[] = [];
  if (after.panics > before.panics) faults.push(`${after.panics - before.panics} panics`);
  if (after.threadRestarts > before.threadRestarts) faults.push('a listener thread was started again');
  if (after.residentMiB - before.residentMiB > MAX_GROWTH_MIB)
    faults.push(`memory grew from ${before.residentMiB.toFixed(0)} to ${after.residentMiB.toFixed(0)} MiB`);
  const lines = after.logLines - before.logLines;
  if (lines > MAX_LOG_LINES) faults.push(`${lines} lines in the log`);
  return faults;
};
