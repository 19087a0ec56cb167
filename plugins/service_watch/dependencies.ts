import { addressText } from '#dns/address.ts';
import { foldName, longestMatch, type Name } from '#dns/name.ts';
import { targetOf } from '#dns/record.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { addressFromReverseName } from '#dns/reverse.ts';
import { addressKey, serviceKey } from '#kube/dependency-keys.ts';
import { parseRequest } from '#kube/name-grammar.ts';
import type { Reply } from '#plugin/index.ts';

/**
 * The key that a name within a zone of the cluster changes with: that of the Service whose name it is or is below (also for what search paths make
 * of other names: `www.example.com.svc.cluster.local` is below the Service `example` of the Namespace `com`), or that of a
 * reverse name's address; null where no Service can change it.
 */
export const dependencyOf = (name: Name, zone: Name): string | null => {
  const octets = addressFromReverseName(name);
  if (octets !== null) return addressKey(addressText(octets));
  const request = parseRequest(name, zone);
  if (request === null || request.kind !== 'svc' || request.service === '') return null;
  return serviceKey(request.namespace, request.service);
};

/** Keys of the names that a reply's CNAMEs lead to, where they are within a zone: an ExternalName may point to a Service. */
export const dependenciesOfTargets = (reply: Reply, zones: readonly Name[]): readonly string[] => {
  if (reply.kind !== 'answer') return NONE;
  let keys: string[] | null = null;
  for (const record of reply.answer) {
    if (record.type !== RR_TYPE.CNAME) continue;
    const target = foldName(targetOf(record));
    const zone = longestMatch(target, zones);
    const key = zone === null ? null : dependencyOf(target, zone);
    if (key === null) continue;
    keys ??= [];
    keys.push(key);
  }
  return keys ?? NONE;
};

const NONE: readonly string[] = Object.freeze([]);
