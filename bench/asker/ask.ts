// Asks at a fixed rate, whatever comes back and when (an open loop), and measures from when each query was due: a server that stands still for
// 100 ms is charged with every query that should have been answered in them. dnsperf prints no percentiles and can't do this.
//
//   node ask.mjs JOB     (job.ts; prints an AskerReport)
import { readFileSync } from 'node:fs';
import { MSG_NOSIGNAL, POLLIN } from '#libc/constants.ts';
import { encodeQuery } from '#test/dns-client.ts';
import { addressOf, PR_SET_TIMERSLACK, ppoll, prctl, SCHED_RR, sched_setscheduler, send } from '../support/libc.ts';
import { Flight } from './flight.ts';
import { type AskerJob, LOST_AFTER_MS, WARM_UP_MS } from './job.ts';
import { tcpSocket, udpSockets } from './sockets.ts';

const job = JSON.parse(process.argv[2] ?? '') as AskerJob;

/** All queries one after another; only the IDs are written later. */
const lines = readFileSync(job.queryFile, 'utf8').trimEnd().split('\n');
const encoded = lines.map((line) => {
  const [name = '', type = ''] = line.split(' ');
  const query = encodeQuery(name, type, job.udpSize === 0 ? {} : { udpSize: job.udpSize });
  return job.isTcp ? Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query]) : query;
});
const queries = Buffer.concat(encoded);
const starts = new Uint32Array(encoded.length + 1);
for (const [i, { length }] of encoded.entries()) starts[i + 1] = (starts[i] as number) + length;
const queriesAt = addressOf(queries);
const idOffset = job.isTcp ? 2 : 0;

const sockets = job.isTcp
  ? Array.from({ length: job.clients }, () => tcpSocket(job.port))
  : udpSockets(job.clients, job.port);

const POLLFD_OCTETS = 8;
const polled = Buffer.alloc((sockets.length + 1) * POLLFD_OCTETS); // and standard input, whose end ends the run
for (const [i, fd] of [...sockets.map((each) => each.fd), 0].entries()) {
  polled.writeInt32LE(fd, i * POLLFD_OCTETS);
  polled.writeInt16LE(POLLIN, i * POLLFD_OCTETS + 4);
}
const polledAt = addressOf(polled);
const timeout = Buffer.alloc(16);
const timeoutAt = addressOf(timeout);
const isReady = (i: number): boolean => polled.readInt16LE(i * POLLFD_OCTETS + 6) !== 0;

const wait = (ms: number): void => {
  timeout.writeUInt32LE(Math.floor(ms / 1000), 0);
  timeout.writeUInt32LE(Math.floor((ms % 1000) * 1e6), 8);
  ppoll(polledAt, sockets.length + 1, timeoutAt, 0);
};

const interval = 1000 / job.rate;
const started = performance.now() + 5;
const flight = new Flight(started + WARM_UP_MS);
let received = 0;
const onMessage = (octets: Buffer, offset: number): void => flight.land(octets, offset, received);

const ask = (nth: number, due: number, now: number): void => {
  const line = nth % encoded.length;
  const start = starts[line] as number;
  queries.writeUInt16BE(flight.leave(due, now), start + idOffset);
  const { fd } = sockets[nth % sockets.length] as (typeof sockets)[number];
  // A query that can't be sent is one that is not answered.
  send(fd, queriesAt + start, (starts[line + 1] as number) - start, MSG_NOSIGNAL);
};

// The asker shares its CPU with the API server: this thread goes first, where that is allowed. Not the process: V8's compiler threads would go first too.
sched_setscheduler(0, SCHED_RR, Buffer.from(Uint32Array.of(10).buffer));
prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); // else the kernel lets a sleep last 50 us longer
let total = Math.round(job.rate * (job.seconds + WARM_UP_MS / 1000));
let asked = 0;
let deadline = Number.POSITIVE_INFINITY;

for (;;) {
  let now = performance.now();
  for (; asked < total && started + asked * interval <= now; now = performance.now())
    ask(asked, started + asked++ * interval, now);
  if (asked >= total && deadline === Number.POSITIVE_INFINITY) deadline = now + LOST_AFTER_MS;
  if (asked >= total && (flight.isOver || now >= deadline)) break;
  wait(Math.max(0, (asked < total ? started + asked * interval : deadline) - now));
  received = performance.now();
  for (let i = 0; i < sockets.length; i++) if (isReady(i)) sockets[i]?.receive(onMessage);
  if (isReady(sockets.length)) {
    total = Math.min(total, asked);
    polled.writeInt32LE(-1, sockets.length * POLLFD_OCTETS); // ppoll passes over it
  }
}
process.stdout.write(`${JSON.stringify(flight.report())}\n`);
