import { longestMatch, type Name } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { Answer, failure, type Next, type Query, type Reply } from '#plugin/index.ts';
import { answerAddress } from './answer-address.ts';
import { answerPtr } from './answer-reverse.ts';
import { answerCname, answerNothing, answerSrv, answerTxt } from './answer-service.ts';
import { type Ask, askOf } from './ask.ts';
import type { Backend } from './backend.ts';
import { answerNs } from './name-servers.ts';
import { found, NODATA, type Outcome, UNKNOWN } from './outcome.ts';
import { StartOfAuthority } from './start-of-authority.ts';

/** Answers for the zones of one directive. */
export class Answerer {
  readonly #backend: Backend;
  readonly #soa: StartOfAuthority;

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#soa = new StartOfAuthority(backend.options.ttlSeconds);
  }

  handle(query: Query, next: Next): Reply | Promise<Reply> {
    const { options, cluster } = this.#backend;
    const zone = longestMatch(query.name, options.zones);
    if (zone === null) return next(query);
    // Records are found before the first sync too, but whether a name is missing is only known after it.
    query.provenance.dependOn(cluster.syncSlot);
    if (query.type === RR_TYPE.AXFR || query.type === RR_TYPE.IXFR) {
      query.provenance.forbid();
      return failure(RCODE.REFUSED);
    }
    const ask = askOf(query, zone);
    const outcome = this.#outcome(ask);
    return outcome instanceof Promise
      ? outcome.then((late) => this.#reply(ask, late, next))
      : this.#reply(ask, outcome, next);
  }

  #outcome(ask: Ask): Outcome | Promise<Outcome> {
    switch (ask.type) {
      case RR_TYPE.A:
      case RR_TYPE.AAAA:
        return answerAddress(this.#backend, ask);
      case RR_TYPE.SRV:
        return answerSrv(this.#backend, ask);
      case RR_TYPE.PTR:
        return answerPtr(this.#backend, ask);
      case RR_TYPE.CNAME:
        return answerCname(this.#backend, ask);
      case RR_TYPE.TXT:
        return answerTxt(this.#backend, ask);
      case RR_TYPE.SOA:
        // At another name CoreDNS says NODATA without a look whether that name is there (plugin/kubernetes/handler.go).
        return ask.name === ask.zone ? this.#answerSoa(ask) : NODATA;
      case RR_TYPE.NS:
        return ask.name === ask.zone ? answerNs(this.#backend, ask) : answerNothing(this.#backend, ask);
      default:
        return answerNothing(this.#backend, ask);
    }
  }

  #answerSoa(ask: Ask): Outcome {
    return found([this.#startOfAuthority(ask)]);
  }

  #reply(ask: Ask, outcome: Outcome, next: Next): Reply | Promise<Reply> {
    const { options, cluster } = this.#backend;
    if (outcome === null) {
      if (isFallenThrough(ask.name, options.fallthroughZones)) return next(ask.query);
      return this.#negative(ask, cluster.isSynced ? RCODE.NXDOMAIN : RCODE.SERVFAIL);
    }
    if (outcome === UNKNOWN) return this.#negative(ask, RCODE.SERVFAIL);
    const { answer, additional, isTruncated } = outcome;
    if (answer.length === 0) return this.#negative(ask, RCODE.NOERROR);
    // Targets below the zone are written with the zone as the question spells it.
    if (ask.type !== RR_TYPE.A && ask.type !== RR_TYPE.AAAA) ask.query.provenance.isSpellingBound = true;
    return new Answer({ isAuthoritative: true, isTruncated, answer, additional });
  }

  #negative(ask: Ask, rcode: number): Reply {
    return new Answer({ rcode, isAuthoritative: true, authority: [this.#startOfAuthority(ask)] });
  }

  /** Its serial tells the time of the last change of anything, so a repeated reply has to look it up. */
  #startOfAuthority({ query, spelledZone }: Ask): ResourceRecord {
    const { serialValue, store } = this.#backend.cluster;
    if (serialValue < 0) query.provenance.forbid();
    else query.provenance.serialValue = serialValue;
    return this.#soa.record(spelledZone, store.modifiedAt);
  }
}

const isFallenThrough = (name: Name, zones: readonly Name[]): boolean =>
  zones.length > 0 && longestMatch(name, zones) !== null;
