/** kube-proxy's own expectations of whole texts, of single chains, and of load balancers' addresses. */
import { describe, expect, it } from 'vitest';
import { goldenCases } from '#test/packet-table/golden-cases.ts';
import { iptables } from './index.ts';

describe('a text for iptables-restore', () => {
  const cases = goldenCases('iptables');
  it.runIf(cases.length === 0)('is compared where ../shared/golden is beside the project (skipped: it is not)', () => {
    console.warn('SKIPPED: texts of kube-proxy: ../shared/golden/kube-proxy is not there');
  });

  for (const { title, ports, options, raw } of cases) {
    const { expected, expectedChains, expectLBRule } = raw;
    if (expected !== undefined) {
      it(`is what kube-proxy writes: ${title}`, () => {
        expect(sorted(iptables.render(ports, options))).toEqual(sorted(expected));
      });
    }
    for (const [chain, rules] of Object.entries(expectedChains ?? {})) {
      it(`has the rules that kube-proxy has in ${chain}: ${title}`, () => {
        expect(sorted(iptables.render(ports, options)).get(chain) ?? []).toEqual(
          rules.trim().split('\n').filter(Boolean),
        );
      });
    }
    if (expectLBRule !== undefined) {
      it(`has rules for a load balancer's address only where they are wanted: ${title}`, () => {
        const rules = sorted(iptables.render(ports, options)).get('nat/KUBE-SERVICES') ?? [];
        expect(rules.some((rule) => rule.includes(`-d ${expectLBRule.ip} `))).toBe(expectLBRule.present);
      });
    }
  }
});

/** Rules of each chain in order, without what comes with the jumps of built-in chains, which kube-proxy makes by other means. */
const sorted = (whole: string): ReadonlyMap<string, readonly string[]> => {
  const [text = ''] = whole.split('# Jumps ');
  const chains = new Map<string, string[]>();
  let table = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (line.startsWith(':')) chains.set(`${table}/${line.slice(1).split(' ')[0]}`, []);
    else if (line.startsWith('-A ')) chains.get(`${table}/${line.split(' ')[1]}`)?.push(line);
  }
  return new Map([...chains].sort(([a], [b]) => (a < b ? -1 : 1)));
};
