import { describe, expect, it } from 'vitest';
import { fitLimits, KUBELET_LIMITS } from './limits.ts';
import { parseResolvConf } from './parse-resolv-conf.ts';
import { formatResolvConf, type NodeDns, podResolvConf } from './resolv-conf.ts';
import { serviceEnvironment } from './service-environment.ts';

const node: NodeDns = {
  clusterDns: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  host: { nameservers: ['192.0.2.1'], searches: ['corp.example'], options: ['timeout:2'] },
};
const pod = (spec: Record<string, unknown>) => ({ metadata: { name: 'web', namespace: 'shop' }, spec });
const textOf = (spec: Record<string, unknown>, at: NodeDns = node) =>
  formatResolvConf(podResolvConf(pod(spec), at).conf);

describe('podResolvConf', () => {
  it('gives cluster names first and the search domains of the node after them', () => {
    const expected =
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example\nnameserver 10.96.0.10\noptions ndots:5\n';
    expect(textOf({})).toBe(expected);
    expect(textOf({ dnsPolicy: 'ClusterFirst' })).toBe(expected);
    expect(textOf({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true })).toBe(expected);
  });

  it("gives the node's own file to Default, and to ClusterFirst on the host's network", () => {
    const expected = 'search corp.example\nnameserver 192.0.2.1\noptions timeout:2\n';
    expect(textOf({ dnsPolicy: 'Default' })).toBe(expected);
    expect(textOf({ dnsPolicy: 'ClusterFirst', hostNetwork: true })).toBe(expected);
  });

  it('puts the loopback of each family in place of a file that the node has not', () => {
    expect(textOf({ dnsPolicy: 'Default' }, { ...node, host: null })).toBe('search .\nnameserver 127.0.0.1\n');
    const dual = { ...node, host: null, nodeIps: ['fd00::1', '10.0.0.1'] };
    expect(textOf({ dnsPolicy: 'Default' }, dual)).toBe('search .\nnameserver ::1\nnameserver 127.0.0.1\n');
  });

  it('gives None nothing but dnsConfig', () => {
    expect(textOf({ dnsPolicy: 'None' })).toBe('');
    const dnsConfig = {
      nameservers: ['1.1.1.1', '1.1.1.1'],
      searches: ['a'],
      options: [{ name: 'ndots', value: '2' }, { name: 'debug' }],
    };
    expect(textOf({ dnsPolicy: 'None', dnsConfig })).toBe('search a\nnameserver 1.1.1.1\noptions ndots:2 debug\n');
  });

  it('lets dnsConfig add to a policy, and replace an option of the same name', () => {
    const dnsConfig = {
      nameservers: ['1.1.1.1'],
      searches: ['cluster.local', 'a'],
      options: [{ name: 'ndots', value: '1' }],
    };
    expect(textOf({ dnsConfig })).toBe(
      'search shop.svc.cluster.local svc.cluster.local cluster.local corp.example a\nnameserver 10.96.0.10\nnameserver 1.1.1.1\noptions ndots:1\n',
    );
  });

  it('falls back to Default and says so where the node has no cluster DNS', () => {
    const { conf, events } = podResolvConf(pod({}), { ...node, clusterDns: [] });
    expect(conf.nameservers).toEqual(['192.0.2.1']);
    expect(events.map(({ reason }) => reason)).toEqual(['MissingClusterDNS']);
  });
});

describe('fitLimits', () => {
  const conf = { nameservers: [], searches: [], options: [] };

  it('keeps three name servers and says what was left out', () => {
    const { conf: fitted, events } = fitLimits(
      { ...conf, nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'] },
      KUBELET_LIMITS,
    );
    expect(fitted.nameservers).toEqual(['1.1.1.1', '2.2.2.2', '3.3.3.3']);
    expect(events.map(({ message }) => message)).toEqual([
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3',
    ]);
  });

  it('keeps 32 search paths of at most 253 characters, and 2048 characters in all', () => {
    const kept = (searches: string[]) => fitLimits({ ...conf, searches }, KUBELET_LIMITS).conf.searches;
    const many = Array.from({ length: 33 }, (_, index) => `d${index}`);
    expect(kept(many)).toEqual(many.slice(0, 32));
    expect(kept(['a', 'b'.repeat(254), 'c'.repeat(253)])).toEqual(['a', 'c'.repeat(253)]);
    const eight = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(227));
    const full = [...eight, 'x'.repeat(224)];
    expect(kept(full)).toEqual(full);
    expect(kept([...eight, 'x'.repeat(225)])).toEqual(eight);
  });
});

describe('parseResolvConf', () => {
  it('adds up name servers, and takes the last search and the last options', () => {
    const text =
      '# c\nnameserver 1.1.1.1 # x\n\tnameserver\t2.2.2.2\nsearch a\nsearch b. c .\noptions x\noptions ndots:2 y\nodd z\n';
    expect(parseResolvConf(text)).toEqual({
      nameservers: ['1.1.1.1', '2.2.2.2'],
      searches: ['b', 'c', '.'],
      options: ['ndots:2', 'y'],
    });
  });

  it('refuses a nameserver line without an address', () => {
    expect(parseResolvConf('search a\nnameserver')).toEqual({ error: 'line 2: nameserver list is empty' });
  });
});

describe('serviceEnvironment', () => {
  const service = (namespace: string, name: string, spec: Record<string, unknown>) => ({
    metadata: { namespace, name },
    spec,
  });
  const kubernetes = service('default', 'kubernetes', {
    clusterIP: '10.96.0.1',
    ports: [{ name: 'https', port: 443, protocol: 'TCP' }],
  });
  const services = [
    kubernetes,
    service('shop', 'my-db', {
      clusterIP: 'fd00::7',
      ports: [
        { port: 53, protocol: 'UDP' },
        { name: 'admin-ui', port: 80 },
      ],
    }),
    service('shop', 'headless', { clusterIP: 'None', ports: [{ port: 80 }] }),
    service('shop', 'outside', { type: 'ExternalName', externalName: 'example.com' }),
    service('other', 'far', { clusterIP: '10.96.0.9', ports: [{ port: 80 }] }),
  ];

  it('names host, ports and links of each Service with a ClusterIP in the Namespace, and of the API server', () => {
    expect(Object.fromEntries(serviceEnvironment(pod({}), services))).toEqual({
      KUBERNETES_PORT: 'tcp://10.96.0.1:443',
      KUBERNETES_PORT_443_TCP: 'tcp://10.96.0.1:443',
      KUBERNETES_PORT_443_TCP_ADDR: '10.96.0.1',
      KUBERNETES_PORT_443_TCP_PORT: '443',
      KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
      KUBERNETES_SERVICE_HOST: '10.96.0.1',
      KUBERNETES_SERVICE_PORT: '443',
      KUBERNETES_SERVICE_PORT_HTTPS: '443',
      MY_DB_PORT: 'udp://[fd00::7]:53',
      MY_DB_PORT_53_UDP: 'udp://[fd00::7]:53',
      MY_DB_PORT_53_UDP_ADDR: 'fd00::7',
      MY_DB_PORT_53_UDP_PORT: '53',
      MY_DB_PORT_53_UDP_PROTO: 'udp',
      MY_DB_PORT_80_TCP: 'tcp://[fd00::7]:80',
      MY_DB_PORT_80_TCP_ADDR: 'fd00::7',
      MY_DB_PORT_80_TCP_PORT: '80',
      MY_DB_PORT_80_TCP_PROTO: 'tcp',
      MY_DB_SERVICE_HOST: 'fd00::7',
      MY_DB_SERVICE_PORT: '53',
      MY_DB_SERVICE_PORT_ADMIN_UI: '80',
    });
  });

  it('leaves only the API server where the Pod wants no links', () => {
    const names = [...serviceEnvironment(pod({ enableServiceLinks: false }), services).keys()];
    expect(names.every((name) => name.startsWith('KUBERNETES_'))).toBe(true);
    expect(names).toHaveLength(8);
  });

  it("lets a Service of the Pod's own Namespace take the API server's name", () => {
    const own = service('shop', 'kubernetes', { clusterIP: '10.96.0.3', ports: [] });
    expect(serviceEnvironment(pod({}), [...services, own]).get('KUBERNETES_SERVICE_HOST')).toBe('10.96.0.3');
  });
});
