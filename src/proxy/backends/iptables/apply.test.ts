import { describe, expect, it } from 'vitest';
import { CommandError, type Run } from '#netfilter/run.ts';
import { servicePortsOf as cluster, iptablesOptions, servicePortOf } from '#test/service-ports.ts';
import type { ServicePort } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { iptables } from './index.ts';

const OPTIONS = iptablesOptions({ localhostNodePorts: false });

const service = (name: string, endpoints: number): ServicePort =>
  servicePortOf(`space/${name}`, '10.96.0.1', {
    clusterEndpoints: Array.from({ length: endpoints }, (_, i) => ({
      address: `10.1.${i >> 8}.${i & 255}`,
      port: 80,
      isLocal: false,
    })),
  });

/** A machine that takes everything, and a writer for it. */
const openWriter = async () => {
  const commands: string[] = [];
  const inputs: string[] = [];
  const warnings: string[] = [];
  const machine = { exitCode: 0, nftExitCode: 0 };
  const run: Run = (command, args, input = '') => {
    commands.push(command);
    const text = typeof input === 'string' ? input : [...input].join('');
    if (command === 'iptables-restore' && text !== '') inputs.push(text);
    if (command === 'ip') return Promise.resolve({ exitCode: 1, stdout: '', stderr: '' });
    const loading = args.includes('--noflush') ? machine.exitCode : 0;
    const exitCode = command === 'nft' ? machine.nftExitCode : loading;
    return Promise.resolve({ exitCode, stdout: '', stderr: 'line 3 failed\n' });
  };
  const log = { debug: ignore, info: ignore, warning: (line: string) => warnings.push(line), error: ignore };
  const writer = await iptables.open({ family: 'IPv4', run, log, now: () => 0 });
  commands.length = 0;
  return { writer, commands, inputs, warnings, machine };
};
const ignore = (): void => undefined;
const chainsIn = (input: string | undefined): number => input?.match(/^:KUBE-S(?:VC|EP)-/gm)?.length ?? 0;

describe('the writer of iptables rules', () => {
  it('writes only the chains of what changed, and asks the kernel for nothing', async () => {
    const { writer, commands, inputs } = await openWriter();
    const [a, b, c] = [service('a', 2), service('b', 2), service('c', 3)];
    expect((await writer.sync(cluster(a, b), OPTIONS, null)).kind).toBe('full');
    commands.length = 0;
    const report = await writer.sync(cluster(a, b, c), OPTIONS, new Set([c.key]));
    expect(commands).toEqual(['iptables-restore']);
    expect(chainsIn(inputs[1])).toBe(4);
    expect(inputs[1]?.match(/^-A KUBE-SERVICES .*cluster IP/gm)).toHaveLength(3);
    // Three rules of KUBE-SERVICES, the jump to node ports, four of the frame, and three endpoints with a rule to each and two of its own.
    expect(report).toMatchObject({ kind: 'partial', tables: { nat: { written: 3 + 1 + 4 + 3 + 6 } } });
    expect(report.tables?.nat.rules).toBe(3 + 1 + 4 + 9 + 2 * 6);
  });

  it('removes in the same run the chains of what has gone', async () => {
    const { writer, inputs } = await openWriter();
    const [a, b] = [service('a', 2), service('b', 2)];
    await writer.sync(cluster(a, b), OPTIONS, null);
    await writer.sync(cluster(a), OPTIONS, new Set([b.key]));
    expect(inputs[1]?.match(/^-X KUBE-S(?:VC|EP)-/gm)).toHaveLength(3);
    expect(chainsIn(inputs[1])).toBe(3);
    await writer.sync(cluster(a), OPTIONS, new Set());
    expect(inputs[2]).not.toContain('-X');
  });

  it('writes all where options differ, or the cluster has become large', async () => {
    const { writer } = await openWriter();
    const kindOf = async (endpoints: number, options: RuleOptions) =>
      (await writer.sync(cluster(service('a', endpoints)), options, new Set(['space/a/tcp']))).kind;
    expect(await kindOf(1, OPTIONS)).toBe('full');
    expect(await kindOf(2, OPTIONS)).toBe('partial');
    expect(await kindOf(2, { ...OPTIONS, masqueradeAll: true })).toBe('full');
    expect(await kindOf(1001, { ...OPTIONS, masqueradeAll: true })).toBe('full');
    expect(await kindOf(1002, { ...OPTIONS, masqueradeAll: true })).toBe('partial');
  });

  it('writes all after a sync that failed, whatever it is told of changes', async () => {
    const { writer, machine } = await openWriter();
    const services = cluster(service('a', 2));
    await writer.sync(services, OPTIONS, null);
    machine.exitCode = 2;
    await expect(writer.sync(services, OPTIONS, new Set())).rejects.toThrow(CommandError);
    machine.exitCode = 0;
    expect((await writer.sync(services, OPTIONS, new Set())).kind).toBe('full');
  });

  it('goes on, and tries again, where rules of another mode cannot be removed', async () => {
    const { writer, machine, warnings, commands } = await openWriter();
    const services = cluster(service('a', 2));
    machine.nftExitCode = 1;
    expect((await writer.sync(services, OPTIONS, null)).kind).toBe('full');
    expect(warnings).toEqual([expect.stringMatching(/^rules of another mode are still there: nft/)]);
    machine.nftExitCode = 0;
    await writer.sync(services, OPTIONS, null);
    expect(warnings).toHaveLength(1);
    commands.length = 0;
    await writer.sync(services, OPTIONS, null);
    expect(commands).not.toContain('nft');
  });
});
