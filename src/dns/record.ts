import type { WireName } from './name.ts';
import { CLASS } from './registry/classes.ts';
import { RR_TYPE } from './registry/rr-types.ts';

/** A resource record; RDATA is in wire form with every name in it uncompressed. TTL in seconds. */
export class ResourceRecord {
  readonly owner: WireName;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  readonly rdata: Uint8Array;
  constructor(owner: WireName, type: number, ttl: number, rdata: Uint8Array, klass: number = CLASS.IN) {
    this.owner = owner;
    this.type = type;
    this.class = klass;
    this.ttl = ttl;
    this.rdata = rdata;
  }

  withTtl(ttl: number): ResourceRecord {
    return ttl === this.ttl ? this : new ResourceRecord(this.owner, this.type, ttl, this.rdata, this.class);
  }

  withOwner(owner: WireName): ResourceRecord {
    return owner === this.owner ? this : new ResourceRecord(owner, this.type, this.ttl, this.rdata, this.class);
  }
}

const latin1 = (octets: string): Uint8Array => Buffer.from(octets, 'latin1');

/** A or AAAA by the number of address octets (4 or 16). RFC 1035 section 3.4.1, RFC 3596. */
export const addressRecord = (owner: WireName, ttl: number, address: Uint8Array): ResourceRecord =>
  new ResourceRecord(owner, address.length === 4 ? RR_TYPE.A : RR_TYPE.AAAA, ttl, address);

/** RFC 1035, section 3.3.1. */
export const cnameRecord = (owner: WireName, ttl: number, target: WireName): ResourceRecord =>
  new ResourceRecord(owner, RR_TYPE.CNAME, ttl, latin1(target));

/** RFC 1035, section 3.3.12. */
export const ptrRecord = (owner: WireName, ttl: number, target: WireName): ResourceRecord =>
  new ResourceRecord(owner, RR_TYPE.PTR, ttl, latin1(target));

/** RFC 1035, section 3.3.11. */
export const nsRecord = (owner: WireName, ttl: number, target: WireName): ResourceRecord =>
  new ResourceRecord(owner, RR_TYPE.NS, ttl, latin1(target));

export interface Srv {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: WireName;
}

/** RFC 2782. */
export const srvRecord = (owner: WireName, ttl: number, srv: Srv): ResourceRecord => {
  const rdata = Buffer.allocUnsafe(6 + srv.target.length);
  rdata.writeUInt16BE(srv.priority, 0);
  rdata.writeUInt16BE(srv.weight, 2);
  rdata.writeUInt16BE(srv.port, 4);
  rdata.write(srv.target, 6, 'latin1');
  return new ResourceRecord(owner, RR_TYPE.SRV, ttl, rdata);
};

/** One character-string per text, each at most 255 octets. RFC 1035, section 3.3.14. */
export const txtRecord = (owner: WireName, ttl: number, texts: readonly string[]): ResourceRecord => {
  const strings = texts.map((text) => Buffer.from(text, 'utf8').subarray(0, 255));
  return new ResourceRecord(
    owner,
    RR_TYPE.TXT,
    ttl,
    Buffer.concat(strings.flatMap((s) => [Buffer.from([s.length]), s])),
  );
};

export interface Soa {
  readonly mname: WireName;
  readonly rname: WireName;
  readonly serial: number;
  readonly refresh: number;
  readonly retry: number;
  readonly expire: number;
  readonly minimum: number;
}

/** RFC 1035, section 3.3.13. */
export const soaRecord = (owner: WireName, ttl: number, soa: Soa): ResourceRecord => {
  const names = soa.mname + soa.rname;
  const rdata = Buffer.allocUnsafe(names.length + 20);
  let at = rdata.write(names, 0, 'latin1');
  for (const field of [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum])
    at = rdata.writeUInt32BE(field >>> 0, at);
  return new ResourceRecord(owner, RR_TYPE.SOA, ttl, rdata);
};

/** The single name that CNAME, NS, PTR and DNAME RDATA is made of. */
export const targetOf = (record: ResourceRecord): WireName =>
  Buffer.from(record.rdata.buffer, record.rdata.byteOffset, record.rdata.length).toString('latin1') as WireName;
