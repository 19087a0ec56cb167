import { isDeepStrictEqual } from 'node:util';
import { wordsOf } from '#netfilter/iptables/read-save.ts';
import { ruleText } from '#netfilter/iptables/text.ts';
import { rulesOfAddress } from '#node-cache/rules/iptables/own-rules.ts';
import type { Adapter, Outcome } from '../adapter.ts';

interface Row {
  readonly family: 'iptables' | 'ip6tables';
  readonly localip: string;
  readonly dns_port: string;
  readonly health_port: string;
  readonly rules_in_call_order: readonly {
    readonly table: string;
    readonly chain: string;
    readonly args: readonly string[];
    readonly comment: string;
    readonly position: string;
  }[];
}

/** The listing that they make in a kernel is compared by test/root/node-cache-iptables.test.ts. */
const replay = ({ family, localip, dns_port, health_port, rules_in_call_order }: Row): Outcome => {
  const name = `nodecache-rules: ${family} ${localip}`;
  const ports = { dnsPort: Number(dns_port), healthPort: Number(health_port) };
  const found = localip
    .split(',')
    .flatMap((address) => rulesOfAddress({ address, family: family === 'iptables' ? 4 : 6 }, ports))
    .filter(({ role }) => role !== 'own-query')
    .map(({ table, chain, rule }) => ({ table, chain, words: wordsOf(ruleText(rule)), position: 'prepend' }));
  const expected = rules_in_call_order.map(({ table, chain, args, comment, position }) => {
    const target = args.indexOf('-j');
    const words = [...args.slice(0, target), '-m', 'comment', '--comment', comment, ...args.slice(target)];
    return { table, chain, words, position };
  });
  return isDeepStrictEqual(found, expected)
    ? { name, result: 'pass' }
    : { name, result: 'fail', reason: `found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}` };
};

const adapter: Adapter = {
  files: ['spec/nodecache-rules.json'],
  replay: (_file, data) => Promise.resolve((data as { readonly cases: readonly Row[] }).cases.map(replay)),
};
export default adapter;
