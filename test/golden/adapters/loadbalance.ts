/** `loadbalance`: its directive, its orders and its weight file. */

import { parseCorefile } from '#corefile/parser.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import { addressText } from '#dns/address.ts';
import { nameFromText, textFromName } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { recordFromText, recordToText } from '#dns/record-text.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { Answer } from '#plugin/index.ts';
import { setupPlugin, testQuery } from '#plugin/testing.ts';
import definition from '#plugins/loadbalance/index.ts';
import { readOptions } from '#plugins/loadbalance/options.ts';
import { preferSubnets } from '#plugins/loadbalance/prefer.ts';
import { roundRobin } from '#plugins/loadbalance/round-robin.ts';
import { readSubnet, type Subnet } from '#plugins/loadbalance/subnet.ts';
import { topByWeight } from '#plugins/loadbalance/weighted.ts';
import { readWeights, type Weights } from '#plugins/loadbalance/weights.ts';
import type { Adapter } from '../adapter.ts';
import { checkSetup, differs, type Row, replayTables, type Verdict } from '../row-checks.ts';

const records = (texts: unknown): ResourceRecord[] => (texts as string[]).map((text) => recordFromText(text));

/** How many CNAME, address and MX records there are, and whether they stand in this order. */
const countOf = (section: readonly ResourceRecord[]): readonly [number, number, number, boolean] => {
  const rank = ({ type }: ResourceRecord): number =>
    type === RR_TYPE.CNAME ? 0 : type === RR_TYPE.MX ? 2 : type === RR_TYPE.A || type === RR_TYPE.AAAA ? 1 : 3;
  const ranks = section.map(rank);
  const count = (of: number): number => ranks.filter((each) => each === of).length;
  return [count(0), count(1), count(2), ranks.every((each, i) => i === 0 || (ranks[i - 1] as number) <= each)];
};

const expectedCounts = (row: Row): unknown => [
  [row.cnameAnswer, row.addressAnswer, row.mxAnswer, true],
  [row.cnameExtra, row.addressExtra, row.mxExtra, true],
];

const layer = (type: string, reply: Answer): Answer => {
  const { instance } = setupPlugin(definition, 'loadbalance');
  return instance?.handle?.(testQuery('region2.skydns.test.', type), () => reply) as Answer;
};

/** Subnets of the table before, and records of the one after it: the test's own records are these in another order. */
const SUBNETS = ['2001:db8::/32', '10.9.20.0/24', '10.9.30.0/24'].map((text) => readSubnet(text) as Subnet);
const UNSORTED = [
  '10.9.30.1',
  '10.9.20.5',
  '192.168.1.2',
  '10.10.0.1',
  '10.9.20.3',
  '172.16.0.1',
  '2001:db8::1',
  '2001:db8:abcd::1',
  'fd00::1',
].map((address) => `example.org. 300 IN ${address.includes(':') ? 'AAAA' : 'A'} ${address}`);

interface WeightRow {
  readonly address: string;
  readonly value: number;
}

const weightsOf = (domains: unknown): Weights =>
  new Map(
    Object.entries(domains as Record<string, WeightRow[]>).map(([name, list]) => [
      nameFromText(name),
      new Map(list.map(({ address, value }) => [address, value])),
    ]),
  );

const topOf = (section: readonly ResourceRecord[]): string => {
  const top = section.find(({ type }) => type === RR_TYPE.A || type === RR_TYPE.AAAA);
  return top === undefined ? '' : addressText(top.rdata);
};

const checks = {
  TestLoadBalanceRandom: (row: Row): Verdict => {
    const reply = layer('SRV', new Answer({ answer: records(row.answer), additional: records(row.extra) }));
    return differs([countOf(reply.answer), countOf(reply.additional)], expectedCounts(row));
  },
  TestLoadBalanceXFR: (type: number): Verdict => {
    const answer = records(['a.test. 30 IN A 10.0.0.1', 'a.test. 30 IN A 10.0.0.2', 'b.test. 30 IN CNAME a.test.']);
    const reply = new Answer({ answer });
    return layer(`TYPE${type}`, reply) === reply ? null : 'a transfer was reordered';
  },
  TestRoundRobinDoesNotMutateInput: ([, texts]: readonly [string, string[]]): Verdict => {
    const section = records(texts);
    const before = section.slice();
    let seed = 1;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (let i = 0; i < 50; i++) if (roundRobin(section, random).length !== section.length) return 'records were lost';
    return section.every((record, i) => record === before[i]) ? null : 'the input was reordered';
  },
  TestSortPreferred: (row: string, index: number): Verdict => {
    if (!row.includes(' ')) return differs(readSubnet(row), SUBNETS[index]);
    const sorted = preferSubnets(records([...UNSORTED, 'example.org. 300 IN CNAME alias.example.org.']), SUBNETS);
    return differs(recordToText(sorted[index] as ResourceRecord), recordToText(recordFromText(row)));
  },
  TestLoadBalanceWRR: (row: Row): Verdict => {
    const weights = weightsOf(row.domains);
    for (const { randv, topIP } of row.queries as { randv: number; topIP: string }[]) {
      const random = (): number => (randv + 0.5) / Math.max(1, row.sumWeights as number);
      const answer = topByWeight(records(row.answer), weights, random);
      const extra = topByWeight(records(row.extra), weights, random);
      const hasExtra = (row.extra as unknown[]).length > 0;
      const tops = differs([topOf(answer), hasExtra ? topOf(extra) : topIP], [topIP, topIP]);
      const counts = differs(
        [countOf(answer), countOf(extra)].map(([cname, address, mx]) => [cname, address, mx]),
        (expectedCounts(row) as unknown[][]).map((each) => each.slice(0, 3)),
      );
      if (tops !== null || counts !== null) return tops ?? counts;
    }
    return null;
  },
  TestWeightFileUpdate: ({ weightFilContent, shouldErr, expectedDomains, expectedErrContent }: Row): Verdict => {
    try {
      const weights = readWeights(weightFilContent as string, 'wfile');
      if (shouldErr === true) return 'no error';
      const found = [...weights].map(([name, list]) => [
        textFromName(name),
        [...list].map(([address, value]) => ({ address, value })),
      ]);
      return differs(Object.fromEntries(found), expectedDomains);
    } catch (error) {
      const { message } = error as Error;
      return shouldErr === true && message.includes(expectedErrContent as string) ? null : message;
    }
  },
  TestSetup: ({ input, shouldErr, expectedPolicy, expectedErrContent }: Row): Verdict => {
    const verdict = checkSetup(definition, input as string, shouldErr as boolean, expectedErrContent as string);
    if (verdict === null || typeof verdict === 'string' || 'notApplicable' in verdict) return verdict;
    const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${input}\n}\n` });
    const { weights } = readOptions(corefile.blocks[0]?.directives[0] as Directive, new Faults());
    return differs(weights === null ? 'round_robin' : 'weighted', expectedPolicy);
  },
};

const adapter: Adapter = {
  files: ['loadbalance.json', 'loadbalance-setup.json'],
  replay: (file, data) => replayTables(file, data, checks),
};
export default adapter;
