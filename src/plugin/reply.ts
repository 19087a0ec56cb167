import type { EdnsOption } from '#dns/edns.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { RCODE } from '#dns/registry/rcodes.ts';

const NONE: readonly never[] = [];

export interface AnswerFields {
  readonly rcode?: number;
  readonly isAuthoritative?: boolean;
  readonly isRecursionAvailable?: boolean;
  readonly isAuthenticData?: boolean;
  readonly isTruncated?: boolean;
  readonly answer?: readonly ResourceRecord[];
  readonly authority?: readonly ResourceRecord[];
  readonly additional?: readonly ResourceRecord[];
  readonly options?: readonly EdnsOption[];
  readonly error?: Error | null;
}

/**
 * A reply with a message. It holds no question, ID, RD, CD or OPT: the listener takes those from the query. Immutable: a layer that
 * changes something makes a new one with `with`.
 */
export class Answer {
  readonly kind = 'answer';
  readonly rcode: number;
  readonly isAuthoritative: boolean;
  readonly isRecursionAvailable: boolean;
  readonly isAuthenticData: boolean;
  /** TC of an upstream's reply; the listener sets TC by itself where it has to cut. */
  readonly isTruncated: boolean;
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  /** EDNS options to send beside those echoed from the query; only where the query had an OPT. */
  readonly options: readonly EdnsOption[];
  /** For the `errors` plugin and the log; never sent. */
  readonly error: Error | null;
  /** True where no plugin wrote a message and the core makes a bare error reply (CoreDNS: `plugin.ClientWrite` is false). */
  readonly isBare: boolean;

  constructor(fields: AnswerFields, isBare = false) {
    this.rcode = fields.rcode ?? RCODE.NOERROR;
    this.isAuthoritative = fields.isAuthoritative ?? false;
    this.isRecursionAvailable = fields.isRecursionAvailable ?? false;
    this.isAuthenticData = fields.isAuthenticData ?? false;
    this.isTruncated = fields.isTruncated ?? false;
    this.answer = fields.answer ?? NONE;
    this.authority = fields.authority ?? NONE;
    this.additional = fields.additional ?? NONE;
    this.options = fields.options ?? NONE;
    this.error = fields.error ?? null;
    this.isBare = isBare;
  }

  with(changed: AnswerFields): Answer {
    return new Answer(
      {
        rcode: changed.rcode ?? this.rcode,
        isAuthoritative: changed.isAuthoritative ?? this.isAuthoritative,
        isRecursionAvailable: changed.isRecursionAvailable ?? this.isRecursionAvailable,
        isAuthenticData: changed.isAuthenticData ?? this.isAuthenticData,
        isTruncated: changed.isTruncated ?? this.isTruncated,
        answer: changed.answer ?? this.answer,
        authority: changed.authority ?? this.authority,
        additional: changed.additional ?? this.additional,
        options: changed.options ?? this.options,
        error: changed.error === undefined ? this.error : changed.error,
      },
      this.isBare,
    );
  }
}

/** A zone transfer: records in messages one after the other, over TCP. */
export interface Transfer {
  readonly kind: 'transfer';
  readonly messages: AsyncIterable<readonly ResourceRecord[]>;
}

/** No reply at all. */
export interface Drop {
  readonly kind: 'drop';
}

export type Reply = Answer | Transfer | Drop;

export const DROP: Drop = { kind: 'drop' };

/** A bare error reply made by the core: no AA, no RA, no records. `error` is what the `errors` plugin logs. */
export const failure = (rcode: number, error: Error | null = null): Answer => new Answer({ rcode, error }, true);
