import { describe, expect, it } from 'vitest';
import { DialTimeout } from './dial-timeout.ts';
import { IdlePool } from './pool.ts';

const connection = (oldAtMs = Number.POSITIVE_INFINITY) => ({
  oldAtMs,
  usedAtMs: 0,
  isClosed: false,
  close() {
    this.isClosed = true;
  },
});

describe('IdlePool', () => {
  it('gives the connection that was idle longest', () => {
    const pool = new IdlePool({ expireMs: 1000, maxIdle: 0 });
    const [a, b] = [connection(), connection()];
    pool.give(a, 1);
    pool.give(b, 2);
    expect([pool.take(3), pool.take(3), pool.take(3)]).toEqual([a, b, null]);
  });

  it('closes a connection that was idle for too long, or is too old though in use all the time', () => {
    const pool = new IdlePool({ expireMs: 1000, maxIdle: 0 });
    const [idle, old] = [connection(), connection(3000)];
    pool.give(idle, 2000);
    pool.give(old, 3000);
    expect(pool.take(3001)).toBeNull();
    expect([idle.isClosed, old.isClosed]).toEqual([true, true]);
  });

  it('takes none that is too old', () => {
    const pool = new IdlePool({ expireMs: 1000, maxIdle: 0 });
    expect([pool.give(connection(10), 10), pool.give(connection(10), 11)]).toEqual([true, false]);
  });

  it('takes no more than it may keep', () => {
    const pool = new IdlePool({ expireMs: 1000, maxIdle: 2 });
    expect([1, 2, 3].map((at) => pool.give(connection(), at))).toEqual([true, true, false]);
  });

  it('sweeps out what is too old and keeps the rest', () => {
    const pool = new IdlePool({ expireMs: 1000, maxIdle: 0 });
    const [old, fresh] = [connection(), connection()];
    pool.give(old, 0);
    pool.give(fresh, 900);
    pool.sweep(1500);
    expect([old.isClosed, fresh.isClosed, pool.size]).toEqual([true, false, 1]);
    pool.close();
    expect([fresh.isClosed, pool.size]).toEqual([true, 0]);
  });
});

describe('DialTimeout', () => {
  it('begins at 30 s, and follows what connecting takes within 1 s and 30 s', () => {
    const limit = new DialTimeout();
    expect(limit.ms).toBe(30_000);
    for (let i = 0; i < 50; i++) limit.observe(1);
    expect(limit.ms).toBe(1000);
    for (let i = 0; i < 50; i++) limit.observe(4000);
    expect(limit.ms).toBeCloseTo(8000, -1);
    for (let i = 0; i < 50; i++) limit.observe(60_000);
    expect(limit.ms).toBe(30_000);
  });
});
