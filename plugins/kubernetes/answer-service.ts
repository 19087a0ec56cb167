import type { WireName } from '#dns/name.ts';
import { addressRecord, cnameRecord, type ResourceRecord, srvRecord, txtRecord } from '#dns/record.ts';
import type { Ask } from './ask.ts';
import type { Backend } from './backend.ts';
import { type Candidate, findCandidates } from './candidates.ts';
import { externalTarget } from './external-name.ts';
import { isDefaultNs } from './name-servers.ts';
import { found, NODATA, type Outcome } from './outcome.ts';
import { nameBelow } from './target-name.ts';

/** Version of the DNS specification that is followed, and how long it may be remembered. */
const SCHEMA_VERSION = '1.1.0';
const SCHEMA_TTL_SECONDS = 28_800;
const DNS_VERSION = '\x0bdns-version';

/** For types that no name here has: NODATA for a name that is there. */
export const answerNothing = (backend: Backend, ask: Ask): Outcome =>
  isDefaultNs(ask) || findCandidates(backend, ask) !== null ? NODATA : null;

/** CNAME: what an ExternalName Service points to. */
export const answerCname = (backend: Backend, ask: Ask): Outcome => {
  if (isDefaultNs(ask)) return NODATA;
  const candidates = findCandidates(backend, ask);
  if (candidates === null) return null;
  const [first] = candidates;
  if (first === undefined || first.octets !== null) return NODATA;
  const target = externalTarget(first.host);
  return target === null ? NODATA : found([cnameRecord(ask.spelled, backend.options.ttlSeconds, target)]);
};

/**
 * TXT: the version at `dns-version.ZONE`. A name with addresses is NODATA; one without any (the zone, a Namespace, `ns.dns`) is
 * NXDOMAIN, which is wrong by RFC 8020 and kept to match CoreDNS (plugin/kubernetes/kubernetes.go, Services).
 */
export const answerTxt = (backend: Backend, ask: Ask): Outcome => {
  if (ask.name.length === ask.zone.length + DNS_VERSION.length && ask.name.startsWith(DNS_VERSION))
    return found([txtRecord(ask.spelled, SCHEMA_TTL_SECONDS, [SCHEMA_VERSION])]);
  const candidates = findCandidates(backend, ask);
  return candidates !== null && candidates.length > 0 ? NODATA : null;
};

/**
 * SRV: one for each target and port, with the targets' addresses. Every candidate counts in the weight, also those that give no
 * record of their own: a dual-stack Service with one port has one record with weight 50.
 */
export const answerSrv = (backend: Backend, ask: Ask): Outcome => {
  if (isDefaultNs(ask)) return NODATA;
  const candidates = findCandidates(backend, ask);
  if (candidates === null) return null;
  const { ttlSeconds } = backend.options;
  const answer: ResourceRecord[] = [];
  const additional: ResourceRecord[] = [];
  const seen = new Set<string>();
  const addressed = candidates.filter(({ octets }) => octets !== null);
  const weight = weightOf(addressed.length);
  for (const candidate of addressed) {
    const { port, host, octets } = candidate;
    const target = port === -1 ? null : targetOf(candidate, ask.spelledZone);
    if (target === null || octets === null) continue;
    if (isFirst(seen, `${port} ${target}`))
      answer.push(srvRecord(ask.spelled, ttlSeconds, { priority: 0, weight, port, target }));
    if (isFirst(seen, `${host} ${target}`)) additional.push(addressRecord(target, ttlSeconds, octets));
  }
  return found(answer, additional);
};

/** floor(100 / count), at least 1, in CoreDNS's order of floating-point steps (plugin/backend_lookup.go). */
const weightOf = (count: number): number => Math.max(1, Math.floor((100 / (count * 100)) * 100));

const targetOf = ({ endpoint, owner, namespace, kind }: Candidate, zone: WireName): WireName | null =>
  nameBelow(`${endpoint === '' ? '' : `${endpoint}.`}${owner}.${namespace}.${kind}`, zone);

const isFirst = (seen: Set<string>, key: string): boolean => {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
};
