import type { Match, Rule, Target } from './rule.ts';

/** A chain's line in a text for iptables-restore: with `--noflush` it makes the chain, or empties it. */
export const chainLine = (chain: string): string => `:${chain} - [0:0]`;

/** A rule as one line that adds it to the end of a chain. */
export const ruleLine = (chain: string, rule: Rule): string => `-A ${chain}${ruleText(rule)}`;

/** What stands behind the chain's name, a blank first; '' for a rule that says nothing. */
export const ruleText = ({ matches, target }: Rule): string => {
  let text = '';
  for (const match of matches) text += ` ${matchText(match)}`;
  return target.kind === 'none' ? text : `${text} -j ${targetText(target)}`;
};

const matchText = (match: Match): string => {
  switch (match.kind) {
    case 'comment':
      return `-m comment --comment ${commentText(match.text)}`;
    case 'protocol':
      return match.isNamed ? `-m ${match.protocol} -p ${match.protocol}` : `-p ${match.protocol}`;
    case 'source':
      return `${not(match)}-s ${match.range}`;
    case 'destination':
      return `${not(match)}-d ${match.range}`;
    case 'source-port':
      return `--sport ${match.port}`;
    case 'destination-port':
      return `--dport ${match.port}`;
    case 'in-interface':
      return `${not(match)}-i ${match.name}`;
    case 'local-address':
      return `-m addrtype ${not(match)}--${match.side}-type LOCAL`;
    case 'conntrack':
      return `-m conntrack ${not(match)}--ctstate ${match.states.join(',')}`;
    case 'mark':
      return `-m mark ${not(match)}--mark ${hex(match.value)}/${hex(match.mask)}`;
    case 'random':
      return `-m statistic --mode random --probability ${match.probability.toFixed(10)}`;
    case 'recent-set':
      return `-m recent --name ${match.list} --set`;
    case 'recent-check':
      return `-m recent --name ${match.list} --rcheck --seconds ${match.seconds} --reap`;
    case 'nfacct':
      return `-m nfacct --nfacct-name ${match.counter}`;
    case 'length':
      return `-m length --length ${match.octets}`;
    case 'set':
      return `-m set ${not(match)}--match-set ${match.set} ${match.directions.join(',')}`;
    case 'virtual-server':
      return `-m ipvs --vaddr ${match.address} --vproto ${match.protocol} --vport ${match.port}`;
  }
};

const targetText = (target: Exclude<Target, { kind: 'none' }>): string => {
  switch (target.kind) {
    case 'jump':
      return target.chain;
    case 'accept':
    case 'drop':
    case 'reject':
    case 'return':
      return target.kind.toUpperCase();
    case 'notrack':
      return target.isAsCt ? 'CT --notrack' : 'NOTRACK';
    case 'masquerade':
      return target.isFullyRandom ? 'MASQUERADE --random-fully' : 'MASQUERADE';
    case 'dnat':
      return `DNAT --to-destination ${destinationText(target.address, target.port)}`;
    case 'mark':
      return `MARK --${target.operation}-mark ${hex(target.value)}`;
  }
};

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export const destinationText = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

const not = ({ isNot }: { readonly isNot: boolean }): string => (isNot ? '! ' : '');

const hex = (value: number): string => `0x${value.toString(16)}`;

/** xt_comment has room for 255 octets. */
const MAX_COMMENT = 255;
const PLAIN = /^[\w./:[\]-]+$/;

/** Names come from a cluster or from files, so what could end the line or the quotes is taken out of them. */
const commentText = (text: string): string => {
  if (PLAIN.test(text) && text.length <= MAX_COMMENT) return text;
  const printable = text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_COMMENT);
  return `"${printable.replace(/["\\]/g, '\\$&')}"`;
};
