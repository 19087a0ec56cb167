import ipaddr from 'ipaddr.js';
import { parseSets } from '#netfilter/ipset/restore-text.ts';
import { byService, parseVirtualServers } from '#netfilter/ipvs/restore-text.ts';
import { type Run, runOrThrow } from '#netfilter/run.ts';
import type { RuleOptions } from '../../rule-options.ts';
import type { Known } from './diff.ts';
import { LINK } from './plan.ts';
import { setNames } from './sets.ts';

/** What the kernel has: of virtual servers those of the family that belong to nobody else. */
export const readKernel = async (run: Run, { family, ipvs }: RuleOptions): Promise<Known> => {
  const names = setNames(family);
  const excluded = (ipvs?.excludeCidrs ?? []).map((range) => ipaddr.parseCIDR(range));
  const isOurs = (text: string): boolean => {
    const address = ipaddr.parse(text);
    const isOfFamily = address.kind() === (family === 'IPv6' ? 'ipv6' : 'ipv4');
    return (
      isOfFamily &&
      !excluded.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))
    );
  };
  return {
    addresses: await linkAddresses(run, family),
    sets: parseSets(await runOrThrow(run, 'ipset', ['save']), (name) => names.has(name)),
    virtualServers: byService(
      parseVirtualServers(await runOrThrow(run, 'ipvsadm', ['--save', '-n'])).filter(({ address }) => isOurs(address)),
    ),
    tables: '',
  };
};

/** None where there is no such link. */
const linkAddresses = async (run: Run, family: RuleOptions['family']): Promise<ReadonlySet<string>> => {
  const { stdout } = await run('ip', ['-o', family === 'IPv6' ? '-6' : '-4', 'address', 'show', 'dev', LINK]);
  const addresses = new Set<string>();
  for (const [, address = ''] of stdout.matchAll(/ inet6? ([0-9a-f.:]+)\/\d+ /g))
    if (!address.startsWith('fe80:')) addresses.add(address);
  return addresses;
};
