import { longestMatch, type Name } from '#dns/name.ts';
import { ptrRecord, type ResourceRecord } from '#dns/record.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { addressFromReverseName } from '#dns/reverse.ts';
import { Answer, failure, type Next, type Query, type Reply } from '#plugin/index.ts';
import type { HostsFile } from './hosts-file.ts';
import type { HostsOptions } from './options.ts';

const NONE: readonly ResourceRecord[] = [];

/** The layer of one server block. */
export class Hosts {
  readonly #options: HostsOptions;
  readonly #file: HostsFile;

  constructor(options: HostsOptions, file: HostsFile) {
    this.#options = options;
    this.#file = file;
  }

  handle(query: Query, next: Next): Reply | Promise<Reply> {
    const { name, type } = query;
    // An address need not be in a reverse zone of ours: the file says what it is called, wherever that is.
    if (type !== RR_TYPE.PTR && longestMatch(name, this.#options.zones) === null) return next(query);
    query.provenance.dependOn(this.#file.slot);
    let answer = NONE;
    if (type === RR_TYPE.PTR) {
      answer = this.#pointers(name);
      if (answer.length === 0) return next(query);
    } else if (type === RR_TYPE.A || type === RR_TYPE.AAAA) answer = this.#addresses(name, type);
    else if (this.#options.isUnsupportedPassedOn && this.#fallsThrough(name)) return next(query);
    if (answer.length > 0 || this.#isKnown(name)) return new Answer({ isAuthoritative: true, answer });
    if (this.#fallsThrough(name)) return next(query);
    // It would be NXDOMAIN, but a hosts file has no SOA to say for how long.
    return failure(RCODE.SERVFAIL);
  }

  #fallsThrough(name: Name): boolean {
    return longestMatch(name, this.#options.fallthrough) !== null;
  }

  #isKnown(name: Name): boolean {
    return this.#addresses(name, RR_TYPE.A).length > 0 || this.#addresses(name, RR_TYPE.AAAA).length > 0;
  }

  /** Records of the file, then those of the Corefile's lines. */
  #addresses(name: Name, type: number): readonly ResourceRecord[] {
    const ofFile = this.#file.table.records(name, type);
    const inline = this.#file.inline.records(name, type);
    return inline.length === 0 ? ofFile : ofFile.length === 0 ? inline : ofFile.concat(inline);
  }

  #pointers(name: Name): readonly ResourceRecord[] {
    const address = addressFromReverseName(name);
    if (address === null) return NONE;
    const names = this.#file.table.namesOf(address).concat(this.#file.inline.namesOf(address));
    return names.map((host) => ptrRecord(name, this.#options.ttlSeconds, host));
  }
}
