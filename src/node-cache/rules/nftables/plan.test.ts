import { describe, expect, it } from 'vitest';
import type { NodeCacheSettings } from '../../settings.ts';
import { planFor } from './plan.ts';

const settings = (addresses: readonly string[], fallback4: string | null, fallback6: string | null = null) =>
  ({
    addresses: addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    dnsPort: 53,
    healthPort: 8080,
    fallback: { 4: fallback4, 6: fallback6 },
    markBit: 0x800000,
  }) as unknown as NodeCacheSettings;

const elsewhere = (family: 4 | 6, given: NodeCacheSettings, hasZones = true): Readonly<Record<string, string>> =>
  Object.fromEntries(planFor(given, family, hasZones)?.addresses.map((each) => [each.address, each.elsewhere]) ?? []);

describe('where queries go while no cache answers', () => {
  it('is the fallback for a link-local address, and kube-proxy for a cluster IP', () => {
    expect(elsewhere(4, settings(['169.254.20.10', '10.96.0.10'], '10.96.0.11'))).toEqual({
      '169.254.20.10': 'fallback',
      '10.96.0.10': 'service',
    });
  });

  it('is the fallback for an address that no range of cluster IPs has together with it', () => {
    const given = settings(['fd00:90::a', 'fd00:10:96::a', '172.31.0.10'], '10.96.0.11', 'fd00:10:96::1f3');
    expect(elsewhere(6, given)).toEqual({ 'fd00:90::a': 'fallback', 'fd00:10:96::a': 'service' });
    expect(elsewhere(4, given)).toEqual({ '172.31.0.10': 'fallback' });
  });

  it('is nowhere for a link-local address without a fallback, and for one of fe80::/10', () => {
    expect(elsewhere(4, settings(['169.254.20.10', '10.96.0.10'], null))).toEqual({
      '169.254.20.10': 'nowhere',
      '10.96.0.10': 'service',
    });
    expect(elsewhere(6, settings(['fe80::10'], null, 'fd00:10:96::b'))).toEqual({ 'fe80::10': 'nowhere' });
  });

  it('is the fallback for one address of a family where the kernel has no zones', () => {
    const given = settings(['169.254.20.10', '10.96.0.10', '169.254.20.11'], '10.96.0.11');
    expect(elsewhere(4, given, false)).toEqual({
      '169.254.20.10': 'fallback',
      '10.96.0.10': 'service',
      '169.254.20.11': 'nowhere',
    });
  });

  it('is no question where no address is of the family', () => {
    expect(planFor(settings(['169.254.20.10'], '10.96.0.11'), 6, true)).toBeNull();
  });
});
