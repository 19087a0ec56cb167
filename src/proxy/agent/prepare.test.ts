import { describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { missingRights } from '#netfilter/needs.ts';
import { CommandError } from '#netfilter/run.ts';
import { readSettings } from '../config/read-settings.ts';
import { applySettings, type KernelFiles, warnOf } from './apply-sysctls.ts';
import { KERNEL_CHECKS, kernelSettings } from './sysctls.ts';
import { loadConntrack, missingTools, probe } from './tools.ts';

const wanted = (...args: string[]): Record<string, number> =>
  Object.fromEntries(kernelSettings(readSettings(args).settings, 8).map(({ file, value }) => [file, value]));

/** A kernel of these files; those of `readOnly` can't be written. */
const kernelOf = (files: Record<string, string>, readOnly: Record<string, string> = {}): KernelFiles => ({
  read: (file) => {
    const text = files[file];
    if (text === undefined) throw Object.assign(new Error(`no ${file}`), { code: 'ENOENT' });
    return text;
  },
  write: (file, text) => {
    const code = readOnly[file] ?? (file in files ? undefined : 'ENOENT');
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    files[file] = text;
  },
});

const logged = (): { log: Log; lines: string[] } => {
  const lines: string[] = [];
  return {
    lines,
    log: new Log({ write: (level, _, text) => lines.push(`${level}: ${text}`), flush: async () => undefined }),
  };
};

describe('settings of the kernel', () => {
  it("are kube-proxy's by default", () => {
    expect(wanted()).toEqual({
      '/proc/sys/net/netfilter/nf_conntrack_max': 262_144,
      '/sys/module/nf_conntrack/parameters/hashsize': 65_536,
      '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established': 86_400,
      '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait': 3600,
    });
  });

  it('are left alone where 0 asks for it', () => {
    const none = ['max-per-core=0', 'tcp-timeout-established=0s', 'tcp-timeout-close-wait=0'];
    expect(wanted(...none.map((flag) => `--conntrack-${flag}`))).toEqual({});
  });

  it('have node ports on 127.0.0.1 routed where they are wanted', () => {
    const file = '/proc/sys/net/ipv4/conf/all/route_localnet';
    expect(wanted('--proxy-mode=iptables')).toHaveProperty([file], 1);
    expect(wanted('--proxy-mode=iptables', '--nodeport-addresses=10.0.0.0/8')).not.toHaveProperty([file]);
    expect(wanted('--proxy-mode=nftables')).not.toHaveProperty([file]);
  });

  it('are written where they differ, and what fails is told with what to do', () => {
    const max = '/proc/sys/net/netfilter/nf_conntrack_max';
    const established = '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established';
    const hash = '/sys/module/nf_conntrack/parameters/hashsize';
    const files = { [max]: '262144\n', [established]: '432000\n', [hash]: '1024\n' };
    const { log, lines } = logged();
    const settings = kernelSettings(readSettings([]).settings, 8);
    const faults = applySettings(settings, log, kernelOf(files, { [established]: 'EROFS', [hash]: 'EACCES' }));
    expect(faults).toEqual([
      "net.netfilter.nf_conntrack_tcp_timeout_established can't be set to 86400 (it is 432000): it is read-only here; set it beforehand, or leave it with --conntrack-tcp-timeout-established=0s",
      "net.netfilter.nf_conntrack_tcp_timeout_close_wait can't be set to 3600: there is no such setting (is the kernel module loaded?); set it beforehand, or leave it with --conntrack-tcp-timeout-close-wait=0s",
    ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^warning: \/sys\/module\/nf_conntrack\/parameters\/hashsize can't be set to 65536/);
  });

  it('of which more will do are left where they are larger and can not be set', () => {
    const max = '/proc/sys/net/netfilter/nf_conntrack_max';
    const least = [{ file: max, value: 131_072, advice: '', isLeast: true }];
    const { log, lines } = logged();
    expect(applySettings(least, log, kernelOf({ [max]: '262144\n' }, { [max]: 'EACCES' }))).toEqual([]);
    expect(lines[0]).toMatch(/^info: net.netfilter.nf_conntrack_max stays at 262144, above 131072/);
    expect(applySettings(least, log, kernelOf({ [max]: '65536\n' }, { [max]: 'EACCES' }))).toHaveLength(1);
  });

  it('that forward packets are warned of, and not changed', () => {
    const { log, lines } = logged();
    warnOf(KERNEL_CHECKS, log, kernelOf({ '/proc/sys/net/ipv4/ip_forward': '0\n' }));
    expect(lines).toEqual(['warning: net.ipv4.ip_forward is 0: packets from elsewhere reach no Pod on this node']);
  });
});

describe('what is missing', () => {
  it('of tools is told in one line with the Debian packages', () => {
    expect(missingTools('ipvs', (command) => command === 'ip')).toBe(
      'ipvs mode needs ipvsadm, ipset, iptables, iptables-save, iptables-restore, which are not on the path: install it (Debian: apt-get install ipvsadm ipset iptables)',
    );
    expect(missingTools('nftables', () => true)).toBe('');
  });

  it('of rights is told', () => {
    expect(missingRights('CapEff:\t0000000000000000\n')).toMatch(/^rules may only be changed by root/);
    expect(missingRights('CapEff:\t0000000000001000\n')).toBe('');
  });
});

describe('conntrack', () => {
  const max = '/proc/sys/net/netfilter/nf_conntrack_max';

  it('is loaded where its settings are not there yet, and only then', async () => {
    const asked: string[] = [];
    const run = async (command: string, args: readonly string[]) => {
      asked.push([command, ...args].join(' '));
      return { exitCode: 0, stdout: '', stderr: '' };
    };
    await loadConntrack(run, kernelOf({ [max]: '262144\n' }));
    expect(asked).toEqual([]);
    await loadConntrack(run, kernelOf({}));
    expect(asked).toEqual(['conntrack -C']);
  });

  it('is left as it is where there is no tool', async () => {
    const run = () => Promise.reject(new CommandError('conntrack', null, 'conntrack: not found on the path'));
    await expect(loadConntrack(run, kernelOf({}))).resolves.toBeUndefined();
  });
});

describe('probing', () => {
  it.each([
    ['iptables v1.8.9 (nf_tables)', true],
    ['iptables v1.6.2', true],
    ['iptables v1.6.1', false],
    ['iptables v1.4.21', false],
  ])('finds of %s whether it knows --random-fully', async (stdout, expected) => {
    const run = async () => ({ exitCode: 0, stdout, stderr: '' });
    expect((await probe('iptables', run, kernelOf({}))).hasRandomFully).toBe(expected);
  });

  it('finds whether conntrack is liberal', async () => {
    const run = async () => ({ exitCode: 0, stdout: '', stderr: '' });
    const files = kernelOf({ '/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal': '1\n' });
    expect((await probe('nftables', run, files)).isConntrackTcpLiberal).toBe(true);
  });
});
