import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServicePorts } from '#proxy/model/service-port.ts';
import { DEFAULT_MASQUERADE_MARK, type IpFamily, type RuleOptions } from '#proxy/rule-options.ts';
import { type ServerProcess, startProcess } from '#test/process.ts';
import { servicePortOf, servicePortsOf } from '#test/service-ports.ts';

type ByFamily = Readonly<Record<4 | 6, string>>;

/** Where the node's cache is asked besides the cluster IP. */
export const LOCAL_DNS: ByFamily = { 4: '169.254.20.10', 6: 'fd00:169:254:20::10' };
/** The cluster IP of kube-dns, which Pods have in their resolv.conf. */
export const KUBE_DNS: ByFamily = { 4: '10.96.0.10', 6: 'fd00:10:96::a' };
/** The one that only the cache asks. */
export const KUBE_DNS_UPSTREAM: ByFamily = { 4: '10.96.0.11', 6: 'fd00:10:96::b' };

export const POD: ByFamily = { 4: '10.244.1.5', 6: 'fd00:10:244:1::5' };
export const NODE_ADDRESS: ByFamily = { 4: '192.168.0.2', 6: 'fd00:192:168::2' };
/** The Pod that is the cluster's DNS. */
export const DNS_POD: ByFamily = { 4: '10.244.2.53', 6: 'fd00:10:244:2::53' };
/** A DNS server of a company's own domain. */
export const STUB_SERVER = '10.244.2.54';

/** Answers tell who gave them; those of a node's caches begin with 192.0.3. */
export const ANSWERED_BY = { cluster: '192.0.2.2', stub: '192.0.2.4', notStub: '192.0.2.5' } as const;
/** Both the cache and the cluster's DNS answer it, each in its own way. */
export const WHO = 'who.cluster.local';
/** A Service; its records live for 5 s. */
export const SERVICE = 'hello-world.default.svc.cluster.local';
/** Names below it have an answer that may be kept for an hour. */
export const KEPT_ZONE = 'kept.cluster.local';
export const KEPT_ADDRESS = '192.0.2.3';
/** Below it the stub server and the cluster's DNS answer differently. */
export const STUB_DOMAIN = 'stub.test';

const corefile = `cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    bind ${DNS_POD[4]} ${DNS_POD[6]}
    errors
    hosts {
        ${ANSWERED_BY.cluster} ${WHO}
        ${KEPT_ADDRESS} *.${KEPT_ZONE}
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        ttl 5
    }
}
${STUB_DOMAIN}:53 {
    bind ${STUB_SERVER}
    hosts {
        ${ANSWERED_BY.stub} *.${STUB_DOMAIN}
    }
}
.:53 {
    bind ${DNS_POD[4]} ${DNS_POD[6]}
    hosts {
        ${ANSWERED_BY.notStub} *.${STUB_DOMAIN}
    }
}
`;

/** Starts the cluster's DNS in the network namespace of this name; `directory` is for its Corefile. */
export const startClusterDns = (netns: string, directory: string): Promise<ServerProcess> => {
  const file = join(directory, 'Corefile.cluster');
  writeFileSync(file, corefile);
  return startProcess(['-conf', file, '-manifests', 'examples'], { netns });
};

/** kube-dns and kube-dns-upstream, as a Service proxy sees them. */
export const dnsServices = (family: IpFamily): ServicePorts => {
  const number = family === 'IPv6' ? 6 : 4;
  const endpoints = [{ address: DNS_POD[number], port: 53, isLocal: false }];
  const named = [
    ['kube-dns', KUBE_DNS[number]],
    ['kube-dns-upstream', KUBE_DNS_UPSTREAM[number]],
  ] as const;
  return servicePortsOf(
    ...named.flatMap(([name, clusterIP]) =>
      (['udp', 'tcp'] as const).map((protocol) =>
        servicePortOf(`kube-system/${name}:dns${protocol === 'tcp' ? '-tcp' : ''}`, clusterIP, {
          protocol,
          family,
          port: 53,
          clusterEndpoints: endpoints,
        }),
      ),
    ),
  );
};

/** As a cluster whose Pods are of 10.244.0.0/16 has them. */
export const ruleOptions = (family: IpFamily): RuleOptions => ({
  family,
  localTraffic: { by: 'cidr', cidr: family === 'IPv6' ? 'fd00:10:244::/48' : '10.244.0.0/16' },
  masqueradeAll: false,
  masqueradeMark: DEFAULT_MASQUERADE_MARK,
  nodePortAddresses: 'all',
  localhostNodePorts: false,
  conntrackTcpBeLiberal: false,
  serviceCidrs: [family === 'IPv6' ? 'fd00:10:96::/112' : '10.96.0.0/16'],
  hasRandomFully: true,
  hasNfacct: false,
});
