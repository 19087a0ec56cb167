import type { Chain } from '#netfilter/iptables/rule.ts';
import { chainLine } from '#netfilter/iptables/text.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { CANARY } from './chain-names.ts';
import { filterFrame, natFrame } from './frame.ts';
import type { SharedChain } from './plan.ts';
import { chainLines, ruleLines, type ServiceLines, type WrittenService } from './service-lines.ts';

/** What one run of iptables-restore is to do. */
export interface RestoreParts {
  readonly options: RuleOptions;
  /** All that is wanted, in order: shared chains are written whole each time. */
  readonly services: readonly ServiceLines[];
  /** Those whose own chains are written. */
  readonly written: readonly WrittenService[];
  /** Chains to remove. */
  readonly stale: Readonly<Record<'filter' | 'nat', readonly string[]>>;
  /** Lines that set jumps in built-in chains right. */
  readonly jumps: Readonly<Record<'filter' | 'nat', readonly string[]>>;
  /** Makes the canaries, too. */
  readonly isFull: boolean;
  /** Further chains of the table filter, to be made. */
  readonly missing?: readonly Chain[];
  /** What a chain is for, as lines of comment that come before its rules. */
  readonly explain?: (table: 'filter' | 'nat', chain: string) => string;
}

/** Input of `iptables-restore --noflush`: the table filter first, as kube-proxy does it. In pieces, as it may be long. */
export function* restoreInput(parts: RestoreParts): Generator<string> {
  if (parts.isFull) yield `*mangle\n${chainLines([CANARY])}COMMIT\n`;
  yield* tableInput('filter', [...filterFrame(parts.options), ...(parts.missing ?? [])], [], parts);
  yield* tableInput('nat', natFrame(parts.options), parts.written, parts);
}

function* tableInput(
  table: 'filter' | 'nat',
  frame: readonly Chain[],
  written: readonly WrittenService[],
  { services, stale, jumps, isFull, explain }: RestoreParts,
): Generator<string> {
  yield `*${table}\n${chainLines(frame.map(({ name }) => name))}`;
  if (isFull) yield chainLines([CANARY]);
  // By name: iptables-nft keeps chains in that order, and puts one in between with a search from the end. 5,000 Services load in half the time.
  yield* pieces(written.flatMap(({ lines }) => lines.chains).sort(), (chain) => `${chainLine(chain)}\n`);
  yield chainLines(stale[table]);
  for (const { name, rules } of frame) {
    if (explain !== undefined) yield explain(table, name);
    const key = `${table}/${name}` as SharedChain;
    yield* pieces(services, ({ shared }) => shared[key] ?? '');
    yield ruleLines(name, rules);
  }
  yield* pieces(written, ({ rules }) => rules.join(''));
  yield lines(jumps[table]);
  yield lines(stale[table].map((name) => `-X ${name}`));
  yield 'COMMIT\n';
}

/** Enough for one write to a pipe. */
const PIECE = 64 * 1024;

/** Texts of a list, a piece at a time. */
function* pieces<T>(list: readonly T[], textOf: (item: T) => string): Generator<string> {
  let piece: string[] = [];
  let length = 0;
  for (const item of list) {
    const text = textOf(item);
    if (text === '') continue;
    piece.push(text);
    length += text.length;
    if (length < PIECE) continue;
    yield piece.join('');
    piece = [];
    length = 0;
  }
  yield piece.join('');
}

const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('');
