/** All clients and servers of a packet lab: the program of a worker thread, bundled by traffic.ts. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import ipaddr from 'ipaddr.js';
import { DatagramFlow } from './datagram-flow.ts';
import { FlowStream } from './flow-stream.ts';
import { attempt } from './flows.ts';
import { HeldFlows } from './held-flows.ts';
import { Listeners } from './listeners.ts';
import type { Attempt, Calls, Order, Outcome, Reply, Tally, TryOrder } from './orders.ts';
import { NamespaceSockets } from './system-calls.ts';

/** Flows of one order on their way at once: no queue of a listener overflows. */
const AT_ONCE = 16;

const sockets = await NamespaceSockets.open();
const listeners = new Listeners(sockets);
const held = new Map<number, HeldFlows>();
const streams = new Map<number, FlowStream>();
const datagrams = new Map<number, DatagramFlow>();
let lastId = 0;

/**
 * Flows that have to be answered before another one, sent earlier, has not been. A packet that is not lost gets to its listener before the call
 * that sends it is over, or soon after where the kernel puts it off; and all answers pass this one thread. So one would do on one CPU.
 */
const CONTROLS = 6;

const tryAll = async (order: TryOrder): Promise<readonly Tally[]> => {
  const { count } = order;
  const tallies = new Map<string, { readonly outcome: Outcome; count: number }>();
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { outcome } = await tryOne(order);
      const key = JSON.stringify(outcome);
      const tally = tallies.get(key) ?? { outcome, count: 0 };
      tally.count++;
      tallies.set(key, tally);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, lane));
  return [...tallies.values()];
};

const tryOne = async ({ flow, silenceMs, control }: TryOrder): Promise<Attempt> => {
  if (control === undefined) return attempt(sockets, flow, silenceMs);
  let isSilent = (): void => undefined;
  const given = new Promise<void>((resolve) => {
    isSilent = resolve;
  });
  const tried = attempt(sockets, flow, silenceMs, given);
  for (let n = 0; n < CONTROLS; n++) {
    const { outcome } = await attempt(sockets, { ...flow, to: control.address, port: control.port }, silenceMs);
    if (outcome.kind !== 'answered')
      throw new Error(`${flow.from} asks ${control.address} over ${flow.protocol}: ${JSON.stringify(outcome)}`);
  }
  isSilent();
  return tried;
};

/** Destination and length of a route for one address, where it leads to the machine itself: RTF_LOCAL is the first bit of the flags. */
const LOCAL_ROUTE = /^[0-9a-f]{32} 80(?=( \S+){6} [89a-f]\S{7} )/gm;

const routeStart = (address: string): string =>
  `${Buffer.from(ipaddr.parse(address).toByteArray()).toString('hex')} 80`;

const known = <T>(map: ReadonlyMap<number, T>, id: number): T => {
  const found = map.get(id);
  if (found === undefined) throw new Error(`there is no number ${id}`);
  return found;
};

const calls: Calls = {
  listen: (all) => {
    for (const listener of all) listeners.listen(listener);
  },
  try: (orders) => Promise.all(orders.map(tryAll)),
  tryInTurn: async ({ flow, count, silenceMs }) => {
    const attempts = [];
    for (let n = 0; n < count; n++) attempts.push(await attempt(sockets, flow, silenceMs));
    return attempts;
  },
  hold: async (order) => {
    const flows = new HeldFlows(sockets, order);
    held.set(++lastId, flows);
    const id = lastId;
    await flows.ready();
    return id;
  },
  held: (id, withinMs) => known(held, id).held(withinMs),
  release: (id) => {
    known(held, id).release();
    held.delete(id);
  },
  stream: (order) => {
    streams.set(++lastId, new FlowStream(sockets, order));
    return lastId;
  },
  streamed: (id) => known(streams, id).count,
  endStream: async (id) => {
    const attempts = await known(streams, id).end();
    streams.delete(id);
    return attempts;
  },
  openDatagrams: (flow) => {
    datagrams.set(++lastId, new DatagramFlow(sockets, flow));
    return lastId;
  },
  ask: (id, silenceMs) => known(datagrams, id).ask(silenceMs),
  haveLocal: async (namespace, addresses) => {
    const wanted = addresses.map(routeStart);
    const isThere = (): boolean => {
      sockets.enter(namespace);
      const routes = new Set(readFileSync('/proc/thread-self/net/ipv6_route', 'utf8').match(LOCAL_ROUTE));
      return wanted.every((route) => routes.has(route));
    };
    while (!isThere()) await delay(1);
  },
  forgetConnections: (namespace) => sockets.forgetConnections(namespace),
  setKernel: (namespace, values) => {
    sockets.enter(namespace);
    for (const [path, value] of Object.entries(values)) writeFileSync(`/proc/sys/${path}`, value);
  },
  close: () => sockets.close(),
};

const reply = (message: Reply): void => parentPort?.postMessage(message);

parentPort?.on('message', async ({ id, call, args }: Order) => {
  try {
    const answer = (calls[call] as (...given: readonly unknown[]) => unknown)(...args);
    reply({ id, result: await answer });
  } catch (error) {
    reply({ id, error: `${call}: ${error instanceof Error ? error.message : String(error)}` });
  }
});
