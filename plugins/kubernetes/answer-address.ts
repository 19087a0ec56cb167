import { addressRecord, type ResourceRecord } from '#dns/record.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { Ask } from './ask.ts';
import type { Backend } from './backend.ts';
import { type Candidate, findCandidates } from './candidates.ts';
import { type Chain, followName } from './external-name.ts';
import { defaultNsAddresses, isDefaultNs } from './name-servers.ts';
import { found, NODATA, type Outcome, UNKNOWN } from './outcome.ts';

/** Above this many records a set finds duplicates faster than looking through them. */
const FEW = 8;

/** A and AAAA: addresses of Services, endpoints and Pods; for an ExternalName the CNAME and what it leads to. */
export const answerAddress = (backend: Backend, ask: Ask, chain: Chain = []): Outcome | Promise<Outcome> => {
  if (isDefaultNs(ask)) return defaultNsAddresses(backend, ask);
  const candidates = findCandidates(backend, ask);
  if (candidates === null) return null;
  if (candidates.length === 0) return NODATA;
  return new Collection(backend, ask, chain).collect(candidates, 0);
};

/** Gathers the records of the candidates, one after the other; waits only where a name is looked up elsewhere. */
class Collection {
  readonly #backend: Backend;
  readonly #ask: Ask;
  readonly #chain: Chain;
  readonly #octets: number;
  readonly #records: ResourceRecord[] = [];
  readonly #hosts: string[] = [];
  #hostSet: Set<string> | null = null;
  #isTruncated = false;
  #isUnknown = false;

  constructor(backend: Backend, ask: Ask, chain: Chain) {
    this.#backend = backend;
    this.#ask = ask;
    this.#chain = chain;
    this.#octets = ask.type === RR_TYPE.A ? 4 : 16;
  }

  collect(candidates: readonly Candidate[], from: number): Outcome | Promise<Outcome> {
    const { spelled } = this.#ask;
    const { ttlSeconds } = this.#backend.options;
    for (let i = from; i < candidates.length; i++) {
      const { octets, host } = candidates[i] as Candidate;
      if (octets !== null) {
        if (octets.length === this.#octets && this.#isNew(host))
          this.#records.push(addressRecord(spelled, ttlSeconds, octets));
        continue;
      }
      const followed = followName(this.#backend, this.#ask, host, this.#chain);
      if (followed instanceof Promise)
        return followed.then((outcome) => {
          this.#add(outcome);
          return this.collect(candidates, i + 1);
        });
      this.#add(followed);
    }
    if (this.#records.length > 0 || this.#isTruncated) return found(this.#records, undefined, this.#isTruncated);
    return this.#isUnknown ? UNKNOWN : NODATA;
  }

  #add(outcome: Outcome): void {
    if (outcome === UNKNOWN) this.#isUnknown = true;
    if (outcome === null) return;
    for (const record of outcome.answer) this.#records.push(record);
    if (outcome.isTruncated) this.#isTruncated = true;
  }

  #isNew(host: string): boolean {
    if (this.#hostSet !== null) {
      if (this.#hostSet.has(host)) return false;
      this.#hostSet.add(host);
      return true;
    }
    if (this.#hosts.includes(host)) return false;
    this.#hosts.push(host);
    if (this.#hosts.length > FEW) this.#hostSet = new Set(this.#hosts);
    return true;
  }
}
