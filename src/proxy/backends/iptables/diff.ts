import { chainLine } from '#netfilter/iptables/text.ts';
import { isLargeCluster } from '../../model/large-cluster.ts';
import type { ServicePort, ServicePorts } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import type { BlockOptions, SharedChain } from './plan.ts';
import { countLines, sortedKeys, type WrittenService, writeService } from './service-lines.ts';

/**
 * The way from one rule set to another as input of `iptables-restore --noflush`, with as few lines as can be: rules of shared chains go and come
 * one by one, at their places; chains of a ServicePort are written whole where one of their rules differs. '' where nothing differs.
 */
export const diffRules = (before: ServicePorts, after: ServicePorts, options: RuleOptions): string => {
  const keys = sortedKeys(new Map([...before, ...after]));
  const write = (services: ServicePorts): ((service: ServicePort | undefined) => WrittenService) => {
    const blockOptions: BlockOptions = { ...options, isLarge: isLargeCluster(services) };
    return (service) => (service === undefined ? NOTHING : writeService(service, blockOptions));
  };
  const [writeBefore, writeAfter] = [write(before), write(after)];
  const changes = keys.map((key) => ({ before: writeBefore(before.get(key)), after: writeAfter(after.get(key)) }));
  const own = ownChains(changes);
  const filter = SHARED.filter.flatMap((chain) => sharedLines(chain, changes));
  const nat = SHARED.nat.flatMap((chain) => sharedLines(chain, changes));
  return tableText('filter', filter) + tableText('nat', [...own.made, ...own.rules, ...nat, ...own.removed]);
};

interface ServiceChange {
  readonly before: WrittenService;
  readonly after: WrittenService;
}

const NOTHING: WrittenService = { lines: { shared: {}, chains: [], count: { own: 0, nat: 0, filter: 0 } }, rules: [] };

const SHARED = {
  filter: [
    'filter/KUBE-NODEPORTS',
    'filter/KUBE-SERVICES',
    'filter/KUBE-EXTERNAL-SERVICES',
    'filter/KUBE-PROXY-FIREWALL',
  ],
  nat: ['nat/KUBE-NODEPORTS', 'nat/KUBE-SERVICES'],
} as const satisfies Record<string, readonly SharedChain[]>;

/** First all that goes, then what comes, each at the place that it has in the end. */
const sharedLines = (key: SharedChain, changes: readonly ServiceChange[]): string[] => {
  const removed: string[] = [];
  const added: string[] = [];
  let place = 1;
  for (const { before, after } of changes) {
    const [old = '', now = ''] = [before.lines.shared[key], after.lines.shared[key]];
    if (old !== now) {
      removed.push(...linesOf(old).map((line) => line.replace(/^-A/, '-D')));
      linesOf(now).forEach((line, index) => {
        added.push(line.replace(/^-A (\S+)/, `-I $1 ${place + index}`));
      });
    }
    place += countLines(now);
  }
  return [...removed, ...added];
};

/** Own chains that are made or written anew, their rules, and those that go. */
const ownChains = (changes: readonly ServiceChange[]): Record<'made' | 'rules' | 'removed', string[]> => {
  const made: string[] = [];
  const rules: string[] = [];
  const gone: string[] = [];
  for (const { before, after } of changes) {
    const old = new Map(before.lines.chains.map((name, index) => [name, before.rules[index]]));
    after.lines.chains.forEach((name, index) => {
      const isSame = old.get(name) === after.rules[index];
      old.delete(name);
      if (isSame) return;
      made.push(chainLine(name));
      rules.push(...linesOf(after.rules[index] ?? ''));
    });
    gone.push(...old.keys());
  }
  return { made: [...made, ...gone.map(chainLine)], rules, removed: gone.map((name) => `-X ${name}`) };
};

const tableText = (table: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `*${table}\n${lines.join('\n')}\nCOMMIT\n`;

const linesOf = (text: string): string[] => (text === '' ? [] : text.trimEnd().split('\n'));
