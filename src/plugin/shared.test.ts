import { describe, expect, it } from 'vitest';
import { SharedResources } from './shared.ts';

/** A resource that counts how often it was closed. */
class Resource {
  closed = 0;
  async close(): Promise<void> {
    this.closed++;
  }
}

describe('a shared resource', () => {
  it('is handed over as it is where the new configuration claims it before the old one releases it', async () => {
    const shared = new SharedResources();
    const old = shared.claim(':8080', () => new Resource());
    const next = shared.claim(':8080', () => new Resource());
    expect(next.value).toBe(old.value);
    await old.release();
    expect(next.value.closed).toBe(0);
    await next.release();
    expect(next.value.closed).toBe(1);
  });

  it('is closed by the last release, once, however often each lease is released', async () => {
    const shared = new SharedResources();
    const first = shared.claim('key', () => new Resource());
    const second = shared.claim('key', () => new Resource());
    await first.release();
    await first.release();
    expect(first.value.closed).toBe(0);
    await second.release();
    await second.release();
    expect(first.value.closed).toBe(1);
  });

  it('is made anew once it was closed, even while it still closes', async () => {
    const shared = new SharedResources();
    let finish: () => void = () => undefined;
    const slow = { close: () => new Promise<void>((resolve) => (finish = resolve)) };
    const first = shared.claim<{ close(): Promise<void> }>('key', () => slow);
    const closing = first.release();
    const second = shared.claim<{ close(): Promise<void> }>('key', () => new Resource());
    expect(second.value).not.toBe(first.value);
    finish();
    await closing;
    expect((second.value as Resource).closed).toBe(0);
  });

  it('of another key is another one', () => {
    const shared = new SharedResources();
    expect(shared.claim('a', () => new Resource()).value).not.toBe(shared.claim('b', () => new Resource()).value);
  });

  it('that could not be made is not claimed', () => {
    const shared = new SharedResources();
    const fail = (): Resource => {
      throw new Error('no');
    };
    expect(() => shared.claim('key', fail)).toThrow('no');
    expect(shared.claim('key', () => new Resource()).value.closed).toBe(0);
  });
});
