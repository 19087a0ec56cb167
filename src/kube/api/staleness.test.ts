import { describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { ApiScene, paused } from '#test/api-scene.ts';
import { NAMESPACES, SERVICES } from '#test/fake-api-server.ts';
import { FakeClock } from '#test/fake-clock.ts';
import { until } from '#test/until.ts';
import { type Meanwhile, Staleness } from './staleness.ts';

const SERVICE = { kind: 'Service', title: 'Services' } as const;
const SLICE = { kind: 'EndpointSlice', title: 'EndpointSlices' } as const;
const STALE_MS = 30_000;

const stage = (metrics = new Metrics(), meanwhile?: Meanwhile) => {
  const lines: string[] = [];
  const log = new Log({
    write: (level, _, message) => void lines.push(`${level}: ${message}`),
    flush: async () => undefined,
  });
  const clock = new FakeClock();
  const wallMs = (): number => Date.UTC(2026, 0, 2, 3, 4, 5) + clock.time;
  const staleness = new Staleness({ metrics, log, clock, meanwhile, wallMs });
  /** Lets time pass, with the deadlines that end in it. */
  const pass = (ms: number): void => {
    const from = clock.time;
    clock.time += ms;
    for (const deadline of clock.deadlines)
      if ((begun.get(deadline) ?? from) + deadline.ms <= clock.time) deadline.fire();
    note();
  };
  const begun = new Map<object, number>();
  const note = (): void => {
    for (const deadline of clock.deadlines) if (!begun.has(deadline)) begun.set(deadline, clock.time);
  };
  const gauge = async (kind: string): Promise<number | undefined> => {
    const line = new RegExp(`^cluster_dns_kubernetes_stale_seconds\\{kind="${kind}"\\} (.*)$`, 'm');
    const value = line.exec(await metrics.render())?.[1];
    return value === undefined ? undefined : Number(value);
  };
  return { staleness, clock, lines, pass, note, gauge };
};

describe('the gauge', () => {
  it('counts from the start until the first watch is open, and from the end of a watch until the next is', async () => {
    const { staleness, pass, gauge } = stage();
    const services = staleness.follow(SERVICE);
    pass(2500);
    expect(await gauge('Service')).toBe(2.5);
    services.opened();
    expect(await gauge('Service')).toBe(0);
    services.proven();
    pass(600_000);
    expect(await gauge('Service')).toBe(0);
    services.ended();
    pass(4000);
    expect(await gauge('Service')).toBe(4);
    services.opened();
    expect(await gauge('Service')).toBe(0);
  });

  it('goes on from where it was when a watch opens and ends without having been in order', async () => {
    const { staleness, pass, gauge } = stage();
    const services = staleness.follow(SERVICE);
    services.opened();
    services.proven();
    services.ended();
    for (let i = 0; i < 5; i++) {
      pass(1000);
      services.opened();
      services.ended();
    }
    expect(await gauge('Service')).toBe(5);
  });

  it('has the highest of several sources, and is not there when none is left', async () => {
    const metrics = new Metrics();
    const [one, other] = [stage(metrics), stage(metrics)];
    one.staleness.follow(SERVICE);
    other.staleness.follow(SERVICE).opened();
    one.pass(3000);
    expect(await one.gauge('Service')).toBe(3);
    one.staleness.end();
    expect(await one.gauge('Service')).toBe(0);
    other.staleness.end();
    expect(await one.gauge('Service')).toBeUndefined();
    expect([one.clock.deadlines.size, other.clock.deadlines.size]).toEqual([0, 0]);
  });
});

describe('the log', () => {
  it('says once what is stale since when, and once that it is over and how long it took', () => {
    const { staleness, lines, pass, note } = stage();
    const kinds = [staleness.follow(SERVICE), staleness.follow(SLICE)];
    for (const kind of kinds) {
      kind.opened();
      kind.proven();
    }
    pass(60_000);
    for (const kind of kinds) {
      kind.ended();
      note();
      pass(1000);
    }
    pass(STALE_MS - 2001);
    expect(lines).toEqual([]);
    pass(1);
    pass(90_000);
    expect(lines).toEqual([
      'warning: Services, EndpointSlices: out of step with the API server since 2026-01-02T03:05:05Z; names are answered as they were then',
    ]);
    for (const kind of kinds) kind.opened();
    pass(5000);
    for (const kind of kinds) kind.proven();
    expect(lines.slice(1)).toEqual(['info: Services, EndpointSlices: up to date again after 120 s']);
    for (const kind of kinds) kind.proven();
    pass(600_000);
    expect(lines).toHaveLength(2);
  });

  it('is quiet about an outage that is shorter', () => {
    const { staleness, lines, pass } = stage();
    const services = staleness.follow(SERVICE);
    services.opened();
    services.proven();
    services.ended();
    pass(STALE_MS - 1);
    services.opened();
    pass(5000);
    services.proven();
    expect(lines).toEqual([]);
  });

  it('says what its user does meanwhile', () => {
    const { staleness, lines, pass } = stage(new Metrics(), {
      stale: 'rules stay as they were',
      unread: 'no rules yet',
    });
    const services = staleness.follow(SERVICE);
    pass(STALE_MS);
    services.opened();
    services.proven();
    services.ended();
    pass(STALE_MS);
    expect(lines.map((line) => line.split('; ')[1])).toEqual(['no rules yet', undefined, 'rules stay as they were']);
  });

  it('says what was never read as what it is', () => {
    const { staleness, lines, pass } = stage();
    const services = staleness.follow(SERVICE);
    pass(STALE_MS);
    expect(lines).toEqual([
      'warning: Services: not yet read from the API server, which is tried since 2026-01-02T03:04:05Z; names that are not known get SERVFAIL',
    ]);
    services.opened();
    services.proven();
    expect(lines[1]).toBe('info: Services: up to date again after 30 s');
  });

  it('tells of a watch that opens and ends at once, again and again, as of any other outage', () => {
    const { staleness, lines, pass, note } = stage();
    const services = staleness.follow(SERVICE);
    services.opened();
    services.proven();
    services.ended();
    note();
    for (let i = 0; i < 100; i++) {
      pass(1000);
      services.opened();
      pass(10);
      services.ended();
      note();
    }
    pass(1);
    expect(lines).toHaveLength(1);
    services.opened();
    expect(lines).toHaveLength(1);
    services.proven();
    expect(lines).toHaveLength(2);
  });

  it('tells of a kind that goes later in a line of its own, and of the end once all are back', () => {
    const { staleness, lines, pass, note } = stage();
    const [services, slices] = [staleness.follow(SERVICE), staleness.follow(SLICE)];
    for (const kind of [services, slices]) {
      kind.opened();
      kind.proven();
    }
    services.ended();
    note();
    pass(40_000);
    slices.ended();
    note();
    pass(40_000);
    expect(lines.map((line) => line.slice(0, 25))).toEqual(['warning: Services: out of', 'warning: EndpointSlices: ']);
    services.opened();
    services.proven();
    expect(lines).toHaveLength(2);
    slices.opened();
    slices.proven();
    expect(lines[2]).toBe('info: Services, EndpointSlices: up to date again after 80 s');
  });
});

describe('a source', () => {
  const scene = ApiScene.use();
  const gauges = async ({ metrics }: { metrics: Metrics }): Promise<number[]> =>
    [...(await metrics.render()).matchAll(/^cluster_dns_kubernetes_stale_seconds\{.*\} (.*)$/gm)].map(([, value]) =>
      Number(value),
    );

  it('is in step while its watches are open, and out of step while the server is away', async () => {
    const test = await scene.startWatching();
    test.clock.time += 20_000;
    // Both watches have lasted long enough to be in order.
    test.clock.expire(5000, 5000);
    expect(await gauges(test)).toEqual([0, 0]);
    await scene.server.stop();
    await until(() => test.clock.sleeping.size === 2);
    test.clock.time += 20_000;
    expect(await gauges(test)).toEqual([20, 20]);
    test.clock.time += 10_000;
    test.clock.expire(STALE_MS, STALE_MS);
    test.clock.wake();
    await until(() => test.clock.sleeping.size === 2);
    const isOfStaleness = (line: string): boolean => /out of step|up to date/.test(line);
    expect(test.lines.filter(isOfStaleness)).toEqual([
      expect.stringMatching(/^warning: Services, Namespaces: out of step .*; names are answered as they were then$/),
    ]);
    await scene.server.start();
    test.clock.wake();
    await until(() => scene.server.watches.size === 2);
    for (const path of [SERVICES, NAMESPACES]) scene.server.bookmark(path);
    await until(() => test.lines.filter(isOfStaleness).length === 2);
    expect(test.lines.at(-1)).toMatch(/^info: Services, Namespaces: up to date again after \d+ s$/);
    expect(await gauges(test)).toEqual([0, 0]);
  });

  it('is out of step from its start where the server refuses', async () => {
    await scene.server.stop();
    const test = scene.start();
    await paused(test);
    test.clock.time += 7000;
    expect(await gauges(test)).toEqual([7, 7]);
    await test.source.stop();
    expect(await gauges(test)).toEqual([]);
  });
});
