import { type Run, startAhead } from '#netfilter/run.ts';
import { iptablesBackend } from '#proxy/backends/iptables/index.ts';
import { nftables, nftablesPerService } from '#proxy/backends/nftables/index.ts';
import type { RuleWriter } from '#proxy/rule-backend.ts';
import { median } from '../support/statistics.ts';
import type { Layout } from './row.ts';

/** A writer of one layout, for the namespace that it runs in. */
export const openWriter = (layout: Layout, run: Run): Promise<RuleWriter> => {
  const environment = { family: 'IPv4', log: LOG, now: () => performance.now() } as const;
  // As the agent does it.
  const ahead = startAhead('nft', ['-f', '-']);
  switch (layout) {
    case 'nftables, maps':
      return nftables.open({ ...environment, run: ahead });
    case 'nftables, a chain per Service':
      return nftablesPerService.open({ ...environment, run: ahead });
    case 'iptables-legacy':
    case 'iptables-nft':
      return iptablesBackend({ variant: VARIANTS[layout] }).open({ ...environment, run });
  }
};

/** Ms that one more rule takes, by `iptables -A`, beside all that are there; null where the layout is none of iptables. */
export const appendRule = async (layout: Layout, run: Run): Promise<number | null> => {
  if (layout !== 'iptables-legacy' && layout !== 'iptables-nft') return null;
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const began = performance.now();
    const rule = ['KUBE-SERVICES', '-d', `10.127.0.${i}/32`, '-p', 'tcp', '--dport', '80', '-j', 'ACCEPT'];
    const { exitCode, stderr } = await run(layout, ['-w', '-t', 'nat', '-A', ...rule]);
    if (exitCode !== 0) throw new Error(`iptables -A: ${stderr}`);
    times.push(performance.now() - began);
  }
  return median(times);
};

const VARIANTS = { 'iptables-legacy': 'legacy', 'iptables-nft': 'nft' } as const;

const LOG = {
  debug: () => undefined,
  info: () => undefined,
  warning: (line: string) => console.error(line),
  error: (line: string) => console.error(line),
};
