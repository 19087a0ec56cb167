import { describe, expect, it } from 'vitest';
import type { CommandResult, Run } from '#netfilter/run.ts';
import type { ServicePort, ServicePorts } from '../model/service-port.ts';
import { ConntrackCleaner } from './conntrack-cleaner.ts';

const portOf = (protocol: string, clusterIP: string): ServicePort =>
  ({ protocol, clusterIP, port: 53, externalIPs: [], loadBalancerIPs: [], nodePort: 0 }) as unknown as ServicePort;
const portsOf = (...ports: ServicePort[]): ServicePorts =>
  new Map(ports.map((port) => [`ns/${port.clusterIP}/${port.protocol}`, port]));
const flow = (protocol: string, to: string, by: string): string =>
  `${protocol} 17 29 src=fd00::9 dst=${to} sport=4000 dport=53 src=${by} dst=fd00::9 sport=53 dport=4000 use=1\n`;
const isNodeAddress = (): boolean => false;

/** A conntrack with these flows; `answer` may have it say something else. */
const conntrack = (flows: string, answer: (args: readonly string[]) => Partial<CommandResult> | null = () => null) => {
  const calls: string[] = [];
  const run: Run = async (_, args, input) => {
    calls.push(`${args.join(' ')}${typeof input === 'string' ? ` < ${input}` : ''}`);
    const stdout = args[0] === '-L' ? flows : args[0] === '-R' ? String(input) : 'udp ...\n';
    return { exitCode: 0, stdout, stderr: '', ...answer(args) };
  };
  const serving = (): { address: string; port: number }[] => [{ address: 'fd00::1', port: 53 }];
  return { calls, cleaner: new ConntrackCleaner({ family: 'IPv6', run, serving }) };
};

describe('cleaning', () => {
  it('lists each protocol that Services have once, and ends stale flows with one process', async () => {
    const { calls, cleaner } = conntrack(flow('udp', 'fd10::1', 'fd00::7') + flow('sctp', 'fd10::2', 'fd00::8'));
    const ports = portsOf(portOf('udp', 'fd10::1'), portOf('sctp', 'fd10::2'), portOf('tcp', 'fd10::3'));
    expect(await cleaner.clean({ ports, changed: null, isNodeAddress })).toBe(2);
    expect(calls).toEqual([
      '-L -f ipv6 -p udp',
      '-L -f ipv6 -p sctp',
      '-R - < -D -f ipv6 -p udp --orig-dst fd10::1 --orig-port-dst 53 --reply-src fd00::7 --reply-port-src 53\n' +
        '-D -f ipv6 -p sctp --orig-dst fd10::2 --orig-port-dst 53 --reply-src fd00::8 --reply-port-src 53\n',
    ]);
  });

  it('starts nothing where there are TCP ports alone', async () => {
    const { calls, cleaner } = conntrack('');
    expect(await cleaner.clean({ ports: portsOf(portOf('tcp', 'fd10::3')), changed: null, isNodeAddress })).toBeNull();
    expect(calls).toEqual([]);
  });

  it('uses a process each where conntrack reads no commands, and takes a flow that is gone for ended', async () => {
    const { calls, cleaner } = conntrack(
      flow('udp', 'fd10::1', 'fd00::7') + flow('udp', 'fd10::1', 'fd00::8'),
      (args) => {
        if (args[0] === '-R') return { exitCode: 2, stderr: 'unknown option' };
        if (!args.includes('fd00::8')) return null;
        return {
          exitCode: 1,
          stdout: '',
          stderr: 'conntrack v1.4.6 (conntrack-tools): 0 flow entries have been deleted.',
        };
      },
    );
    expect(await cleaner.clean({ ports: portsOf(portOf('udp', 'fd10::1')), changed: null, isNodeAddress })).toBe(1);
    expect(calls.filter((call) => call.startsWith('-D'))).toHaveLength(2);
  });

  it('that failed is made up for by the next one, for what is gone, too', async () => {
    let isBroken = true;
    const { cleaner } = conntrack(flow('udp', 'fd10::1', 'fd00::1'), () => (isBroken ? { exitCode: 1 } : null));
    await expect(
      cleaner.clean({ ports: portsOf(portOf('udp', 'fd10::1')), changed: null, isNodeAddress }),
    ).rejects.toThrow('conntrack');
    const key = 'ns/fd10::1/udp';
    await expect(cleaner.clean({ ports: new Map(), changed: new Set([key]), isNodeAddress })).rejects.toThrow();
    isBroken = false;
    expect(await cleaner.clean({ ports: new Map(), changed: new Set(), isNodeAddress })).toBe(1);
    expect(await cleaner.clean({ ports: new Map(), changed: new Set(), isNodeAddress })).toBeNull();
  });
});
