/** All clients and servers of a packet lab: the program of a worker thread, bundled by traffic.ts. */
import { writeFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { DatagramFlow } from './datagram-flow.ts';
import { FlowStream } from './flow-stream.ts';
import { attempt } from './flows.ts';
import { HeldFlows } from './held-flows.ts';
import { Listeners } from './listeners.ts';
import type { Calls, Order, Outcome, Reply, Tally, TryOrder } from './orders.ts';
import { NamespaceSockets } from './system-calls.ts';

/** Flows of one order on their way at once: no queue of a listener overflows. */
const AT_ONCE = 16;

const sockets = await NamespaceSockets.open();
const listeners = new Listeners(sockets);
const held = new Map<number, HeldFlows>();
const streams = new Map<number, FlowStream>();
const datagrams = new Map<number, DatagramFlow>();
let lastId = 0;

const tryAll = async ({ flow, count, silenceMs }: TryOrder): Promise<readonly Tally[]> => {
  const tallies = new Map<string, { readonly outcome: Outcome; count: number }>();
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const { outcome } = await attempt(sockets, flow, silenceMs);
      const key = JSON.stringify(outcome);
      const tally = tallies.get(key) ?? { outcome, count: 0 };
      tally.count++;
      tallies.set(key, tally);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, lane));
  return [...tallies.values()];
};

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
