import type { Chain, Frame, NamedSet } from '#netfilter/nft/ruleset.ts';
import { chainText, setText, tableText } from '#netfilter/nft/text.ts';
import type { ServicePort } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { ElementCommands, replaceTable, type Transaction } from './commands.ts';
import { frameElements, frameOf, type Layout, numberChain } from './frame.ts';
import { type Block, ownElements, planBlock } from './plan.ts';

export interface RenderStyle {
  /** Elements say in a comment whose they are. */
  readonly isNamed?: boolean;
  /** Comments say what sets and chains are for. */
  readonly isExplained?: boolean;
  /** Told of each block. */
  readonly onBlock?: (block: Block) => void;
}

/** The whole table as one transaction, which leaves nothing of one that was there before. */
export const renderTable = (
  ports: Iterable<ServicePort>,
  options: RuleOptions,
  layout: Layout,
  style: RenderStyle = {},
): Transaction => {
  const frame = frameOf(options, layout);
  const chains: Chain[] = [];
  const sets: NamedSet[] = [];
  const numberChains = new Set<string>();
  const shared = new Set<string>();
  const elements = new ElementCommands('add', frame.table, frame.sets);
  for (const element of frameElements(options)) elements.add(element, style.isNamed ? 'this node' : '');
  for (const port of ports) {
    const note = style.isNamed ? port.label : '';
    const block = planBlock(port, options, layout);
    style.onBlock?.(block);
    for (const element of ownElements(block)) elements.add(element, note);
    for (const element of block.sharedElements) {
      const id = `${element.set} ${element.key}`;
      if (shared.has(id)) continue;
      shared.add(id);
      elements.add(element, note);
    }
    for (const name of block.numberChains) numberChains.add(name);
    chains.push(...block.chains);
    sets.push(...block.sets);
  }
  const forNumbers = [...numberChains].sort(byFormAndNumber).map((name) => numberChain(name, options));
  const text = [
    style.isExplained ? explanation(layout) : '',
    replaceTable(frame),
    ...tableBlock(frame, { sets, chains: [...forNumbers, ...chains], forNumbers: forNumbers.length }, style),
    ...elements.finish(),
  ].filter((piece) => piece !== '');
  const rules = [...frame.chains, ...forNumbers, ...chains].reduce((sum, chain) => sum + chain.rules.length, 0);
  return { text, size: rules + elements.count };
};

interface OwnParts {
  readonly sets: readonly NamedSet[];
  readonly chains: readonly Chain[];
  /** How many of the chains are for numbers of endpoints; they come first. */
  readonly forNumbers: number;
}

function* tableBlock(frame: Frame, own: OwnParts, { isExplained = false }: RenderStyle): Iterable<string> {
  const about = (text: string | undefined): string => (isExplained && text !== undefined ? `\t# ${text}\n` : '');
  const { family } = frame.table;
  yield `table ${tableText(frame.table)} {\n\tcomment "${frame.comment}"\n\n`;
  // Maps of one kind stand together, one a protocol: one comment is for all of them.
  for (const [index, set] of frame.sets.entries()) {
    const isSame = set.about === frame.sets[index - 1]?.about;
    yield about(isSame ? undefined : set.about) + setText(set, '\t');
  }
  yield about(own.sets.length > 0 ? 'clients that stay with an endpoint' : undefined);
  for (const set of own.sets) yield setText(set, '\t');
  for (const chain of frame.chains) yield `\n${about(chain.about)}${chainText(chain, family, '\t')}`;
  for (const [index, chain] of own.chains.entries()) {
    const text =
      index === 0 && own.forNumbers > 0
        ? 'one chain for each number of endpoints'
        : index === own.forNumbers
          ? 'chains of single Services'
          : undefined;
    yield `\n${about(text)}${chainText(chain, family, '\t')}`;
  }
  yield '}\n\n';
}

const byFormAndNumber = (a: string, b: string): number => {
  const split = (name: string): readonly [string, number] => {
    const at = name.lastIndexOf('-');
    return [name.slice(0, at), Number(name.slice(at + 1))];
  };
  const [formA, numberA] = split(a);
  const [formB, numberB] = split(b);
  return formA === formB ? numberA - numberB : formA < formB ? -1 : 1;
};

const explanation = (layout: Layout): string =>
  (layout === 'map-only' ? MAP_ONLY : PER_SERVICE).map((line) => `# ${line}\n`.replace('# \n', '#\n')).join('');

const COMMON = [
  '',
  'Before DNAT: firewall-check drops what source ranges do not allow.',
  'DNAT: services marks whom replies could not reach else, and looks up what was asked.',
  'Filter: what had no endpoint is rejected or dropped, and so is what no Service took.',
  'Behind: masquerading hides marked clients, and endpoints that were sent to themselves.',
];

const MAP_ONLY = [
  'Rules are the same for all Services; a Service is elements of maps.',
  'service-ips and service-nodeports lead to a chain for the number of endpoints, which takes a random slot;',
  'the endpoint is what endpoints-tcp, -udp or -sctp has for address, port and slot.',
  'Services whose clients stay with an endpoint have chains of their own.',
  ...COMMON,
];

const PER_SERVICE = ['Each Service has chains, which service-ips and service-nodeports lead to.', ...COMMON];
