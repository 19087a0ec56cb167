import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fingerprint } from '#corefile/fingerprint.ts';
import { parseCorefile } from '#corefile/parser.ts';
import { Log } from '#log/log.ts';
import type { Instance } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testServices } from '#plugin/testing.ts';
import { until } from '#test/until.ts';
import reload from './index.ts';
import { readOptions } from './options.ts';

const sumOf = (text: string): string => fingerprint(parseCorefile({ file: 'Corefile', text }).corefile);
const OLD = '. {\n whoami\n}\n';
const NEW = '. {\n whoami\n errors\n}\n';

const running: Instance[] = [];
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(async () => {
  for (const instance of running.splice(0)) await instance.stop?.();
  vi.useRealTimers();
});

const setup = () => {
  const sink = new RecordingSink();
  const state = { text: OLD, reads: 0, reloads: 0, fault: null as Error | null };
  const services = testServices({
    log: new Log(sink),
    random: () => 0.5,
    configuration: {
      file: 'Corefile',
      read: async () => {
        state.reads++;
        return state.text;
      },
    },
    reload: async () => {
      state.reloads++;
      return state.fault;
    },
  });
  const add = (stanza = 'reload 10s 2s'): Instance => {
    const { instance } = setupPlugin(reload, stanza, { services });
    if (instance === null) throw new Error('not set up');
    running.push(instance);
    return instance;
  };
  const runs = async (count: number): Promise<void> =>
    until(() => sink.lines.filter((line) => line.includes('Running configuration')).length === count);
  const look = async (): Promise<void> => {
    const { reads } = state;
    vi.advanceTimersByTime(10_000);
    await until(() => state.reads > reads);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { add, runs, look, sink, state, services };
};

describe('reload', () => {
  it('says at the start which configuration runs', async () => {
    const { add, runs, sink } = setup();
    add().serving?.();
    await runs(1);
    expect(sink.lines).toEqual([`info plugin/reload: Running configuration SHA512 = ${sumOf(OLD)}`]);
  });

  it('has the server reload when the file has changed, and not before', async () => {
    const { add, runs, look, state, services } = setup();
    add().serving?.();
    await runs(1);
    await look();
    expect(state.reloads).toBe(0);
    state.text = NEW;
    await look();
    expect(state.reloads).toBe(1);
    expect(await services.metrics.render()).toContain(
      `coredns_reload_version_info{hash="sha512",value="${sumOf(NEW)}"} 1\n`,
    );
  });

  it('takes spaces and comments within a line for no change', async () => {
    const { add, runs, look, state } = setup();
    add().serving?.();
    await runs(1);
    state.text = '.   { # all\n whoami\n}\n';
    await look();
    expect(state.reloads).toBe(0);
  });

  it('tells of a reload that failed, counts it and does not try the same file again', async () => {
    const { add, runs, look, state, sink, services } = setup();
    add().serving?.();
    await runs(1);
    state.text = NEW;
    state.fault = new Error('unknown directive');
    await look();
    await look();
    expect(state.reloads).toBe(1);
    expect(sink.lines.at(-1)).toBe('error plugin/reload: Corefile changed but reload failed: unknown directive');
    expect(await services.metrics.render()).toContain('coredns_reload_failed_total 1\n');
    state.text = OLD;
    await look();
    expect(state.reloads).toBe(2);
    const versions = (await services.metrics.render()).match(/^coredns_reload_version_info.*$/gm);
    expect(versions).toEqual([`coredns_reload_version_info{hash="sha512",value="${sumOf(OLD)}"} 1`]);
  });

  it('warns of a file that does not parse, without a reload', async () => {
    const { add, runs, look, state, sink, services } = setup();
    add().serving?.();
    await runs(1);
    state.text = '. {\n whoami\n';
    await look();
    expect(state.reloads).toBe(0);
    expect(sink.lines.at(-1)).toMatch(/^warning plugin\/reload: Corefile parse failed: Corefile:\d+/);
    expect(await services.metrics.render()).toContain('coredns_reload_failed_total 0\n');
  });

  it('tells as long as the file that is there is refused, by the parser or by the server', async () => {
    const { add, runs, look, state, services } = setup();
    const refused = async (): Promise<string | undefined> =>
      /^cluster_dns_reload_refused (\d)$/m.exec(await services.metrics.render())?.[1];
    add().serving?.();
    await runs(1);
    expect(await refused()).toBe('0');
    state.text = '. {\n whoami\n';
    await look();
    expect(await refused()).toBe('1');
    state.text = OLD;
    await look();
    expect(await refused()).toBe('0');
    state.text = NEW;
    state.fault = new Error('unknown directive');
    await look();
    await look();
    expect(await refused()).toBe('1');
    state.fault = null;
    state.text = OLD;
    await look();
    expect(await refused()).toBe('0');
  });

  it('goes on where the file is gone for a while', async () => {
    const { add, runs, look, state, services } = setup();
    add().serving?.();
    await runs(1);
    const { read } = services.configuration;
    services.configuration.read = () => {
      state.reads++;
      return Promise.reject(new Error('ENOENT'));
    };
    await look();
    services.configuration.read = read;
    state.text = NEW;
    await look();
    expect(state.reloads).toBe(1);
  });

  it('works once however many blocks have it, and hands over to the next configuration', async () => {
    const { add, runs, look, state } = setup();
    const [first, second] = [add(), add()];
    first.serving?.();
    second.serving?.();
    await runs(1);
    const third = add();
    third.serving?.();
    await first.stop?.();
    await second.stop?.();
    await runs(2);
    state.text = NEW;
    await look();
    expect(state.reloads).toBe(1);
  });

  it('looks no more after the stop', async () => {
    const { add, runs } = setup();
    const instance = add();
    instance.serving?.();
    await runs(1);
    await instance.stop?.();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('setting reload up', () => {
  const read = (stanza: string) => {
    const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
    const directive = corefile.blocks[0]?.directives[0];
    const { faults } = setupPlugin(reload, stanza);
    return {
      options: directive === undefined ? null : readOptions(directive, faults),
      messages: setupPlugin(reload, stanza).faults.list.map(({ message }) => message),
    };
  };

  it.each([
    ['reload', 30_000, 15_000],
    ['reload 10s', 10_000, 5000],
    ['reload 10s 2s', 10_000, 2000],
    ['reload 2s 0s', 2000, 0],
    ['reload 10s 9s', 10_000, 5000],
  ])('reads %s', (stanza, intervalMs, jitterMs) => {
    expect(read(stanza)).toEqual({ options: { intervalMs, jitterMs }, messages: [] });
  });

  it.each([
    ['reload 1s', 'interval value must be greater or equal to 2s'],
    ['reload 10s 500ms', 'jitter value must be 0 or greater or equal to 1s'],
    ['reload 12', 'time: missing unit in duration "12"'],
    ['reload x', 'time: invalid duration "x"'],
    ['reload 10s 2s 3s', "Error during parsing: Wrong argument count or unexpected line ending after '3s'"],
  ])('refuses %s', (stanza, message) => {
    expect(read(stanza).messages).toEqual([message]);
  });
});
