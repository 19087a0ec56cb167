import { renderSets } from '#netfilter/ipset/restore-text.ts';
import type { Chain } from '#netfilter/iptables/rule.ts';
import { chainLine, ruleLine, ruleText } from '#netfilter/iptables/text.ts';
import { renderVirtualServers } from '#netfilter/ipvs/restore-text.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RenderSettings } from '../../rule-backend.ts';
import type { IpFamily, RuleOptions } from '../../rule-options.ts';
import { type IpvsPlan, LINK, plan } from './plan.ts';
import type { BaseJump } from './remainder.ts';
import { BASE_JUMPS, remainder } from './remainder.ts';
import { SETS, type SetKey } from './sets.ts';

/** Parts of the whole, in the order in which they have to be loaded. */
export const PARTS = ['sysctl', 'ipset', 'iptables', 'ipvsadm', 'addresses'] as const;
export type Part = (typeof PARTS)[number];

/** An empty chain in each table: where it is gone, somebody has flushed the table. Not iptables mode's, which has other jumps. */
export const CANARY = 'KUBE-IPVS-CANARY';

/**
 * The whole rule set: a text for each tool, with a heading before each; or one of them, which its tool loads. ipvsadm takes no comments, so
 * without the headings there are none in its part.
 */
export const render = (
  services: ServicePorts,
  options: RuleOptions,
  { isExplained = false, part }: RenderSettings = {},
): string => {
  const planned = plan(services, options);
  if (part !== undefined) return partText(part as Part, planned, options, isExplained);
  return PARTS.map((each) => heading(each, options.family) + partText(each, planned, options, isExplained)).join('\n');
};

/** What loads a part. */
export const loader = (part: Part, family: IpFamily): string => {
  switch (part) {
    case 'sysctl':
      return 'sysctl -p -';
    case 'ipset':
      return 'ipset restore';
    case 'iptables':
      return `${family === 'IPv6' ? 'ip6tables' : 'iptables'}-restore --noflush`;
    case 'ipvsadm':
      return 'ipvsadm --restore';
    case 'addresses':
      return 'ip -force -batch -';
  }
};

const heading = (part: Part, family: IpFamily): string => `# part ${part}, loaded by: ${loader(part, family)}\n`;

const partText = (part: Part, planned: IpvsPlan, options: RuleOptions, isExplained: boolean): string => {
  switch (part) {
    case 'sysctl':
      return sysctlText(options);
    case 'ipset':
      return (isExplained ? setComments(planned) : '') + renderSets(planned.sets.values());
    case 'iptables':
      return remainderText(planned, options);
    case 'ipvsadm':
      return `${clearText(options)}${timeoutText(options)}${renderVirtualServers(planned.virtualServers.values())}`;
    case 'addresses':
      return addressText(planned);
  }
};

/** What IPVS mode needs of the kernel. */
export const sysctlText = ({ ipvs }: RuleOptions): string =>
  [
    'net.ipv4.vs.conntrack = 1',
    'net.ipv4.vs.expire_nodest_conn = 1',
    'net.ipv4.vs.expire_quiescent_template = 1',
    'net.ipv4.ip_forward = 1',
    ...(ipvs?.strictArp === true ? ['net.ipv4.conf.all.arp_ignore = 1', 'net.ipv4.conf.all.arp_announce = 2'] : []),
    '',
  ].join('\n');

/** `--set`, where timeouts are asked for. */
export const timeoutText = ({ ipvs }: RuleOptions): string => {
  const timeouts = [ipvs?.tcpTimeout ?? 0, ipvs?.tcpFinTimeout ?? 0, ipvs?.udpTimeout ?? 0];
  return timeouts.some((seconds) => seconds > 0) ? `--set ${timeouts.join(' ')}\n` : '';
};

/** The table of virtual servers is one for all; where others may have some in it, a text can't tell them from what it has left there. */
const clearText = ({ ipvs }: RuleOptions): string => ((ipvs?.excludeCidrs ?? []).length > 0 ? '' : '-C\n');

const addressText = ({ addresses }: IpvsPlan): string =>
  [`link add ${LINK} type dummy`, `address flush dev ${LINK}`, ...Array.from(addresses, addressLine), ''].join('\n');

/** Puts an address on the link. */
export const addressLine = (address: string): string => `address replace ${withBits(address)} dev ${LINK}`;
/** Takes it away. */
export const noAddressLine = (address: string): string => `address delete ${withBits(address)} dev ${LINK}`;

const withBits = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`;

const setComments = ({ sets }: IpvsPlan): string => {
  const what = new Map<SetKey, string>(SETS.map(([key, , text]) => [key, text]));
  return Array.from(sets, ([key, { name, members }]) => `# ${name}: ${what.get(key)}, ${members.size}\n`).join('');
};

const remainderText = (planned: IpvsPlan, options: RuleOptions): string => {
  const { nat, filter } = remainder(planned, options);
  const jumps = (table: BaseJump['table']): string =>
    [`*${table}`, `-N ${CANARY}`, ...jumpsOf(table), 'COMMIT', ''].join('\n');
  return [
    tableText('nat', nat),
    tableText('filter', filter),
    '# Jumps to the chains above. Where they are there already, the next line but one fails ("Chain already exists"), as it is meant to.\n',
    jumps('nat'),
    jumps('filter'),
  ].join('');
};

/** Each is put before the one after it. */
const jumpsOf = (table: BaseJump['table']): string[] =>
  BASE_JUMPS.filter((jump) => jump.table === table)
    .map(jumpLine)
    .reverse();

/** A table's part of the input of iptables-restore. */
export const tableText = (table: string, chains: readonly Chain[]): string => {
  const lines = [`*${table}`, ...chains.map(({ name }) => chainLine(name))];
  for (const { name, rules } of chains) for (const rule of rules) lines.push(ruleLine(name, rule));
  return `${lines.join('\n')}\nCOMMIT\n`;
};

/** Puts a jump before all that is in its chain. */
export const jumpLine = ({ from, rule }: BaseJump): string => `-I ${from}${ruleText(rule)}`;
