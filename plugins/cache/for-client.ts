import type { Answer, Query } from '#plugin/index.ts';

/** True for a client that wants to know whether the data is authentic (RFC 6840, section 5.7). */
export const wantsAuthenticated = (query: Query): boolean => query.request.isAuthenticData || query.isDnssecOk;

/** A fresh reply without AD for a client that did not ask for it. */
export const forClient = (reply: Answer, query: Query): Answer =>
  reply.isAuthenticData && !wantsAuthenticated(query) ? reply.with({ isAuthenticData: false }) : reply;
