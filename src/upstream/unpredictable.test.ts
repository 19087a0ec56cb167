import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { faultsOfIds, pairsOf, repeatedRuns, serialCorrelation, tooOften, unevenCells } from '#test/randomness.ts';
import { DeadlineList } from './deadline-list.ts';
import type { Endpoint } from './endpoint.ts';
import { Exchange } from './exchange.ts';
import { SOCKET_LIFETIME_MS, SOCKET_QUERIES, UDP_SOCKETS, UdpExchanger, type UdpLimits } from './exchange-udp.ts';
import { plainQuery } from './probe.ts';
import { CountingMetrics, questionFor, UDP_LINKS } from './testing.ts';
import type { OpenLink } from './udp-link.ts';

/** What the upstream saw of each query, in the order in which they were asked. */
interface Seen {
  readonly ids: readonly number[];
  readonly ports: readonly number[];
  /** Ports of the sockets in the order in which they were opened, and queries through each. */
  readonly sockets: readonly { readonly port: number; readonly queries: number }[];
}

const clock = { monotonicMs: () => performance.now() };
const IN_FLIGHT = 200;
const DEFAULTS: UdpLimits = { lifetimeMs: SOCKET_LIFETIME_MS, expireMs: 10_000, queries: SOCKET_QUERIES };
/** Sockets that stay, so that each is one of the 16 places. */
const LASTING: UdpLimits = { lifetimeMs: 3_600_000, expireMs: 3_600_000, queries: Number.POSITIVE_INFINITY };

/** Asks over real sockets an upstream that notes what it gets and answers. */
const observe = async (
  openLink: OpenLink,
  count: number,
  limits: UdpLimits,
  randomId?: () => number,
): Promise<Seen> => {
  const ids = new Array<number>(count).fill(-1);
  const ports = new Array<number>(count).fill(-1);
  const server = createSocket('udp4');
  // The number of the query is its first label.
  server.on('message', (bytes, peer) => {
    const number = Number(bytes.toString('latin1', 13, 13 + (bytes[12] as number)));
    ids[number] = bytes.readUInt16BE(0);
    ports[number] = peer.port;
    bytes[2] = (bytes[2] as number) | 0x80;
    server.send(bytes, peer.port, peer.address);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  const endpoint: Endpoint = { host: '127.0.0.1', port: server.address().port, tls: null, sourceAddress: null };
  const sockets: { port: number; queries: number }[] = [];
  const noting: OpenLink = (to, events) => {
    const link = openLink(to, events);
    const socket = { port: Number(link.local.split(':')[1]), queries: 0 };
    sockets.push(socket);
    return {
      send: (message) => {
        socket.queries++;
        link.send(message);
      },
      local: link.local,
      close: () => link.close(),
    };
  };
  const deadlines = new DeadlineList(20_000, clock);
  const exchanger = new UdpExchanger(endpoint, {
    deadlines,
    limits,
    counters: new CountingMetrics().pool('udp'),
    clock,
    openLink: noting,
    ...(randomId !== undefined && { randomId }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      let asked = 0;
      let answered = 0;
      const ask = (): void => {
        const question = questionFor(`${asked++}.`);
        exchanger.send(new Exchange(plainQuery(question, true), question, 512, sink));
      };
      const sink = {
        replied: () => {
          if (++answered === count) resolve();
          if (asked < count) ask();
        },
        failed: reject,
      };
      for (let i = 0; i < IN_FLIGHT; i++) ask();
    });
  } finally {
    exchanger.close();
    deadlines.close();
    server.close();
  }
  return { ids, ports, sockets };
};

/** What is wrong with the choice among sockets that lasted, beside the IDs. */
const faultsOfChoice = ({ ids, ports, sockets }: Seen): string[] => {
  const places = new Map(sockets.map(({ port }, i) => [port, i]));
  if (places.size !== UDP_SOCKETS) return [`${places.size} sockets`];
  const chosen = ports.map((port) => places.get(port) as number);
  return [
    ...unevenCells('sockets', UDP_SOCKETS, chosen),
    ...unevenCells('pairs of sockets', 256, pairsOf(chosen)),
    ...unevenCells(
      'socket and ID',
      256,
      chosen.map((place, i) => (place << 4) | ((ids[i] as number) & 15)),
    ),
    ...unevenCells(
      'socket and next ID',
      256,
      ids.slice(1).map((id, i) => ((chosen[i] as number) << 4) | (id & 15)),
    ),
    ...unevenCells(
      'ID and next socket',
      256,
      chosen.slice(1).map((place, i) => (((ids[i] as number) & 15) << 4) | place),
    ),
    ...[1, 2, 3, 4, 8, 16, 32].flatMap((lag) => serialCorrelation('sockets', chosen, lag)),
  ];
};

/** What is wrong with the ports of sockets, in the order in which they were opened. */
const faultsOfPorts = (ports: readonly number[], [first, last]: readonly [number, number]): string[] => {
  const width = last - first + 1;
  const steps = ports.slice(1).map((port, i) => port - (ports[i] as number));
  const near = steps.filter((step) => Math.abs(step) <= 16).length;
  return [
    ...unevenCells(
      'eighths of the range',
      8,
      ports.map((port) => Math.floor((8 * (port - first)) / width)),
    ),
    ...tooOften('odd ports', ports.filter((port) => port % 2 === 1).length, ports.length, 0.5),
    // Rises of a random order vary less than coins, so this is on the safe side.
    ...tooOften('rising ports', steps.filter((step) => step > 0).length, steps.length, 0.5),
    ...serialCorrelation('ports', ports, 1),
    // 100 ports of 28,000 are so near each other 0.12 times on average: nine times once in 1e14.
    ...(near >= 9 ? [`${near} ports near the one before`] : []),
  ];
};

/** The ports that the kernel gives out. */
const RANGE = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').trim().split(/\s+/).map(Number) as [
  number,
  number,
];

describe.each(UDP_LINKS)('what an upstream sees of queries by %s', (title, openLink) => {
  const count = title === 'batches' ? 100_000 : 20_000;
  const done: string[] = [];
  afterAll(() => console.log(done.join('; ')));

  it('are IDs that nobody can tell from the ones before, on ports that change', async () => {
    const { ids, ports, sockets } = await observe(openLink, count, DEFAULTS);
    done.push(`${count} queries by ${title} from ${new Set(ports).size} ports`);
    expect(faultsOfIds(ids)).toEqual([]);
    // Each was seen on the port of a socket, and no socket was used for more than it may.
    expect([...new Set(ports)].sort()).toEqual([...new Set(sockets.map(({ port }) => port))].sort());
    expect(Math.max(...sockets.map(({ queries }) => queries))).toBeLessThanOrEqual(SOCKET_QUERIES);
    expect(sockets.length).toBeGreaterThanOrEqual(Math.max(count / SOCKET_QUERIES, UDP_SOCKETS));
    if (count === 100_000)
      expect(
        faultsOfPorts(
          sockets.map(({ port }) => port),
          RANGE,
        ),
      ).toEqual([]);
  });

  it('are sockets chosen alike and regardless of what was chosen before', async () => {
    const seen = await observe(openLink, 20_000, LASTING);
    expect([...faultsOfIds(seen.ids), ...faultsOfChoice(seen)]).toEqual([]);
  });
});

describe('these tests', () => {
  const openLink = UDP_LINKS[0]?.[1] as OpenLink;
  const drawn = (next: (i: number) => number): number[] => Array.from({ length: 100_000 }, (_, i) => next(i) & 0xffff);
  const random = (): number => Math.floor(Math.random() * 65_536);
  const block = Array.from({ length: 2048 }, random);
  const few = Array.from({ length: 1000 }, random);
  let state = 1;
  const congruential = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state;
  };

  it.each<[string, (i: number) => number]>([
    ['a counter', (i) => i],
    ['a counter with gaps', (i) => 3 * i + Math.floor(2 * Math.random())],
    ['a counter that now and then jumps', (i) => (block[Math.floor(i / 100)] as number) + i],
    ['one of a thousand IDs', () => few[Math.floor(Math.random() * few.length)] as number],
    ['15 bits', () => random() & 0x7fff],
    ['an odd number', () => random() | 1],
    ['the same numbers over and over', (i) => block[i % block.length] as number],
    ['a linear congruential generator', congruential],
    ['a number that leans to the last one', (i) => (i % 20 === 0 ? (block[i % 2048] as number) : random())],
  ])('find %s out', (_, next) => expect(faultsOfIds(drawn(next))).not.toEqual([]));

  it('find generators out that real sockets were used with', async () => {
    let count = 0;
    const counter = await observe(openLink, 20_000, LASTING, () => count++ & 0xffff);
    expect([faultsOfIds(counter.ids), faultsOfChoice(counter)]).not.toContainEqual([]);
    const narrow = await observe(openLink, 20_000, DEFAULTS, () => Math.floor(Math.random() * 4096));
    expect(faultsOfIds(narrow.ids)).not.toEqual([]);
    // The ID is good, but gives the socket of the next query away.
    let last = 0;
    let isChoice = false;
    const leaking = await observe(openLink, 20_000, LASTING, () => {
      isChoice = !isChoice;
      if (!isChoice) last = random();
      return last;
    });
    expect([faultsOfIds(leaking.ids), faultsOfChoice(leaking).length > 0]).toEqual([[], true]);
  });

  it('find ports out that follow each other, or are from a part of the range', () => {
    const width = RANGE[1] - RANGE[0] + 1;
    const ports = (next: (i: number) => number): number[] =>
      Array.from({ length: 110 }, (_, i) => RANGE[0] + (Math.floor(next(i)) % width));
    const somewhere = (): number => Math.random() * width;
    expect(faultsOfPorts(ports(somewhere), RANGE)).toEqual([]);
    expect(
      faultsOfPorts(
        ports((i) => 7000 + i),
        RANGE,
      ),
    ).not.toEqual([]);
    expect(
      faultsOfPorts(
        ports((i) => 500 * i),
        RANGE,
      ),
    ).not.toEqual([]);
    expect(
      faultsOfPorts(
        ports(() => somewhere() / 8),
        RANGE,
      ),
    ).not.toEqual([]);
    expect(
      faultsOfPorts(
        ports(() => 2 * Math.floor(somewhere() / 2)),
        RANGE,
      ),
    ).not.toEqual([]);
  });

  it('take good numbers for good', () => {
    for (let n = 0; n < 5; n++) expect(faultsOfIds(drawn(random))).toEqual([]);
    expect(repeatedRuns('IDs', drawn(random).slice(0, 3))).toEqual([]);
  });
});
