import type { ResourceRecord } from '#dns/record.ts';
import type { Answer } from '#plugin/index.ts';
import type { ReplyKind } from './reply-kind.ts';

/** TTL of a reply without records, and of delegations. CoreDNS: `dnsutil.MinimalDefaultTTL`. */
const SHORT_MS = 5000;

/** The bounds that a kind of reply is held to, in ms. */
export interface TtlBounds {
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
}

/** `ttl` within the bounds; the maximum wins where they cross. */
export const clampTtl = (ttlMs: number, { minTtlMs, maxTtlMs }: TtlBounds): number =>
  Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs);

/** Least TTL of all records in ms, at most `maxMs`. CoreDNS: plugin/pkg/dnsutil/ttl.go; the SOA's MINIMUM has no part in it. */
export const leastTtl = (reply: Answer, kind: ReplyKind, maxMs: number): number => {
  if (kind !== 'positive' && kind !== 'nodata' && kind !== 'nxdomain') return SHORT_MS;
  if (reply.answer.length + reply.authority.length + reply.additional.length === 0) return SHORT_MS;
  return leastOf(reply.additional, leastOf(reply.authority, leastOf(reply.answer, maxMs)));
};

const leastOf = (records: readonly ResourceRecord[], startMs: number): number => {
  let least = startMs;
  for (const { ttl } of records) if (ttl * 1000 < least) least = ttl * 1000;
  return least;
};

/** The records with this TTL, in seconds; the same array where they have it already. */
export const withTtl = (records: readonly ResourceRecord[], ttl: number): readonly ResourceRecord[] => {
  for (const record of records) if (record.ttl !== ttl) return records.map((each) => each.withTtl(ttl));
  return records;
};
