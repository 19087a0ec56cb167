import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { outcome, run } from '#test/command.ts';
import { type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { type DigReply, dataOf, readDig } from './dig.ts';
import { missing, skipped, titled } from './needs.ts';

const TITLE = 'a listener for all addresses, asked from another network name space';
const SERVER = `dns-${process.pid}`;
const CLIENT = `pod-${process.pid}`;
/** Logged, so never remembered. */
const SLOW = 'slow.example.org';
/** Remembered by whoever is asked. */
const FAST = 'fast.example.net';
/** `bind`: a line of the blocks, '' for all addresses. */
const corefile = (bind: string): string => `. {
    ${bind}
    log . "{remote} {local} {proto}"
    whoami
}
example.net {
    ${bind}
    prometheus 127.0.0.1:9153
    hosts {
        192.0.2.9 ${FAST}
    }
}
`;

const have = async (): Promise<string> => {
  const reason = await missing(TITLE, ['root', 'ip', 'dig', 'sysctl']);
  if (reason !== '') return reason;
  const tried = await outcome('ip', ['netns', 'add', SERVER]);
  return tried.code === 0 ? '' : skipped(TITLE, `no network name space can be made: ${tried.stderr.trim()}`);
};
const reason = await have();

const ip = (...args: string[]): Promise<string> => run('ip', args);
const inside = (netns: string, ...command: string[]): Promise<string> => ip('netns', 'exec', netns, ...command);

/** Two links between the name spaces: dns0 to pod0, with all that is asked for, and dns1 to pod1, another way back. */
const setUp = async (): Promise<void> => {
  await ip('netns', 'add', CLIENT);
  for (const link of ['0', '1'])
    await ip(
      'link',
      'add',
      `dns${link}`,
      'netns',
      SERVER,
      'type',
      'veth',
      'peer',
      'name',
      `pod${link}`,
      'netns',
      CLIENT,
    );
  for (const [netns, side, host] of [
    [SERVER, 'dns', '1'],
    [CLIENT, 'pod', '100'],
  ] as const) {
    const sysctls = ['all', 'default', `${side}0`, `${side}1`].map((name) => `net.ipv4.conf.${name}.rp_filter=0`);
    await inside(
      netns,
      'sysctl',
      '-q',
      ...sysctls,
      'net.ipv6.conf.all.accept_dad=0',
      'net.ipv6.conf.default.accept_dad=0',
    );
    await ip('-n', netns, 'link', 'set', 'lo', 'up');
    for (const link of ['0', '1']) {
      const device = `${side}${link}`;
      await inside(netns, 'sysctl', '-q', `net.ipv6.conf.${device}.accept_dad=0`);
      await ip('-n', netns, 'address', 'add', `10.9.${link}.${host}/24`, 'dev', device);
      await ip('-n', netns, 'address', 'add', `fd09:${link}::${host}/64`, 'dev', device, 'nodad');
      await ip('-n', netns, 'link', 'set', device, 'up');
    }
  }
  await ip('-n', SERVER, 'address', 'add', '10.9.0.2/24', 'dev', 'dns0');
  await ip('-n', SERVER, 'address', 'add', 'fd09:0::2/64', 'dev', 'dns0', 'nodad');
  // Addresses as those of Services and of node-local caches are: on no link of their own.
  await ip('-n', SERVER, 'address', 'add', '169.254.20.10/32', 'dev', 'lo');
  await ip('-n', SERVER, 'address', 'add', 'fd08::10/128', 'dev', 'lo');
  await ip('-n', CLIENT, 'route', 'add', '169.254.20.10', 'via', '10.9.0.1');
  await ip('-n', CLIENT, 'route', 'add', 'fd08::10', 'via', 'fd09:0::1');
};

/** Asks as dig does, which takes no reply from another address than it asked. Its cookie would keep replies from being remembered. */
const digFrom = async (from: string, to: string, name: string, ...options: string[]): Promise<DigReply> => {
  const args = ['netns', 'exec', CLIENT, 'dig', '+nocookie', '+retry=0', '+time=5', ...options, `@${to}`];
  const { code, stdout, stderr } = await outcome('ip', [...args, ...(from === '' ? [] : ['-b', from]), name, 'A']);
  const reply = readDig(stdout);
  if (code !== 0 || /unexpected source/.test(stdout + stderr)) throw new Error(`${to} ${name}: ${stdout}${stderr}`);
  return reply;
};

const linkLocalOf = async (netns: string, device: string): Promise<string> => {
  const text = await ip('-n', netns, '-6', 'address', 'show', 'dev', device, 'scope', 'link');
  return /inet6 (fe80::\S+)\//.exec(text)?.[1] ?? '';
};

const remembered = async (): Promise<number> => {
  const script = "fetch('http://127.0.0.1:9153/metrics').then((r) => r.text()).then((t) => console.log(t))";
  const text = await inside(SERVER, process.execPath, '-e', script);
  return Number(/^cluster_dns_udp_remembered_total\{.*\} (\d+)$/m.exec(text)?.[1]);
};

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  beforeAll(setUp);
  afterAll(async () => {
    for (const netns of [SERVER, CLIENT]) await outcome('ip', ['netns', 'delete', netns]);
  });

  let server: ServerProcess | null = null;
  afterEach(async () => {
    await server?.stop();
    server = null;
  });
  const start = async (mode: string, bind = ''): Promise<ServerProcess> => {
    server = await startProcess(['-conf', 'stdin', '-udp-listener', mode], { netns: SERVER, stdin: corefile(bind) });
    return server;
  };

  describe.each(['batch', 'dgram'])('by %s', (mode) => {
    it('answers from the address that was asked, and tells plugins who asked and which', async () => {
      const running = await start(mode);
      const zone = await linkLocalOf(SERVER, 'dns0');
      const own = await linkLocalOf(CLIENT, 'pod0');
      const cases: readonly (readonly [from: string, to: string, remote: string, local: string])[] = [
        ['10.9.0.100', '10.9.0.1', '10.9.0.100', '10.9.0.1'],
        ['10.9.0.100', '10.9.0.2', '10.9.0.100', '10.9.0.2'],
        ['10.9.0.100', '169.254.20.10', '10.9.0.100', '169.254.20.10'],
        ['fd09::100', 'fd09::1', '[fd09::100]', '[fd09::1]'],
        ['fd09::100', 'fd09::2', '[fd09::100]', '[fd09::2]'],
        ['fd09::100', 'fd08::10', '[fd09::100]', '[fd08::10]'],
        // The way back is over the other link.
        ['10.9.1.100', '10.9.0.2', '10.9.1.100', '10.9.0.2'],
        ['fd09:1::100', 'fd09::2', '[fd09:1::100]', '[fd09::2]'],
        ['', `${zone}%pod0`, `[${own}%dns0]`, `[${zone}%dns0]`],
      ];
      const seen: string[] = [];
      for (const [from, to, remote, local] of cases) {
        const reply = await digFrom(from, to, SLOW);
        const address = remote.replace(/[[\]]|%.*/g, '');
        expect([to, reply.status, dataOf(reply.additional)[0]]).toEqual([to, 'NOERROR', expect.any(String)]);
        expect(dataOf(reply.additional)).toContain(address);
        seen.push(`[INFO] ${remote} ${local} udp`);
        await running.saw(seen.at(-1) as string);
        for (let n = 0; n < 3; n++) expect(dataOf((await digFrom(from, to, FAST)).answer)).toEqual(['192.0.2.9']);
      }
      expect(running.lines.filter((line) => line.endsWith(' udp'))).toEqual(seen);
      // Each family is another question to the memory: of each, the first two at most are answered by main.
      if (mode === 'batch') expect(await remembered()).toBeGreaterThanOrEqual(3 * cases.length - 4);
    });

    it('answers on an address that was added later, and no more on one that is gone', async () => {
      await start(mode);
      await ip('-n', SERVER, 'address', 'add', '10.9.0.77/24', 'dev', 'dns0');
      await ip('-n', SERVER, 'address', 'add', 'fd09::77/64', 'dev', 'dns0', 'nodad');
      for (const to of ['10.9.0.77', 'fd09::77']) {
        let answer: string[] = [];
        const hasAnswered = async (): Promise<boolean> => {
          answer = dataOf((await digFrom('', to, FAST, '+time=1')).answer);
          return true;
        };
        if (mode === 'batch') await hasAnswered();
        else await until(() => hasAnswered().catch(() => false));
        expect(answer).toEqual(['192.0.2.9']);
      }
      await ip('-n', SERVER, 'address', 'delete', '10.9.0.77/24', 'dev', 'dns0');
      await ip('-n', SERVER, 'address', 'delete', 'fd09::77/64', 'dev', 'dns0');
      expect(dataOf((await digFrom('', '10.9.0.1', FAST)).answer)).toEqual(['192.0.2.9']);
    });
  });

  it.each([
    ['0.0.0.0', ['10.9.0.1', '10.9.0.2', '169.254.20.10']],
    ['::', ['fd09::1', 'fd09::2', 'fd08::10', '10.9.0.2']],
  ])('answers from the address that was asked where %s is bound', async (host, asked) => {
    const running = await start('batch', `bind ${host}`);
    for (const to of asked) {
      for (let n = 0; n < 3; n++) expect(dataOf((await digFrom('', to, FAST)).answer)).toEqual(['192.0.2.9']);
      await digFrom('', to, SLOW);
      await running.saw(to.includes(':') ? ` [${to}] udp` : ` ${to} udp`);
    }
  });

  it('answers over IPv4 where IPv6 is switched off, and over IPv6 once it is switched on', async () => {
    const sysctl = (value: number): Promise<string> =>
      inside(SERVER, 'sysctl', '-q', `net.ipv6.conf.all.disable_ipv6=${value}`);
    await sysctl(1);
    try {
      const running = await start('batch');
      for (const to of ['10.9.0.1', '10.9.0.2', '169.254.20.10'])
        for (let n = 0; n < 3; n++) expect(dataOf((await digFrom('', to, FAST)).answer)).toEqual(['192.0.2.9']);
      expect(dataOf((await digFrom('', '10.9.0.1', FAST, '+tcp')).answer)).toEqual(['192.0.2.9']);
      await sysctl(0);
      await ip('-n', SERVER, 'address', 'replace', 'fd09::1/64', 'dev', 'dns0', 'nodad');
      expect(dataOf((await digFrom('', 'fd09::1', FAST)).answer)).toEqual(['192.0.2.9']);
      expect(running.stderr).toBe('');
    } finally {
      await sysctl(0);
    }
  });
});
