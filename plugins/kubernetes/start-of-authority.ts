import { prependLabels, type WireName } from '#dns/name.ts';
import { type ResourceRecord, soaRecord } from '#dns/record.ts';

const REFRESH_SECONDS = 7200;
const RETRY_SECONDS = 1800;
const EXPIRE_SECONDS = 86_400;
const MAX_TTL_SECONDS = 300;

/** Makes the zone's SOA record; the last one is kept, because negative answers ask for the same one again and again. */
export class StartOfAuthority {
  readonly #ttlSeconds: number;
  #serial = -1;
  #record: ResourceRecord | null = null;

  constructor(ttlSeconds: number) {
    this.#ttlSeconds = ttlSeconds;
  }

  /** The SOA of a zone in this spelling; `serial` is the time of the last change. */
  record(zone: WireName, serial: number): ResourceRecord {
    if (this.#record === null || this.#serial !== serial || this.#record.owner !== zone) {
      this.#serial = serial;
      this.#record = soaRecord(zone, Math.min(this.#ttlSeconds, MAX_TTL_SECONDS), {
        mname: prependLabels(['ns', 'dns'], zone),
        rname: prependLabels(['hostmaster'], zone),
        serial,
        refresh: REFRESH_SECONDS,
        retry: RETRY_SECONDS,
        expire: EXPIRE_SECONDS,
        minimum: this.#ttlSeconds,
      });
    }
    return this.#record;
  }
}
