import type { Chain, Field, NamedSet, Rule, Statement, TableFamily, TableName, Verdict } from './ruleset.ts';

/** `ip kube-proxy` */
export const tableText = (table: TableName): string => `${table.family} ${table.name}`;

/** A rule as nft lists it, so that one that was read compares with one that is planned. */
export const ruleText = (rule: Rule, family: TableFamily): string =>
  rule.map((statement) => statementText(statement, family)).join(' ');

export const verdictText = (verdict: Verdict): string =>
  verdict.kind === 'drop' ? 'drop' : `${verdict.kind} ${verdict.chain}`;

/** The line that makes a chain a base chain; '' for others. */
export const baseText = ({ base }: Chain): string =>
  base === undefined ? '' : `type ${base.type} hook ${base.hook} priority ${base.priority}; policy accept;`;

/** `set NAME { ... }` on lines with this indent. */
export const setText = (set: NamedSet, indent: string): string =>
  `${indent}${set.kind} ${set.name} {\n${set.declaration.map((line) => `${indent}\t${line}\n`).join('')}${indent}}\n`;

/** `chain NAME { ... }` on lines with this indent. */
export const chainText = (chain: Chain, family: TableFamily, indent: string): string => {
  const base = baseText(chain);
  const lines = [...(base === '' ? [] : [base]), ...chain.rules.map((rule) => ruleText(rule, family))];
  return `${indent}chain ${chain.name} {\n${lines.map((line) => `${indent}\t${line}\n`).join('')}${indent}}\n`;
};

/** `ip daddr . meta l4proto . th dport` */
export const keyText = (key: readonly Field[], family: TableFamily): string =>
  key.map((field) => fieldText(field, family)).join(' . ');

const fieldText = (field: Field, family: TableFamily): string => {
  if (typeof field !== 'string') {
    return 'random' in field ? `numgen random mod ${field.random}` : `${field.portOf} dport`;
  }
  switch (field) {
    case 'saddr':
    case 'daddr':
      return `${family} ${field}`;
    case 'protocol':
      return 'meta l4proto';
    case 'dport':
      return 'th dport';
  }
};

const statementText = (statement: Statement, family: TableFamily): string => {
  switch (statement.kind) {
    case 'address':
      return `${family} ${statement.field} ${statement.is ? '' : '!= '}${rangesText(statement.ranges)}`;
    case 'protocol':
      return `meta l4proto ${statement.is}`;
    case 'interface':
      return `iifname ${statement.is ? '' : '!= '}"${statement.name}"`;
    case 'local':
      return `fib ${statement.field} type local`;
    case 'new':
      return 'ct state new';
    case 'translated':
      return statement.is ? 'ct status dnat' : 'ct status ! dnat';
    case 'marked':
      return `meta mark & ${bitText(statement.bit)} != ${bitText(0)}`;
    case 'in':
      return `${keyText(statement.key, family)} ${statement.is ? '' : '!= '}@${statement.set}`;
    case 'set-mark':
      return `meta mark set meta mark | ${bitText(statement.bit)}`;
    case 'clear-mark':
      return `meta mark set meta mark ^ ${bitText(statement.bit)}`;
    case 'remember':
      return `update @${statement.set} { ${family} saddr }`;
    case 'verdict':
      return verdictText(statement.verdict);
    case 'verdict-map':
      return `${keyText(statement.key, family)} vmap @${statement.map}`;
    case 'random-chain':
      return `numgen random mod ${statement.chains.length} vmap { ${statement.chains.map((chain, slot) => `${slot} : goto ${chain}`).join(', ')} }`;
    case 'dnat-map':
      return `dnat ${family} to ${keyText(statement.key, family)} map @${statement.map}`;
    case 'dnat':
      return dnatText(statement.targets, family);
    case 'masquerade':
      return 'masquerade fully-random';
    case 'reject':
      return 'reject';
  }
};

const dnatText = (targets: readonly { address: string; port: number }[], family: TableFamily): string => {
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) {
    return `dnat to ${family === 'ip6' ? `[${only.address}]` : only.address}:${only.port}`;
  }
  const slots = targets.map(({ address, port }, slot) => `${slot} : ${address} . ${port}`);
  return `dnat ${family} to numgen random mod ${targets.length} map { ${slots.join(', ')} }`;
};

const rangesText = (ranges: readonly string[]): string =>
  ranges.length === 1 ? String(ranges[0]) : `{ ${ranges.join(', ')} }`;

const bitText = (bit: number): string => `0x${bit.toString(16).padStart(8, '0')}`;
