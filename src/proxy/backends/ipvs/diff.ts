import { type IpSet, setOptions } from '#netfilter/ipset/ip-set.ts';
import { changeSets, type SavedSet } from '#netfilter/ipset/restore-text.ts';
import { changeVirtualServers, type Retire, removeVirtualServers } from '#netfilter/ipvs/restore-text.ts';
import type { VirtualServer } from '#netfilter/ipvs/virtual-server.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { type IpvsPlan, plan } from './plan.ts';
import { type Remainder, remainder } from './remainder.ts';
import { addressLine, loader, noAddressLine, tableText } from './render.ts';

/** What is in the kernel of what a plan says. */
export interface Known {
  readonly addresses: ReadonlySet<string>;
  readonly sets: ReadonlyMap<string, SavedSet>;
  readonly virtualServers: ReadonlyMap<string, VirtualServer>;
  /** Of the remainder; '' where it has to be written. */
  readonly tables: string;
}

/**
 * Texts for the tools, in the order in which they have to be loaded: what is new first comes into sets and rules, then is served, then gets
 * its addresses; what goes leaves in the other order. '' where there is nothing to do.
 */
export interface Changes {
  readonly sets: string;
  readonly tables: string;
  readonly served: string;
  readonly addressesToAdd: string;
  readonly unserved: string;
  readonly addressesToRemove: string;
}

export const changes = (known: Known, wanted: IpvsPlan, rules: Remainder, retire: Retire): Changes => {
  const tables = tablesText(rules);
  return {
    sets: changeSets(known.sets, wanted.sets.values()),
    tables: tables === known.tables ? '' : tables,
    served: changeVirtualServers(known.virtualServers, wanted.virtualServers.values(), retire),
    addressesToAdd: lines(wanted.addresses, known.addresses, addressLine),
    unserved: removeVirtualServers(known.virtualServers, wanted.virtualServers),
    addressesToRemove: lines(known.addresses, wanted.addresses, noAddressLine),
  };
};

/** The remainder without its jumps: what tells whether it has to be written again. */
export const tablesText = ({ nat, filter }: Remainder): string => tableText('nat', nat) + tableText('filter', filter);

/** What a plan leaves in the kernel. */
export const knownAfter = (planned: IpvsPlan, options: RuleOptions): Known => ({
  addresses: planned.addresses,
  sets: savedSets(planned.sets.values()),
  virtualServers: planned.virtualServers,
  tables: tablesText(remainder(planned, options)),
});

/** What would be loaded, each text under a heading. */
export const diff = (before: ServicePorts, after: ServicePorts, options: RuleOptions): string => {
  const wanted = plan(after, options);
  const texts = changes(knownAfter(plan(before, options), options), wanted, remainder(wanted, options), retirePlanned);
  const { family } = options;
  const parts: readonly (readonly [string, string])[] = [
    [loader('ipset', family), texts.sets],
    [loader('iptables', family), texts.tables],
    [loader('ipvsadm', family), texts.served],
    [loader('addresses', family), texts.addressesToAdd],
    [loader('ipvsadm', family), texts.unserved],
    [loader('addresses', family), texts.addressesToRemove],
  ];
  return parts
    .filter(([, text]) => text !== '')
    .map(([command, text]) => `# loaded by: ${command}\n${text}`)
    .join('\n');
};

/** kube-proxy keeps TCP's real servers while they have connections. Of a plan nobody knows that, so they are shown with weight 0. */
const retirePlanned: Retire = ({ protocol }) => (protocol === 'tcp' ? 'drain' : 'remove');

/** Sets as `ipset save` would tell of them. */
export const savedSets = (sets: Iterable<IpSet>): ReadonlyMap<string, SavedSet> =>
  new Map(Array.from(sets, (set) => [set.name, { name: set.name, options: setOptions(set), members: set.members }]));

const lines = (of: ReadonlySet<string>, without: ReadonlySet<string>, line: (address: string) => string): string =>
  Array.from(of, (address) => (without.has(address) ? '' : `${line(address)}\n`)).join('');
