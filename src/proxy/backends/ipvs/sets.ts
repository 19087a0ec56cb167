import type { IpSet, SetType } from '#netfilter/ipset/ip-set.ts';
import type { IpFamily } from '../../rule-options.ts';

/** kube-proxy's sets: IPv4 name, type, and what a rule that asks it is for. */
export const SETS = [
  ['KUBE-LOOP-BACK', 'hash:ip,port,ip', 'a pod that reaches itself'],
  ['KUBE-CLUSTER-IP', 'hash:ip,port', 'cluster IPs'],
  ['KUBE-EXTERNAL-IP', 'hash:ip,port', 'external IPs'],
  ['KUBE-EXTERNAL-IP-LOCAL', 'hash:ip,port', 'external IPs, local policy'],
  ['KUBE-LOAD-BALANCER', 'hash:ip,port', 'load balancer IPs'],
  ['KUBE-LOAD-BALANCER-FW', 'hash:ip,port', 'load balancer IPs with source ranges'],
  ['KUBE-LOAD-BALANCER-LOCAL', 'hash:ip,port', 'load balancer IPs, local policy'],
  ['KUBE-LOAD-BALANCER-SOURCE-IP', 'hash:ip,port,ip', 'load balancer IPs as their own source'],
  ['KUBE-LOAD-BALANCER-SOURCE-CIDR', 'hash:ip,port,net', 'source ranges'],
  ['KUBE-NODE-PORT-TCP', 'bitmap:port', 'node ports, TCP'],
  ['KUBE-NODE-PORT-LOCAL-TCP', 'bitmap:port', 'node ports, TCP, local policy'],
  ['KUBE-NODE-PORT-UDP', 'bitmap:port', 'node ports, UDP'],
  ['KUBE-NODE-PORT-LOCAL-UDP', 'bitmap:port', 'node ports, UDP, local policy'],
  ['KUBE-NODE-PORT-SCTP-HASH', 'hash:ip,port', 'node ports, SCTP'],
  ['KUBE-NODE-PORT-LOCAL-SCTP-HASH', 'hash:ip,port', 'node ports, SCTP, local policy'],
  ['KUBE-HEALTH-CHECK-NODE-PORT', 'bitmap:port', 'health check node ports'],
  ['KUBE-IPVS-IPS', 'hash:ip', 'addresses of kube-ipvs0'],
] as const satisfies readonly (readonly [string, SetType, string])[];

export type SetKey = (typeof SETS)[number][0];

/** ipset's limit; kube-proxy cuts names there, too. */
const MAX_NAME = 31;

/** A set's name in the kernel, which knows one name once for both families. */
export const setName = (key: SetKey, family: IpFamily): string =>
  family === 'IPv4' ? key : key.replace('KUBE-', 'KUBE-6-').slice(0, MAX_NAME);

/** The names of one family. */
export const setNames = (family: IpFamily): ReadonlySet<string> => new Set(SETS.map(([key]) => setName(key, family)));

/** All sets of a family while they are filled. */
export class SetsInWork {
  readonly #members = new Map<SetKey, Set<string>>(SETS.map(([key]) => [key, new Set()]));

  add(key: SetKey, member: string): void {
    this.#members.get(key)?.add(member);
  }

  of(family: IpFamily): ReadonlyMap<SetKey, IpSet> {
    return new Map(
      SETS.map(([key, type]) => [
        key,
        {
          name: setName(key, family),
          type,
          family: family === 'IPv4' ? 'inet' : 'inet6',
          members: this.#members.get(key) ?? new Set(),
        },
      ]),
    );
  }
}
