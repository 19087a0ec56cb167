import { OPCODE } from '#dns/registry/opcodes.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { Answer, Query, Reply } from '#plugin/index.ts';

/** How a reply is filed: with data or a referral, denying name or type, or neither. */
export type ReplyClass = 'success' | 'denial' | 'error';

/** Files a reply. A message that is no plain query, or no reply at all, counts as an error. CoreDNS: plugin/pkg/response. */
export const classOf = (query: Query, reply: Reply): ReplyClass => {
  if (reply.kind !== 'answer' || query.request.opcode !== OPCODE.QUERY) return 'error';
  if (query.type === RR_TYPE.AXFR || query.type === RR_TYPE.IXFR) return 'error';
  if (reply.rcode === RCODE.NXDOMAIN) return reply.answer.length > 0 ? 'error' : 'denial';
  if (reply.rcode !== RCODE.NOERROR) return 'error';
  return reply.answer.length === 0 && hasSoa(reply) ? 'denial' : 'success';
};

const hasSoa = ({ authority }: Answer): boolean => authority.some(({ type }) => type === RR_TYPE.SOA);
