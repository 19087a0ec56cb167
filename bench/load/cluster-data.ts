// The addresses that the test bed's load generator gives, for servers that have no Kubernetes and get the same names as zone data.

/** ClusterIP of Service i: an odd factor makes it a permutation of the /12. */
export const serviceAddress = (i: number): string => dotted(CLUSTER_IPS + (((i + 1) * 52_361) % 2 ** 20));
const CLUSTER_IPS = (10 << 24) | (96 << 16);
const POD_IPS = (10 << 24) | (128 << 16);

export interface NameWithAddresses {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** Every Service's name and what it resolves to. */
export const clusterNames = (services: number): NameWithAddresses[] =>
  Array.from({ length: services }, (_, i) => ({
    name: `svc-${i}.load-${i % 10}.svc.cluster.local`,
    addresses: i % 10 === 9 ? [dotted(POD_IPS + 2 * i + 1), dotted(POD_IPS + 2 * i + 2)] : [serviceAddress(i)],
  }));

const dotted = (address: number): string => [24, 16, 8, 0].map((bits) => (address >>> bits) & 255).join('.');
