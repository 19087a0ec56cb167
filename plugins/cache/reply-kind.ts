import type { Name } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { Answer } from '#plugin/index.ts';
import { answersQuestion } from './answers-question.ts';

/**
 * What a reply is to the cache. `other` is what is never kept: an error of another kind, a transfer, an expired signature. CoreDNS
 * 1.14: plugin/pkg/response/typify.go, and plugin/cache/cache.go for NODATA behind a CNAME.
 */
export type ReplyKind = 'positive' | 'delegation' | 'nodata' | 'nxdomain' | 'server-error' | 'other';

export interface Asked {
  readonly name: Name;
  readonly type: number;
  readonly class: number;
  readonly isDnssecOk: boolean;
}

/** What a reply to this question is; `wallMs` is for signatures. */
export const kindOf = (reply: Answer, asked: Asked, wallMs: number): ReplyKind => {
  const plain = plainKindOf(reply, asked, wallMs);
  return plain === 'positive' && hasSoa(reply) && isUnanswered(reply, asked) ? 'nodata' : plain;
};

/** As `kindOf`, but a CNAME that leads nowhere with an SOA is positive still. */
export const plainKindOf = (reply: Answer, asked: Asked, wallMs: number): ReplyKind => {
  if (asked.type === RR_TYPE.AXFR || asked.type === RR_TYPE.IXFR) return 'other';
  if (asked.isDnssecOk && hasExpiredSignature(reply, wallMs)) return 'other';
  const { rcode } = reply;
  if (reply.answer.length > 0) {
    if (rcode === RCODE.NOERROR) return 'positive';
    if (rcode === RCODE.NXDOMAIN) return 'other';
  }
  if (rcode === RCODE.NXDOMAIN) return 'nxdomain';
  if (rcode === RCODE.SERVFAIL || rcode === RCODE.NOTIMP) return 'server-error';
  if (rcode !== RCODE.NOERROR) return 'other';
  if (hasSoa(reply)) return 'nodata';
  return reply.authority.some(({ type }) => type === RR_TYPE.NS) ? 'delegation' : 'positive';
};

/**
 * True where a reply of this kind may be kept. Without an SOA a negative reply has no TTL (RFC 2308, section 5); that goes for a
 * CNAME that does not reach the type, too. An empty NOERROR is kept: it may have its data elsewhere, as that of `whoami`.
 */
export const isStorable = (reply: Answer, kind: ReplyKind, asked: Asked): boolean => {
  if (reply.isTruncated || kind === 'other') return false;
  if (kind === 'nxdomain') return hasSoa(reply);
  return kind !== 'positive' || hasSoa(reply) || !isUnanswered(reply, asked);
};

/** True for a whole positive reply that answers its question. */
export const isUsableAnswer = (reply: Answer, asked: Asked, wallMs: number): boolean =>
  !reply.isTruncated && kindOf(reply, asked, wallMs) === 'positive' && answersQuestion(reply, asked);

const hasSoa = (reply: Answer): boolean => {
  for (const record of reply.authority) if (record.type === RR_TYPE.SOA) return true;
  return false;
};

const isUnanswered = (reply: Answer, asked: Asked): boolean =>
  reply.answer.length > 0 && !answersQuestion(reply, asked);

const hasExpiredSignature = (reply: Answer, wallMs: number): boolean => {
  const now = Math.floor(wallMs / 1000);
  for (const section of [reply.answer, reply.authority, reply.additional])
    for (const record of section) if (record.type === RR_TYPE.RRSIG && !isWithinValidity(record, now)) return true;
  return false;
};

/** Inception <= now <= expiration in serial number arithmetic. RFC 4034, section 3.1.5. */
const isWithinValidity = ({ rdata }: ResourceRecord, nowSeconds: number): boolean => {
  if (rdata.length < 18) return false;
  const view = new DataView(rdata.buffer, rdata.byteOffset, rdata.length);
  return ((nowSeconds - view.getUint32(12)) | 0) >= 0 && ((view.getUint32(8) - nowSeconds) | 0) >= 0;
};
