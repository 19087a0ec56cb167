/** Balancing, affinity and changes of rules, told by connections that are under way meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOrThrow } from '#netfilter/run.ts';
import { ConntrackCleaner } from '#proxy/agent/conntrack-cleaner.ts';
import type { Endpoint, ServicePort } from '#proxy/model/service-port.ts';
import type { RuleWriter } from '#proxy/rule-backend.ts';
import {
  byKey,
  CLIENTS,
  ENDPOINTS,
  flowFrom,
  IPV6_ENDPOINTS,
  IPV6_OPTIONS,
  ipv6Service,
  keysOf,
  OPTIONS,
  openFixedCluster,
  service,
} from '#test/packet-lab/fixed-cluster.ts';
import type { PacketLab } from '#test/packet-lab/lab.ts';
import { LAB_MODES, type LabMode, openWriter } from '#test/packet-lab/modes.ts';
import { ipv6Of } from '#test/packet-lab/over-ipv6.ts';
import { nowMs } from '#test/packet-lab/traffic/flows.ts';
import type { Attempt, Outcome } from '#test/packet-lab/traffic/orders.ts';
import { until } from '#test/until.ts';
import { missing, titled } from './needs.ts';

const TITLE = 'rules that change under traffic';
const reason = await missing(TITLE, ['root', 'ip', 'nft', 'iptables-nft', 'iptables-legacy', 'conntrack']);
const LOST_MS = 10_000;
/** The largest chi-square of three shares, by chance once in 1e9: with two degrees of freedom its tail is exp(-x / 2). */
const MOST_CHI_SQUARE = -2 * Math.log(1e-9);

const endpointOf = (outcome: Outcome): string => (outcome.kind === 'answered' ? outcome.by.address : outcome.kind);
const isAnswered = ({ outcome }: Attempt): boolean => outcome.kind === 'answered';

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let lab: PacketLab;
  beforeAll(async () => {
    lab = await openFixedCluster();
  });
  afterAll(() => lab?.close());

  const [first, second, third] = ENDPOINTS as readonly [Endpoint, Endpoint, Endpoint, Endpoint];
  const stream = (atOnce: number, from = CLIENTS[0] as string) =>
    lab.traffic.call('stream', { flow: flowFrom(lab, from), atOnce, silenceMs: LOST_MS });
  const more = async (id: number, count: number): Promise<void> => {
    const before = await lab.traffic.call('streamed', id);
    await until(async () => (await lab.traffic.call('streamed', id)) >= before + count, `${count} more flows`);
  };
  /** Which endpoint each client gets now. */
  const draw = async (): Promise<readonly string[]> => {
    const orders = CLIENTS.map((from) => ({ flow: flowFrom(lab, from), count: 2, silenceMs: LOST_MS }));
    const tallies = await lab.traffic.call('try', orders);
    return tallies.map((tally) => tally.map(({ outcome }) => endpointOf(outcome)).join(' and '));
  };

  /** Endpoints go and come under connections that last and new ones all the time. */
  const changeEndpoints = async (
    all: readonly Endpoint[],
    client: string,
    sync: (endpoints: readonly Endpoint[], isFirst?: boolean) => Promise<void>,
  ): Promise<void> => {
    await sync(all, true);
    const held = await lab.traffic.call('hold', { flow: flowFrom(lab, client), count: 30 });
    const id = await stream(6, client);
    const gone: { readonly address: string; readonly fromMs: number; readonly toMs: number }[] = [];
    const sizes = [3, 1, 4, 2, 3, 4, 1, 4];
    for (const size of sizes) {
      await sync(all.slice(all.length - size));
      const fromMs = nowMs();
      await more(id, 60);
      const absent = all.slice(0, all.length - size);
      gone.push(...absent.map(({ address }) => ({ address, fromMs, toMs: nowMs() })));
    }
    const attempts = await lab.traffic.call('endStream', id);
    expect(attempts.filter((attempt) => !isAnswered(attempt)).map(({ outcome }) => outcome)).toEqual([]);
    const astray = attempts.filter(({ startedMs, outcome }) =>
      gone.some(
        ({ address, fromMs, toMs }) => startedMs > fromMs && startedMs < toMs && endpointOf(outcome) === address,
      ),
    );
    expect(astray).toEqual([]);
    expect((await lab.traffic.call('held', held, LOST_MS)).filter(({ brokenBy }) => brokenBy !== '')).toEqual([]);
    await lab.traffic.call('release', held);
  };

  describe.each(LAB_MODES)('$name', (mode) => {
    let writer: RuleWriter;
    beforeAll(async () => {
      writer = await openWriter(lab, mode, 'IPv4');
    });
    afterAll(async () => {
      await writer?.close();
      await mode.backend.cleanUp(lab.runOnNode);
    });
    const sync = async (ports: readonly ServicePort[], isFirst = false): Promise<void> => {
      await writer.sync(byKey(ports), OPTIONS, isFirst ? null : keysOf(ports));
    };

    it.each(['tcp', 'udp'] as const)('gives endpoints equal shares over %s', async (protocol) => {
      const endpoints = [first, second, third];
      await sync(service(endpoints), true);
      const count = 900;
      const order = { flow: flowFrom(lab, CLIENTS[0] as string, protocol), count, silenceMs: LOST_MS };
      const [tallies = []] = await lab.traffic.call('try', [order]);
      const shares = new Map(tallies.map((tally) => [endpointOf(tally.outcome), tally.count]));
      expect([...shares.keys()].sort()).toEqual(endpoints.map(({ address }) => address));
      const expected = count / endpoints.length;
      const chiSquare = [...shares.values()].reduce((sum, share) => sum + (share - expected) ** 2 / expected, 0);
      expect(chiSquare).toBeLessThan(MOST_CHI_SQUARE);
    });

    it('keeps clients with their endpoint while others come and go, and lets go of them in time', async () => {
      const settings = { affinitySeconds: 600 };
      await sync(service(ENDPOINTS, settings), true);
      const drawn = await draw();
      expect(new Set(drawn).size).toBeGreaterThan(1);
      expect(await draw()).toEqual(drawn);
      await sync(service(ENDPOINTS.slice(1), settings));
      const kept = await draw();
      kept.forEach((address, n) => {
        if (drawn[n] === first.address) expect(address).not.toContain(first.address);
        else expect(address).toBe(drawn[n]);
      });
      await sync(service(ENDPOINTS, settings));
      expect(await draw()).toEqual(kept);

      const short = { affinitySeconds: 1 };
      await sync(service(ENDPOINTS, short));
      const before = await draw();
      const end = nowMs() + 1100;
      await until(() => nowMs() > end, 'a second without these clients');
      expect(await draw()).not.toEqual(before);
    });

    it('changes endpoints with no connection broken, none refused, and none to one that is gone', () =>
      changeEndpoints(ENDPOINTS, CLIENTS[1] as string, (endpoints, isFirst) => sync(service(endpoints), isFirst)));

    it('moves UDP flows of an endpoint that is gone once they are cleaned up, and no others', async () => {
      const cleaner = new ConntrackCleaner({
        family: 'IPv4',
        run: lab.runOnNode,
        serving: ({ clusterEndpoints }) => clusterEndpoints,
      });
      const clean = (ports: readonly ServicePort[]) =>
        cleaner.clean({ ports: byKey(ports), changed: keysOf(ports), isNodeAddress: () => false });
      await sync(service(ENDPOINTS), true);
      await clean(service(ENDPOINTS));
      await runOrThrow(lab.runOnNode, 'conntrack', ['-F']);
      const ids = await Promise.all(
        CLIENTS.map((from) => lab.traffic.call('openDatagrams', flowFrom(lab, from, 'udp'))),
      );
      const ask = async () =>
        (await Promise.all(ids.map((id) => lab.traffic.call('ask', id, LOST_MS)))).map(endpointOf);
      const before = await ask();
      await sync(service(ENDPOINTS.slice(1)));
      expect(await ask()).toEqual(before);
      const ended = before.filter((address) => address === first.address).length;
      expect((await clean(service(ENDPOINTS.slice(1)))) ?? 0).toBe(ended);
      const after = await ask();
      expect(after).not.toContain(first.address);
      expect(after.filter((address, n) => before[n] === first.address || address === before[n])).toEqual(after);
    });

    it('is taken over by another agent, and loaded anew, without a connection that notices', async () => {
      await sync(service(ENDPOINTS), true);
      const held = await lab.traffic.call('hold', { flow: flowFrom(lab, CLIENTS[1] as string), count: 10 });
      const id = await stream(6);
      for (let round = 0; round < 3; round++) {
        await writer.close();
        writer = await openWriter(lab, mode, 'IPv4');
        await sync(service(ENDPOINTS), true);
        await sync(service(ENDPOINTS), true);
        await more(id, 60);
      }
      const attempts = await lab.traffic.call('endStream', id);
      expect(attempts.filter((attempt) => !isAnswered(attempt)).map(({ outcome }) => outcome)).toEqual([]);
      expect((await lab.traffic.call('held', held, LOST_MS)).filter(({ brokenBy }) => brokenBy !== '')).toEqual([]);
      await lab.traffic.call('release', held);
    });
  });

  it('change over IPv6 with no connection broken, none refused, and none to an endpoint that is gone', async () => {
    const writer = await openWriter(lab, LAB_MODES[0] as LabMode, 'IPv6');
    await changeEndpoints(IPV6_ENDPOINTS, ipv6Of(CLIENTS[1] as string), async (endpoints, isFirst = false) => {
      const ports = ipv6Service(endpoints);
      await writer.sync(byKey(ports), IPV6_OPTIONS, isFirst ? null : keysOf(ports));
    });
    await writer.close();
  });

  it('are there for every new connection while one mode takes over from another', async () => {
    let id: number | null = null;
    for (const index of [2, 0, 2, 1, 3, 0, 3]) {
      const mode = LAB_MODES[index];
      if (mode === undefined) continue;
      const writer = await openWriter(lab, mode, 'IPv4');
      await writer.sync(byKey(service(ENDPOINTS)), OPTIONS, null);
      await writer.close();
      id ??= await stream(6);
      await more(id, 40);
    }
    const attempts = await lab.traffic.call('endStream', id as number);
    expect(attempts.filter((attempt) => !isAnswered(attempt)).map(({ outcome }) => outcome)).toEqual([]);
  });
});
