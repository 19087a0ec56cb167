import { createHash } from 'node:crypto';
import { ADDRESSES, FALLBACK_FLOWS, FIRST_ZONE, nftFamily, PERMANENT_TABLE, PRIORITIES } from './names.ts';
import type { Plan } from './plan.ts';

/** Number of this layout: a table of a later one is left alone. */
export const LAYOUT = 1;

/** So long without a segment, and a TCP connection of the fallback goes to the cache. */
const FLOW_TIMEOUT = '2m';
/** An element takes some 200 octets of the kernel. */
const FLOW_LIMIT = 65_536;

/** Of UDP: 8 octets, and a DNS header without a question. No client's query is so short. */
const OWN_QUERY_LENGTH = 20;

/** Text of the permanent table, in the words in which nft lists it. */
export const permanentText = (plan: Plan): string => {
  const body = [...sets(plan), ...chains(plan)].join('\n\n');
  const table = `table ${nftFamily(plan.family)} ${PERMANENT_TABLE}`;
  return `${table} {\n\tcomment "${commentOf(plan, body)}"\n\n${body}\n}\n`;
};

/** The table's comment: by its second number an instance knows what it wrote from what another one did. */
const commentOf = ({ family }: Plan, body: string): string => {
  const digest = createHash('sha256').update(`${family}\n${body}`).digest('hex').slice(0, 12);
  return `node-local DNS cache, layout ${LAYOUT}, rules ${digest}`;
};

/** What the comment of a table says; null where it is none of ours. */
export const readComment = (line: string): { readonly layout: number; readonly rules: string } | null => {
  const [, layout, rules = ''] = /layout (\d+), rules ([0-9a-f]+)/.exec(line) ?? [];
  return layout === undefined ? null : { layout: Number(layout), rules };
};

const sets = ({ family, addresses }: Plan): readonly string[] => {
  const type = `ipv${family}_addr`;
  return [
    block(`set ${ADDRESSES}`, [`type ${type}`, `elements = { ${addresses.map(({ address }) => address).join(', ')} }`]),
    block(`set ${FALLBACK_FLOWS}`, [
      `type ${type} . inet_service . ${type}`,
      `size ${FLOW_LIMIT}`,
      'flags dynamic,timeout',
      `timeout ${FLOW_TIMEOUT}`,
    ]),
  ];
};

const chains = (plan: Plan): readonly string[] => {
  const { dnsPort, healthPort } = plan;
  const ip = nftFamily(plan.family);
  const flow = `{ ${ip} saddr . tcp sport . ${ip} daddr }`;
  const toUs = (hook: string): string => `${dnsPacket('dport', dnsPort)} ${ip} daddr @${ADDRESSES} ${hook}`;
  // What this machine sends elsewhere needs another route, which only this type of chain looks for.
  const base = (hook: 'prerouting' | 'output', priority: number): string =>
    `type ${hook === 'output' ? 'route' : 'filter'} hook ${hook} priority ${priority}; policy accept;`;
  const known = `tcp dport ${dnsPort} tcp flags != syn / syn,ack ${ip} daddr @${ADDRESSES} ${flow.slice(2, -2)} @${FALLBACK_FLOWS} update @${FALLBACK_FLOWS} ${flow} goto fallback`;
  const replies = replyRules(plan);
  return [
    block('chain flows-prerouting', [base('prerouting', PRIORITIES.flows), known]),
    block('chain flows-output', [base('output', PRIORITIES.flows), known]),
    block('chain prerouting', [base('prerouting', PRIORITIES.decision), toUs('goto query')]),
    block('chain output', [
      base('output', PRIORITIES.decision),
      toUs('goto query'),
      `${dnsPacket('sport', dnsPort)} ${ip} saddr @${ADDRESSES} notrack`,
      `tcp dport ${healthPort} ${ip} daddr @${ADDRESSES} notrack`,
      `tcp sport ${healthPort} ${ip} saddr @${ADDRESSES} notrack`,
    ]),
    block('chain query', [
      // A client may use a port again.
      `ct state untracked tcp flags syn / syn,ack delete @${FALLBACK_FLOWS} ${flow}`,
      'ct state untracked accept',
      `udp length ${OWN_QUERY_LENGTH} notrack accept`,
      ...nowhere(plan).map((what) => `${ip} ${what} notrack accept`),
      // Not its SYN alone: connections from before this table are kept, too.
      `update @${FALLBACK_FLOWS} ${flow}`,
      'goto fallback',
    ]),
    block('chain fallback', fallbackRules(plan)),
    ...markChains(plan),
    ...(replies.length === 0
      ? []
      : [
          block('chain input', [
            `type filter hook input priority ${PRIORITIES.inputReply}; policy accept;`,
            ...replies,
          ]),
          block('chain postrouting', [
            `type filter hook postrouting priority ${PRIORITIES.postroutingReply}; policy accept;`,
            ...replies,
          ]),
        ]),
    // The kernel gives a packet to an address of this machine that very address as its source; from elsewhere nothing would come back to it.
    block('chain own-queries', [
      `type nat hook postrouting priority ${PRIORITIES.masquerade}; policy accept;`,
      `${ip} saddr @${ADDRESSES} oifname != "lo" masquerade`,
    ]),
  ];
};

const fallbackRules = (plan: Plan): readonly string[] => {
  const ip = nftFamily(plan.family);
  const rewrites = rewritten(plan).map((address, n) => {
    const remember = plan.hasZones
      ? `ct original zone set ${FIRST_ZONE + n}`
      : `meta mark set meta mark | ${hex(plan.markBit)}`;
    return `${ip} daddr ${address} ${remember} ${ip} daddr set ${plan.fallback} accept`;
  });
  // A packet that has a zone already is tracked, whoever says notrack later.
  return plan.hasZones ? [...rewrites, 'ct original zone set 0'] : rewrites;
};

/** Without zones: the packet's mark becomes that of its flow, as soon as there is a flow. */
const markChains = (plan: Plan): readonly string[] => {
  if (plan.hasZones || rewritten(plan).length === 0) return [];
  const { markBit } = plan;
  const rule = `meta mark & ${hex(markBit)} != ${hex(0)} ct mark set ct mark | ${hex(markBit)} meta mark set meta mark & ${hex(~markBit)}`;
  return ['prerouting', 'output'].map((hook) =>
    block(`chain marks-${hook}`, [`type filter hook ${hook} priority ${PRIORITIES.marks}; policy accept;`, rule]),
  );
};

const replyRules = (plan: Plan): readonly string[] => {
  const ip = nftFamily(plan.family);
  return rewritten(plan).map((address, n) => {
    const flow = plan.hasZones ? `ct original zone ${FIRST_ZONE + n}` : `ct mark & ${hex(plan.markBit)} != ${hex(0)}`;
    return `ct direction reply ${flow} ${ip} saddr ${plan.fallback} ${ip} saddr set ${address}`;
  });
};

const hex = (bits: number): string => `0x${(bits >>> 0).toString(16).padStart(8, '0')}`;

const rewritten = ({ addresses }: Plan): readonly string[] =>
  addresses.filter(({ elsewhere }) => elsewhere === 'fallback').map(({ address }) => address);

const nowhere = ({ addresses }: Plan): readonly string[] =>
  addresses.filter(({ elsewhere }) => elsewhere === 'nowhere').map(({ address }) => `daddr ${address}`);

const dnsPacket = (field: 'sport' | 'dport', port: number): string => `meta l4proto { 6, 17 } th ${field} ${port}`;

const block = (head: string, lines: readonly string[]): string =>
  `\t${head} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}`;
