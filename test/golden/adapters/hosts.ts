/** `hosts`: its directive, its file and what it answers. */

import { parseCorefile } from '#corefile/parser.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import { addressFromText, addressText } from '#dns/address.ts';
import { nameFromText, textFromName } from '#dns/name.ts';
import { recordFromText, recordToText } from '#dns/record-text.ts';
import { rcodeNumber } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { Log } from '#log/log.ts';
import { Answer, type Handler, type Reply } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testQuery } from '#plugin/testing.ts';
import { HostTable, wildcardOf } from '#plugins/hosts/host-table.ts';
import definition from '#plugins/hosts/index.ts';
import { type HostsOptions, readOptions } from '#plugins/hosts/options.ts';
import type { Adapter } from '../adapter.ts';
import { checkSetup, differs, type Row, replayTables, type Verdict } from '../row-checks.ts';

const ROOT_ZONE = [nameFromText('.')];

/** The lines of CoreDNS's own test, which stand in its code. */
const EXAMPLE = [
  '127.0.0.1 localhost localhost.domain',
  '::1 localhost localhost.domain',
  '10.0.0.1 example.org',
  '::FFFF:10.0.0.2 example.com',
  '10.0.0.3 fallthrough-example.org',
  '1.2.3.4 aa.example.com',
  '5.6.7.8 *.apps.example.com',
];
const WILDCARDS = [
  '127.0.0.53 *.example.org',
  '127.0.1.52 *.intern.example.org',
  '127.0.0.54 foo.example.org',
  '192.168.33.10 *.example.com',
  '192.168.33.11 a.example.com',
  '192.168.33.12 b.example.com',
];

const PASSED_ON = new Answer({ rcode: 5 });

/** A layer over `/dev/null` and these lines. */
const layerOf = (lines: readonly string[], options: readonly string[] = []): Handler => {
  const { instance } = setupPlugin(definition, `hosts /dev/null {\n${[...lines, ...options].join('\n')}\n}`);
  if (instance?.handle === undefined) throw new Error('hosts has no layer');
  return instance.handle;
};

const tableOf = (text: string): HostTable =>
  new HostTable(text.split('\n'), { zones: ROOT_ZONE, ttlSeconds: 3600, hasReverse: true }, () => undefined);

const addressesOf = (table: HostTable, name: string): Record<string, string[]> => ({
  v4: table.records(nameFromText(name), RR_TYPE.A).map(({ rdata }) => addressText(rdata)),
  v6: table.records(nameFromText(name), RR_TYPE.AAAA).map(({ rdata }) => addressText(rdata)),
});

const optionsOf = (stanza: string): HostsOptions => {
  const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
  const directive = corefile.blocks[0]?.directives[0] as Directive;
  return readOptions(directive, [], new Faults(), new Log(new RecordingSink()));
};

interface StaticHost {
  readonly in: string;
  readonly v4: readonly string[];
  readonly v6: readonly string[];
}

const zonesOf = (row: unknown): unknown => (row as { Zones: unknown }).Zones;

const checkLookup = ({ qname, qtype, rcode, answer }: Row): Verdict => {
  const reply = layerOf(EXAMPLE)(testQuery(qname as string, qtype as string), () => PASSED_ON) as Reply;
  if (reply.kind !== 'answer') return `found ${reply.kind}`;
  if (reply.isBare) return { notApplicable: 'the test of origin gets no reply here and compares nothing' };
  return differs(
    [reply.rcode, reply.isAuthoritative, reply.answer.map(recordToText).sort()],
    [rcodeNumber(rcode as string), true, (answer as string[]).map((text) => recordToText(recordFromText(text))).sort()],
  );
};

const checks = {
  TestLookupA: checkLookup,
  TestFallthroughUnsupportedType: ({ qname, fall, unsupported, expectFallthrough }: Row): Verdict => {
    const options = [`fallthrough ${(zonesOf(fall) as string[]).join(' ')}`];
    if (unsupported === true) options.push('fallthrough_unsupported');
    const reply = layerOf(EXAMPLE, options)(testQuery(qname as string, 'TXT'), () => PASSED_ON) as Answer;
    if (expectFallthrough === true) return reply === PASSED_ON ? null : 'answered, expected it to go on';
    return differs([reply.rcode, reply.isAuthoritative, reply.answer], [0, true, []]);
  },
  TestHostCacheModification: (name: string): Verdict => {
    const table = tableOf('127.0.0.1 localhost');
    const before = table.records(nameFromText(name), RR_TYPE.A);
    [...before].reverse();
    return differs(table.records(nameFromText(name), RR_TYPE.A).map(recordToText), before.map(recordToText));
  },
  TestLookupStaticAddr: ({ file, ents }: Row): Verdict => {
    const table = tableOf(file as string);
    const entries = ents as { in: string; out: string[] }[];
    return differs(
      entries.map((entry) => table.namesOf(addressFromText(entry.in) as Uint8Array).map(textFromName)),
      entries.map(({ out }) => out.map((name) => name.toLowerCase())),
    );
  },
  TestLookupStaticHost: ({ file, ents }: Row): Verdict => {
    const table = tableOf(file as string);
    const entries = ents as StaticHost[];
    return differs(
      entries.map((entry) => addressesOf(table, entry.in)),
      entries.map(({ v4, v6 }) => ({ v4, v6 })),
    );
  },
  TestLookupWildcardHost: (row: StaticHost): Verdict =>
    differs(addressesOf(tableOf(WILDCARDS.join('\n')), row.in), { v4: row.v4, v6: row.v6 }),
  TestReplaceWithAsteriskLabel: (row: Row): Verdict => {
    const pattern = wildcardOf(nameFromText(row.in as string));
    return differs(pattern === null ? '' : textFromName(pattern), row.out);
  },
  TestHostsParse: ({ inputFileRules, shouldErr, expectedPath, expectedOrigins, expectedFallthrough }: Row): Verdict => {
    const stanza = inputFileRules as string;
    const verdict = checkSetup(definition, stanza, shouldErr as boolean);
    if (verdict === null || typeof verdict === 'string' || 'notApplicable' in verdict) return verdict;
    const { path, zones, fallthrough } = optionsOf(stanza);
    return differs(
      [path, zones.map(textFromName), fallthrough.map(textFromName)],
      [expectedPath, expectedOrigins, zonesOf(expectedFallthrough)],
    );
  },
  TestHostsInlineParse: ({ inputFileRules, shouldErr, expectedaddr, expectedFallthrough }: Row): Verdict => {
    const stanza = inputFileRules as string;
    const verdict = checkSetup(definition, stanza, shouldErr as boolean);
    if (verdict === null || typeof verdict === 'string' || 'notApplicable' in verdict) return verdict;
    const { inline, fallthrough } = optionsOf(stanza);
    const table = tableOf(inline.map(({ text }) => text).join('\n'));
    const expected = expectedaddr as Record<string, string[]>;
    const found = Object.keys(expected).map((address) => [
      address,
      table.namesOf(addressFromText(address) as Uint8Array).map(textFromName),
    ]);
    return differs(
      [Object.fromEntries(found), fallthrough.map(textFromName)],
      [expected, zonesOf(expectedFallthrough)],
    );
  },
  TestHostsParseFallthroughUnsupported: ({ input, shouldErr }: Row): Verdict => {
    const verdict = checkSetup(definition, input as string, shouldErr as boolean);
    if (verdict === null || typeof verdict === 'string' || 'notApplicable' in verdict) return verdict;
    return differs(optionsOf(input as string).isUnsupportedPassedOn, true);
  },
};

const adapter: Adapter = {
  files: ['hosts.json', 'hosts-setup.json'],
  replay: (file, data) => replayTables(file, data, checks),
};
export default adapter;
