import { foldName, isWithin, type Name, NameError, type WireName, wireNameFromText } from '#dns/name.ts';
import { cnameRecord, type ResourceRecord } from '#dns/record.ts';
import type { Reply } from '#plugin/index.ts';
import { answerAddress } from './answer-address.ts';
import { Ask } from './ask.ts';
import type { Backend } from './backend.ts';
import { found, type Outcome, UNKNOWN } from './outcome.ts';

/** CNAME targets passed on the way here, folded. */
export type Chain = readonly Name[];

/** CNAMEs that are followed inside the zone (CoreDNS: plugin/backend_lookup.go). */
const MAX_CHAIN = 10;
/** Internal look-ups one inside the other; CoreDNS has no limit, and two zones that point at each other end it. */
const MAX_DEPTH = 8;

/** An external name as a name on the wire, in its own spelling; null where it is none. */
export const externalTarget = (host: string): WireName | null => {
  try {
    return wireNameFromText(host);
  } catch (error) {
    if (error instanceof NameError) return null;
    throw error;
  }
};

/**
 * The CNAME to `host` with what it leads to; null where there is nothing to say: the target is the name itself or below it, was met
 * before, is at the end of too long a chain, or, within the zone, has no records of the type.
 */
export const followName = (backend: Backend, ask: Ask, host: string, chain: Chain): Outcome | Promise<Outcome> => {
  const spelled = externalTarget(host);
  if (spelled === null) return null;
  const name = foldName(spelled);
  if (isWithin(name, ask.name) || chain.length > MAX_CHAIN || chain.includes(name)) return null;
  const record = cnameRecord(ask.spelled, backend.options.ttlSeconds, spelled);
  return isWithin(name, ask.zone)
    ? followInside(backend, ask, { name, spelled }, record, chain)
    : lookUp(ask, { name, spelled }, record);
};

interface Target {
  readonly name: Name;
  readonly spelled: WireName;
}

const followInside = (
  backend: Backend,
  ask: Ask,
  target: Target,
  record: ResourceRecord,
  chain: Chain,
): Outcome | Promise<Outcome> => {
  const rest = answerAddress(backend, new Ask(ask.query, target, ask, ask.type), [...chain, target.name]);
  return rest instanceof Promise
    ? rest.then((outcome) => behind(backend, record, outcome))
    : behind(backend, record, rest);
};

/** A CNAME into the zone stands only where it leads to something; a cut on the way there is told in any case. */
const behind = ({ cluster }: Backend, record: ResourceRecord, rest: Outcome): Outcome => {
  // Before the first sync the target may only not be known yet, and the client must not take that for "no address".
  if (rest === null) return cluster.isSynced ? null : UNKNOWN;
  if (rest.answer.length === 0) return rest;
  return found([record, ...rest.answer], undefined, rest.isTruncated);
};

/** A CNAME out of the zone stands even where the look-up failed; without any reply it is left out. */
const lookUp = ({ query, type }: Ask, target: Target, record: ResourceRecord): Outcome | Promise<Outcome> => {
  if (query.depth >= MAX_DEPTH) return null;
  const reply = query.lookup(target.spelled, target.name, type);
  return reply instanceof Promise ? reply.then((late) => fromReply(record, late)) : fromReply(record, reply);
};

const fromReply = (record: ResourceRecord, reply: Reply): Outcome =>
  reply.kind === 'answer' ? found([record, ...reply.answer], undefined, reply.isTruncated) : null;
