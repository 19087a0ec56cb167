/**
 * IPVS mode's texts before the real tools: ipset and iptables load theirs in a network namespace; ipvsadm, whose kernel side is seldom there,
 * reads its own before a pretended kernel.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseSets } from '#netfilter/ipset/restore-text.ts';
import { parseVirtualServers } from '#netfilter/ipvs/restore-text.ts';
import { type Run, runCommand } from '#netfilter/run.ts';
import { cleanUp } from '#proxy/backends/ipvs/clean-up.ts';
import { ipvs } from '#proxy/backends/ipvs/index.ts';
import { plan } from '#proxy/backends/ipvs/plan.ts';
import { setNames } from '#proxy/backends/ipvs/sets.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { missing, titled } from './needs.ts';

const TITLE = 'IPVS mode before the real tools';
const reason = await missing(TITLE, ['root', 'ip', 'ipset', 'iptables-legacy', 'iptables-nft', 'sysctl']);
const ipvsadmReason = await missing(`${TITLE}: ipvsadm`, ['ipvsadm', 'cc']);

const NAMESPACE = `cluster-dns-ipvs-${process.pid}`;
/** Few kernels have all that `-m ipvs` needs. */
const cases = packetTable('ipvs').filter(({ ports, options }) => plan(ports, options).blocked.length === 0);
const some = cases.filter((_, i) => i % 3 === 0);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  beforeEach(() => {
    execFileSync('ip', ['netns', 'add', NAMESPACE]);
  });
  afterEach(() => {
    execFileSync('ip', ['netns', 'delete', NAMESPACE]);
  });

  const run: Run = (command, args, input) => runCommand('ip', ['netns', 'exec', NAMESPACE, command, ...args], input);
  const load = async (command: string, args: readonly string[], text: string): Promise<string> => {
    const { exitCode, stderr } = await run(command, args, text);
    return exitCode === 0 ? '' : stderr;
  };
  const stdout = async (command: string, ...args: readonly string[]): Promise<string> =>
    (await run(command, args)).stdout;

  it('fills sets with what the plan says, one case after the other', async () => {
    for (const { ports, options, title } of cases) {
      expect(await load('ipset', ['restore'], ipvs.render(ports, options, { part: 'ipset' })), title).toBe('');
      const sets = parseSets(await stdout('ipset', 'save'), (name) => setNames(options.family).has(name));
      for (const { name, members } of plan(ports, options).sets.values())
        expect([...(sets.get(name)?.members ?? [])].sort(), `${title}: ${name}`).toEqual([...members].sort());
    }
  });

  it.each(['legacy', 'nft'])('loads the rules of iptables-%s, and loads them again', async (variant) => {
    for (const { ports, options, title } of some) {
      const isIpv6 = options.family === 'IPv6';
      const iptables = `${isIpv6 ? 'ip6tables' : 'iptables'}-${variant}`;
      const text = ipvs.render(ports, options, { part: 'iptables' });
      await load('ipset', ['restore'], ipvs.render(ports, options, { part: 'ipset' }));
      const fault = await load(`${iptables}-restore`, ['--noflush'], text);
      // From the second case on the jumps are there, and the line before them fails, as it says.
      const line = /line:? (\d+)/.exec(fault)?.[1];
      if (line !== undefined) expect(text.split('\n')[Number(line) - 1], `${title}: ${fault}`).toMatch(/^-N |^COMMIT$/);
      else expect(fault, title).toBe('');
      const saved = await rules(iptables);
      await load(`${iptables}-restore`, ['--noflush'], text);
      expect(await rules(iptables), title).toEqual(saved);
      expect(saved.filter((line) => line.startsWith('-A INPUT'))).toHaveLength(3);
      expect(saved.filter((line) => line.startsWith('-A PREROUTING'))).toHaveLength(1);
    }
  });

  const rules = async (iptables: string): Promise<readonly string[]> =>
    (await stdout(`${iptables}-save`)).split('\n').filter((line) => /^(-A|:KUBE)/.test(line));

  it.each(['legacy', 'nft'])('is cleaned up whole with iptables-%s', async (variant) => {
    const named: Run = (command, args, input) => run(command.replace(/^(ip6?tables)/, `$1-${variant}`), args, input);
    for (const { ports, options } of cases.slice(0, 3)) {
      await load('ipset', ['restore'], ipvs.render(ports, options, { part: 'ipset' }));
      await load(`iptables-${variant}-restore`, ['--noflush'], ipvs.render(ports, options, { part: 'iptables' }));
    }
    await cleanUp(named);
    expect(await rules(`iptables-${variant}`)).toEqual([]);
    expect(await stdout('ipset', 'list', '-name')).toBe('');
  });
});

describe.skipIf(ipvsadmReason !== '')(titled('ipvsadm before a pretended kernel', ipvsadmReason), () => {
  let folder = '';
  let library = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cluster-dns-ipvs-'));
    library = join(folder, 'pretend-kernel.so');
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'ipvs/pretend-kernel.c')]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const commands = (text: string) => {
    const env = { ...process.env, LD_PRELOAD: library };
    const { status, stdout, stderr } = spawnSync('ipvsadm', ['--restore'], { input: text, env, encoding: 'utf8' });
    // The first command asks for ip_vs's version, which is not pretended.
    return { status, stderr, told: stdout.split('\n').filter((line) => line !== '' && line !== '15') };
  };

  it('refuses what it can’t read', () => {
    expect(commands('-A -t 10.0.0.1:80 -s rr -?\n').status).not.toBe(0);
    expect(commands('-A -t 10.0.0.1000:80 -s rr\n').told).toEqual([]);
  });

  it('sends the kernel every server of every case', () => {
    for (const { ports, options, title } of packetTable('ipvs')) {
      const nodeAddresses = [options.family === 'IPv6' ? '2001:db8::2' : '192.168.0.2'];
      const withServices = { ...options, ipvs: { scheduler: 'mh', udpTimeout: 30, nodeAddresses } };
      const text = ipvs.render(ports, withServices, { part: 'ipvsadm' });
      const { status, stderr, told } = commands(text);
      expect(status, `${title}: ${stderr}`).toBe(0);
      const wanted = parseVirtualServers(text).flatMap(({ port, persistentSeconds, realServers }) => [
        // NEW_SERVICE: its port, its scheduler, its flags (16 for mh-port, 1 for persistence), its timeout.
        expect.stringMatching(
          new RegExp(
            `^1 \\{1 .* 4=${hex(port)} 6=6d6800 7=1${persistentSeconds > 0 ? 1 : 0}000000ffffffff 8=${littleEndian(persistentSeconds)} `,
          ),
        ),
        // NEW_DEST: its port, masquerading (0), its weight.
        ...realServers.map((real) =>
          expect.stringMatching(
            new RegExp(`^5 .*\\{2 .* 2=${hex(real.port)} 3=00000000 4=${littleEndian(real.weight)} `),
          ),
        ),
      ]);
      // FLUSH and SET_CONFIG come before.
      expect(told, title).toEqual(['17', expect.stringMatching(/^12 /), ...wanted]);
    }
  });

  const hex = (port: number): string => port.toString(16).padStart(4, '0');
  const littleEndian = (value: number): string => {
    const octets = Buffer.alloc(4);
    octets.writeUInt32LE(value);
    return octets.toString('hex');
  };
});
