import { describe, expect, it } from 'vitest';
import { definePlugin, type Instance } from '#plugin/index.ts';
import { encodeQuery } from '#test/dns-client.ts';
import { startServer } from '#test/server.ts';

/** A plugin that answers nothing and behaves like this, with a note of what was called. */
const acting = (name: string, seen: string[], own: Instance = {}) =>
  definePlugin({
    name,
    setup: () => ({
      serving: () => own.serving?.(),
      lameduck: async () => own.lameduck?.(),
      start: () => {
        seen.push(`${name} start`);
        return own.start?.();
      },
      stop: () => {
        seen.push(`${name} stop`);
        return own.stop?.();
      },
    }),
  });
const fail = (reason: string) => (): never => {
  throw new Error(reason);
};
const COREFILE = '. {\n    one\n    two\n    whoami\n}\n';

describe('a server', () => {
  it('tells that it listens when the sockets are open and before any plugin serves', async () => {
    const seen: string[] = [];
    const plugins = [acting('one', seen, { serving: () => void seen.push('one serving') })];
    const listening = (): void => void seen.push('listening');
    const server = await startServer({ corefile: '. {\n    one\n    whoami\n}\n', plugins, listening });
    expect(seen).toEqual(['one start', 'listening', 'one serving']);
    await server.stop();
  });

  it('leads clients elsewhere after lameduck, while it still answers, and ends though that fails', async () => {
    const seen: string[] = [];
    const plugins = [acting('one', seen, { lameduck: async () => void seen.push('one lameduck') })];
    const retiring = async (): Promise<void> => {
      const { rcode } = await server.query('a.', 'A');
      seen.push(`retiring, answers ${rcode}`);
      fail('no rules')();
    };
    const server = await startServer({ corefile: '. {\n    one\n    whoami\n}\n', plugins, retiring });
    await server.server.stop(true);
    expect(seen).toEqual(['one start', 'one lameduck', 'retiring, answers 0', 'one stop']);
    expect(server.logLines.join('\n')).toContain('retiring: no rules');
    expect(await server.exchange(encodeQuery('a.', 'A'), 'udp', 100).catch(() => null)).toBeNull();
  });

  it('gives back what was started where a later plugin does not start', async () => {
    const seen: string[] = [];
    const plugins = [acting('one', seen), acting('two', seen, { start: async () => fail('no port')() })];
    await expect(startServer({ corefile: COREFILE, plugins })).rejects.toThrow('no port');
    expect(seen).toEqual(['one start', 'two start', 'two stop', 'one stop']);
  });

  it('gives back what was started where a socket can not be opened', async () => {
    const seen: string[] = [];
    const taken = await startServer({ corefile: '. {\n    whoami\n}\n' });
    const plugins = [acting('one', seen)];
    await expect(startServer({ corefile: `.:${taken.port} {\n    one\n}\n`, plugins })).rejects.toThrow(
      `127.0.0.1:${taken.port}: bind: address already in use`,
    );
    expect(seen).toEqual(['one start', 'one stop']);
    await taken.stop();
  });

  it('keeps the old configuration where a plugin of the new one does not start', async () => {
    const seen: string[] = [];
    const plugins = [acting('one', seen), acting('two', seen, { start: async () => fail('no port')() })];
    const server = await startServer({ corefile: '. {\n    one\n    whoami\n}\n', plugins });
    expect((await server.reload(COREFILE))?.message).toContain('no port');
    expect(seen).toEqual(['one start', 'one start', 'two start', 'two stop', 'one stop']);
    expect((await server.query('still.example.', 'A')).additional).toHaveLength(2);
    await server.stop();
  });

  it('goes on, and stops what was there before, where a plugin fails once it serves or stops', async () => {
    const seen: string[] = [];
    const odd: Instance = { serving: fail('odd serving'), lameduck: fail('odd lameduck'), stop: fail('odd stop') };
    const plugins = [acting('one', seen), acting('two', seen, odd)];
    const server = await startServer({ corefile: COREFILE, plugins });
    expect(await server.reload(COREFILE)).toBeNull();
    expect(seen.filter((step) => step === 'one stop')).toHaveLength(1);
    expect((await server.query('still.example.', 'A')).additional).toHaveLength(2);
    await server.server.stop(true);
    await server.stop();
    expect(seen.filter((step) => step === 'one stop')).toHaveLength(2);
    for (const step of ['serving', 'lameduck', 'stop'])
      expect(server.logLines).toContain(`error : ${step}: odd ${step}`);
  });

  it('opens no socket where it was told to stop while a plugin still started', async () => {
    const seen: string[] = [];
    let go: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => {
      go = resolve;
    });
    const server = await startServer({
      corefile: '. {\n    one\n    whoami\n}\n',
      plugins: [acting('one', seen), acting('two', seen, { start: () => waiting })],
    });
    const reloaded = server.reload(COREFILE);
    const stopped = server.server.stop(false);
    go();
    expect((await reloaded)?.message).toContain('the server is stopping');
    await stopped;
    expect(server.server.listening).toEqual([]);
    expect(seen.filter((step) => step.endsWith('start')).length).toBe(
      seen.filter((step) => step.endsWith('stop')).length,
    );
    await server.stop();
  });
});
