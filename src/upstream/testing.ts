import type { Message, Question } from '#dns/decode.ts';
import { wireNameFromText } from '#dns/name.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { loadLibc } from '#libc/libc.ts';
import type { Clock } from './clock.ts';
import type { TlsSettings } from './endpoint.ts';
import type { IgnoredReason } from './exchange-udp.ts';
import { plainQuery } from './probe.ts';
import type { Asked } from './reply-check.ts';
import { UdpBatch } from './udp-batch.ts';
import { type OpenLink, openDgramLink } from './udp-link.ts';
import { DEFAULT_UPSTREAM_OPTIONS, Upstream, type UpstreamMetrics, type UpstreamOptions } from './upstream.ts';

/** Both ways to do UDP, by name. */
export const UDP_LINKS: readonly (readonly [string, OpenLink])[] = [
  ['batches', new UdpBatch(await loadLibc()).open],
  ['dgram', openDgramLink],
];

/** Counts of a test's upstream. */
export class CountingMetrics implements UpstreamMetrics {
  readonly hits = { udp: 0, tcp: 0, 'tcp-tls': 0 };
  readonly misses = { udp: 0, tcp: 0, 'tcp-tls': 0 };
  readonly ignored = { id: 0, question: 0, format: 0 };
  failedChecks = 0;
  pool(protocol: 'udp' | 'tcp' | 'tcp-tls') {
    return {
      hit: () => {
        this.hits[protocol]++;
      },
      missed: () => {
        this.misses[protocol]++;
      },
      ignored: (reason: IgnoredReason) => {
        this.ignored[reason]++;
      },
    };
  }
  healthCheckFailed(): void {
    this.failedChecks++;
  }
  fallbacks = 0;
  fellBack(): void {
    this.fallbacks++;
  }
}

/** A clock that only the test moves. */
export class HandClock implements Clock {
  nowMs = 1000;
  monotonicMs(): number {
    return this.nowMs;
  }
}

/** An upstream on 127.0.0.1 with a short read timeout. */
export const testUpstream = (
  port: number,
  options: Partial<UpstreamOptions> & {
    readonly tls?: TlsSettings;
    readonly metrics?: CountingMetrics;
    readonly openLink?: OpenLink;
    readonly clock?: Clock;
  } = {},
): Upstream => {
  const { tls, metrics, openLink, clock, ...rest } = options;
  return new Upstream(
    { host: '127.0.0.1', port, tls: tls ?? null, sourceAddress: null },
    { ...DEFAULT_UPSTREAM_OPTIONS, readTimeoutMs: 5000, ...rest },
    metrics ?? new CountingMetrics(),
    clock ?? { monotonicMs: () => performance.now() },
    openLink,
  );
};

/** `name` A IN. */
export const questionFor = (name: string): Question => ({
  name: wireNameFromText(name),
  type: RR_TYPE.A,
  class: CLASS.IN,
});

/** What a query for `name` A IN is recognised by. */
export const askedFor = (name: string): Asked => ({ question: questionFor(name), opcode: 0 });

/** Asks and waits. */
export const ask = (
  upstream: Upstream,
  name: string,
  options: { readonly isTcp?: boolean; readonly maxUdpOctets?: number } = {},
): Promise<Message> =>
  new Promise((resolve, reject) => {
    const question = questionFor(name);
    const query = { message: plainQuery(question, true), question, maxUdpOctets: options.maxUdpOctets ?? 1232 };
    upstream.ask(query, options.isTcp ?? false, { replied: resolve, failed: reject });
  });
