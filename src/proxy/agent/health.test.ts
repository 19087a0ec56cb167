import { describe, expect, it } from 'vitest';
import { ProxyHealth } from './health.ts';

const at = (seconds: number): number => Date.UTC(2026, 0, 1) + seconds * 1000;
const text = (seconds: number): string => new Date(at(seconds)).toISOString();

describe('health', () => {
  const healthOf = (): { health: ProxyHealth; pass: (seconds: number) => void } => {
    let now = 0;
    const health = new ProxyHealth(['IPv4', 'IPv6'], 60_000, () => at(now));
    return {
      health,
      pass: (seconds) => {
        now += seconds;
      },
    };
  };

  it('is good while nothing has come yet', () => {
    expect(healthOf().health.body(true)).toMatchObject({ status: 200, body: { healthy: true, lastUpdated: text(0) } });
  });

  it('is readiness only once the rules of every family are in, and while it is good', () => {
    const { health, pass } = healthOf();
    health.updated('IPv4', at(0));
    expect(health.isReady).toBe(false);
    health.updated('IPv6', at(0));
    expect(health.isReady).toBe(true);
    health.queued('IPv4');
    pass(60);
    expect(health.isReady).toBe(false);
  });

  it('is bad once a change of one family has waited too long, and good again after its sync', () => {
    const { health, pass } = healthOf();
    health.queued('IPv4');
    health.queued('IPv6');
    pass(1);
    health.updated('IPv6', at(1));
    pass(58);
    expect(health.isHealthy).toBe(true);
    // A later change does not make the older one younger.
    health.queued('IPv4');
    pass(1);
    expect(health.body(false)).toEqual({
      status: 503,
      body: {
        lastUpdated: text(1),
        currentTime: text(60),
        healthy: false,
        status: {
          IPv4: { lastUpdated: '0001-01-01T00:00:00Z', healthy: false },
          IPv6: { lastUpdated: text(1), healthy: true },
        },
      },
    });
    health.updated('IPv4', at(60));
    expect(health.isHealthy).toBe(true);
  });

  it('counts a change that came during a sync as waiting', () => {
    const { health, pass } = healthOf();
    pass(1);
    health.queued('IPv4');
    health.updated('IPv4', at(0));
    pass(60);
    expect(health.isHealthy).toBe(false);
  });

  it('of a node that is about to go is told by /healthz and not by /livez', () => {
    const { health } = healthOf();
    health.isNodeEligible = false;
    expect(health.body(true)).toMatchObject({ status: 503, body: { healthy: true, nodeEligible: false } });
    expect(health.body(false).status).toBe(200);
    expect(health.body(false).body).not.toHaveProperty('nodeEligible');
  });
});
