import { linesOf, readRule } from '#netfilter/iptables/read-save.ts';
import type { Rule } from '#netfilter/iptables/rule.ts';
import { ruleText } from '#netfilter/iptables/text.ts';
import { COMMENT_START, meaningOf, type OwnRule, type RuleTable } from './own-rules.ts';

/** A rule of node-cache's that is in the kernel. */
export interface LiveRule {
  readonly table: RuleTable;
  /** As it was saved. */
  readonly line: string;
  readonly meaning: string;
  /** The comment is that of node-cache, and so is the name of the target. */
  readonly isExact: boolean;
}

/** Which rules are node-cache's: by their meaning, or by the comment alone. */
export type IsOurs = (meaning: string, comment: string | null) => boolean;

/** Those with these meanings: with node-cache's comment, or without any, as older ones wrote them. What has another comment is somebody else's. */
export const ofMeanings = (rules: readonly OwnRule[]): IsOurs => {
  const meanings = new Set(rules.map(({ table, chain, rule }) => meaningOf(table, chain, rule)));
  return (meaning, comment) => meanings.has(meaning) && (comment === null || comment.startsWith(COMMENT_START));
};

/** The same, and all that have node-cache's comment. */
export const ofMeaningsOrComment = (rules: readonly OwnRule[]): IsOurs => {
  const isOurs = ofMeanings(rules);
  return (meaning, comment) => comment?.startsWith(COMMENT_START) === true || isOurs(meaning, comment);
};

/** node-cache's rules in what `iptables-save` says, in its order. */
export const readLiveRules = (save: string, isOurs: IsOurs): readonly LiveRule[] => {
  const found: LiveRule[] = [];
  let table = '';
  for (const line of linesOf(save)) {
    if (line.startsWith('*')) table = line.slice(1);
    if ((table !== 'raw' && table !== 'filter') || !POSSIBLE.test(line)) continue;
    const rule = tryRead(line);
    if (rule === null) continue;
    const meaning = meaningOf(table, line.split(' ', 2)[1] ?? '', rule);
    const comment = commentOf(rule);
    const isExact = comment !== null && !(rule.target.kind === 'notrack' && rule.target.isAsCt);
    if (isOurs(meaning, comment)) found.push({ table, line, meaning, isExact });
  }
  return found;
};

const POSSIBLE = /^-A (?:PREROUTING|INPUT|OUTPUT) .*-j (?:NOTRACK|CT --notrack|ACCEPT)/;

/** null for one with tests that ours never have. */
const tryRead = (line: string): Rule | null => {
  try {
    return readRule(line);
  } catch {
    return null;
  }
};

const commentOf = ({ matches }: Rule): string | null => {
  const found = matches.find((match) => match.kind === 'comment');
  return found?.kind === 'comment' ? found.text : null;
};

/** What has to be done to come to the wanted rules. */
export interface Difference {
  readonly missing: readonly OwnRule[];
  /** Duplicates, other spellings, and what is not wanted now. */
  readonly surplus: readonly LiveRule[];
}

/**
 * Compares by meaning. `isStrict`: a rule without its comment, or with `CT --notrack` in place of `NOTRACK`, is not what is wanted; else one such rule will do,
 * as some versions save their own rules so.
 */
export const differenceOf = (
  live: readonly LiveRule[],
  wanted: readonly OwnRule[],
  { isStrict }: { readonly isStrict: boolean },
): Difference => {
  const left = [...live].sort((a, b) => Number(b.isExact) - Number(a.isExact));
  const missing = wanted.filter(({ table, chain, rule }) => {
    const meaning = meaningOf(table, chain, rule);
    const at = left.findIndex((each) => each.meaning === meaning && (each.isExact || !isStrict));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return { missing, surplus: live.filter((each) => left.includes(each)) };
};

/**
 * Input of `iptables-restore --noflush` that takes out all that is there and puts in all that is wanted, so that the order is that of node-cache whatever was
 * there. A table is changed in one step; between the two, packets that nobody tracks are accepted already, or still.
 */
export const rewriteText = (live: readonly LiveRule[], wanted: readonly OwnRule[]): string => {
  const tables: readonly RuleTable[] = wanted.length > 0 ? ['filter', 'raw'] : ['raw', 'filter'];
  let text = '';
  for (const table of tables) {
    const lines = [
      ...live.filter((each) => each.table === table).map(({ line }) => line.replace(/^-A/, '-D')),
      ...wanted.filter((each) => each.table === table).map(({ chain, rule }) => `-I ${chain}${ruleText(rule)}`),
    ];
    if (lines.length > 0) text += `*${table}\n${lines.join('\n')}\nCOMMIT\n`;
  }
  return text;
};
