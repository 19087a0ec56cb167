import { hasLocalhostNodePorts } from '../config/rule-options.ts';
import type { ProxySettings } from '../config/settings.ts';

/** A file that a number is written to. */
export interface KernelSetting {
  readonly file: string;
  readonly value: number;
  /** What it is for, and what to do where it can't be set. */
  readonly advice: string;
  /** More will do. */
  readonly isLeast?: boolean;
  /** The program goes on without it. */
  readonly isOptional?: boolean;
}

/** A condition of the kernel that is looked at and not changed. */
export interface KernelCheck {
  readonly file: string;
  readonly isFine: (value: number) => boolean;
  readonly warning: string;
}

const CONNTRACK = '/proc/sys/net/netfilter/nf_conntrack';
const IPV4 = '/proc/sys/net/ipv4';
/** The kernel's table has a list for each four entries at least. */
const ENTRIES_PER_BUCKET = 4;

/** What the settings ask of the kernel, in the order in which it is set. */
export const kernelSettings = (settings: ProxySettings, cores: number): readonly KernelSetting[] => [
  ...conntrackSettings(settings, cores),
  ...(hasLocalhostNodePorts(settings, 'IPv4')
    ? [
        {
          file: `${IPV4}/conf/all/route_localnet`,
          value: 1,
          advice: 'node ports on 127.0.0.1 need it: set it beforehand, or give --iptables-localhost-nodeports=false',
        },
      ]
    : []),
  ...(settings.mode === 'ipvs' ? ipvsSettings(settings) : []),
];

/** Where packets between Pods and nodes would end. */
export const KERNEL_CHECKS: readonly KernelCheck[] = [
  {
    file: `${IPV4}/ip_forward`,
    isFine: (value) => value !== 0,
    warning: 'net.ipv4.ip_forward is 0: packets from elsewhere reach no Pod on this node',
  },
  {
    file: '/proc/sys/net/ipv6/conf/all/forwarding',
    isFine: (value) => value !== 0,
    warning: 'net.ipv6.conf.all.forwarding is 0: IPv6 packets from elsewhere reach no Pod on this node',
  },
];

const conntrackSettings = ({ conntrack }: ProxySettings, cores: number): KernelSetting[] => {
  const max = conntrack.maxPerCore > 0 ? Math.max(conntrack.maxPerCore * cores, conntrack.min) : 0;
  const settings: KernelSetting[] = [];
  if (max > 0) {
    const advice = 'set it beforehand, or leave it with --conntrack-max-per-core=0';
    settings.push({ file: `${CONNTRACK}_max`, value: max, advice, isLeast: true });
    settings.push({
      file: '/sys/module/nf_conntrack/parameters/hashsize',
      value: Math.ceil(max / ENTRIES_PER_BUCKET),
      advice: 'the connection table is slower than it could be: set it beforehand',
      isLeast: true,
      isOptional: true,
    });
  }
  const timeouts = [
    ['tcp_timeout_established', conntrack.tcpEstablishedTimeoutMs, 'conntrack-tcp-timeout-established'],
    ['tcp_timeout_close_wait', conntrack.tcpCloseWaitTimeoutMs, 'conntrack-tcp-timeout-close-wait'],
    ['udp_timeout', conntrack.udpTimeoutMs, 'conntrack-udp-timeout'],
    ['udp_timeout_stream', conntrack.udpStreamTimeoutMs, 'conntrack-udp-timeout-stream'],
  ] as const;
  for (const [name, ms, flag] of timeouts) {
    const advice = `set it beforehand, or leave it with --${flag}=0s`;
    if (ms > 0) settings.push({ file: `${CONNTRACK}_${name}`, value: Math.ceil(ms / 1000), advice });
  }
  if (conntrack.tcpBeLiberal)
    settings.push({
      file: `${CONNTRACK}_tcp_be_liberal`,
      value: 1,
      advice: 'set it beforehand, or leave --conntrack-tcp-be-liberal away',
    });
  return settings;
};

const ipvsSettings = ({ ipvs }: ProxySettings): KernelSetting[] => {
  const advice = 'ipvs mode needs it: set it beforehand';
  const files = ['vs/conntrack', 'vs/expire_nodest_conn', 'vs/expire_quiescent_template', 'ip_forward'];
  const settings: KernelSetting[] = files.map((file) => ({ file: `${IPV4}/${file}`, value: 1, advice }));
  if (ipvs.strictArp) {
    settings.push({ file: `${IPV4}/conf/all/arp_ignore`, value: 1, advice });
    settings.push({ file: `${IPV4}/conf/all/arp_announce`, value: 2, advice });
  }
  return settings;
};
