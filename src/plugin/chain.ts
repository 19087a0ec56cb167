import { RCODE } from '#dns/registry/rcodes.ts';
import type { Query } from './query.ts';
import { failure, type Reply } from './reply.ts';

export type Next = (query: Query) => Reply | Promise<Reply>;
/** A layer of the chain: answers by itself, or gives what `next` gave, changed or not. No promise where there is no I/O. */
export type Handler = (query: Query, next: Next) => Reply | Promise<Reply>;

export interface Layer {
  readonly name: string;
  readonly handle: Handler;
  /** True where a reply that passes this layer may be repeated from memory, unless the layer calls `query.provenance.forbid()`. */
  readonly isRepeatable: boolean;
}

/** What the end of the chain says (CoreDNS: `plugin.NextOrFailure`). */
export class NoNextPlugin extends Error {
  readonly code = 'no-next-plugin';
  constructor(name: string) {
    super(`plugin/${name}: no next plugin found`);
  }
}

/**
 * Composes layers once into one function. The last layer's `next` gives SERVFAIL with `no next plugin found`. A layer that has not declared itself
 * repeatable makes every reply that passes it unrepeatable.
 */
export const composeChain = (layers: readonly Layer[]): Next => {
  const last = layers.at(-1)?.name ?? '';
  let next: Next = () => failure(RCODE.SERVFAIL, new NoNextPlugin(last));
  for (const layer of [...layers].reverse()) {
    const { handle } = layer;
    const inner = next;
    next = layer.isRepeatable
      ? (query) => handle(query, inner)
      : (query) => {
          query.provenance.forbid();
          return handle(query, inner);
        };
  }
  return next;
};

/** Applies `change` to a reply now or when it is there, without making a promise where there is none. */
export const mapReply = (
  reply: Reply | Promise<Reply>,
  change: (reply: Reply) => Reply | Promise<Reply>,
): Reply | Promise<Reply> => (reply instanceof Promise ? reply.then(change) : change(reply));
