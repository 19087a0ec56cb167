import { describe, expect, it } from 'vitest';
import { ownCases } from '#test/packet-table/own-cases.ts';
import type { ProxyMode } from '../../rule-backend.ts';
import { ClusterModel } from '../cluster-model.ts';
import { explain } from './explain.ts';
import type { Explanation, Question } from './question.ts';

/** Asks in the cluster of a case of the packet table. */
const ask = (title: string, question: Question, mode: ProxyMode = 'nftables'): Explanation => {
  const found = ownCases(mode).find((one) => one.title === title);
  if (found === undefined) throw new Error(`no case ${title}`);
  const { options, machine, objects, nodeName } = found;
  const model = new ClusterModel({ nodeName });
  for (const object of objects) model.apply({ type: 'set', object });
  const services = model.take(options.family).ports;
  const families = { [options.family]: { services, options } };
  const suggest = (word: string, known: readonly string[]): string | undefined =>
    known.includes('default/headless') ? `did you mean "default/headless", not ${word}?` : undefined;
  return explain({ model, mode, families, localAddresses: machine.localAddresses, suggest }, question);
};

const service = (name: string, namespace: string | null = null, port: string | null = null): Question => ({
  kind: 'service',
  namespace,
  name,
  port,
  protocol: null,
});
const address = (text: string, port: number | null = null): Question => ({
  kind: 'address',
  address: text,
  port,
  protocol: null,
});
const lines = ({ text }: Explanation): readonly string[] => text.trimEnd().split('\n');

const LOCAL = "external: externalTrafficPolicy Local keeps the client's address and stays on the node";

describe('explain', () => {
  it('tells a Service entry by entry, policy by policy, and every endpoint', () => {
    expect(lines(ask(LOCAL, service('web')))).toEqual([
      'Service default/web, port http 80/tcp, IPv4, on node here',
      '',
      'cluster IP 172.30.0.1:80/tcp',
      '  internalTrafficPolicy Cluster: to one of 3 endpoints of the cluster',
      '  from pods (10.0.0.0/8) as it is, but where an endpoint reaches itself; all else is masqueraded, or the reply would not come back by here',
      'external IP 192.0.2.11:80/tcp',
      'load balancer 198.51.100.11:80/tcp',
      'node port 30080/tcp on 192.168.0.2',
      "  externalTrafficPolicy Local, from elsewhere: to one of 2 endpoints on this node, with the client's address",
      "  from pods (10.0.0.0/8): to one of 3 endpoints of the cluster, with the pod's address",
      '  from this node itself: to one of 3 endpoints of the cluster, masqueraded',
      '',
      'endpoint         node   zone  of the cluster  on this node',
      '10.180.0.1:8080  here   z1    33.3 %          50.0 %',
      '10.180.0.2:8080  here   z1    33.3 %          50.0 %',
      '10.180.1.1:8080  there  -     33.3 %          not on this node',
      '',
      '- health check node port 32000 tells 2 ready endpoints on this node',
    ]);
  });

  it('tells the one entry that an address and port is', () => {
    expect(lines(ask(LOCAL, address('192.168.0.2', 30080))).slice(0, 4)).toEqual([
      '192.168.0.2:30080/tcp is a node port of default/web',
      'Service default/web, port http 80/tcp, IPv4, on node here',
      '',
      'node port 30080/tcp on 192.168.0.2',
    ]);
    expect(lines(ask(LOCAL, address('198.51.100.11', 80)))[0]).toBe(
      '198.51.100.11:80/tcp is the load balancer of default/web',
    );
  });

  it.each([
    ['endpoints: zone hints keep to the zone', '10.180.2.1:80  there      z2    zone hint z2, this node is in z1'],
    ['endpoints: zone hints keep to the zone', '10.180.2.2:80  there      z2    not ready'],
    [
      'endpoints: node hints keep to the node',
      '10.180.1.1:80  neighbour  z1    node hint neighbour, this node is here',
    ],
    [
      'endpoints: only what is ready, as long as something is',
      '10.180.0.2:80  here   z1    terminating, and others are ready',
    ],
    [
      'endpoints: only what is ready, as long as something is',
      '10.180.1.3:80  there  z2    terminating, and no longer serving',
    ],
    [
      'endpoints: topologyKeys, then the zone',
      '10.180.2.1:80  there      z2    topology.kubernetes.io/zone is z2, and z1 here',
    ],
    [
      'endpoints: topologyKeys that are used up are silence',
      '10.180.2.1:80  there   z2    no topology key has the same value as on this node',
    ],
  ])('says why an endpoint is not used: %s', (title, line) => {
    expect(lines(ask(title, service('web')))).toContain(line);
  });

  it.each([
    [
      'cluster-ip: internalTrafficPolicy Local without an endpoint on the node is silence',
      'dropped, as there are endpoints, but none on this node',
    ],
    [
      'cluster-ip: internalTrafficPolicy Local without any endpoint is refused',
      'rejected, as there is no endpoint anywhere that could be used',
    ],
    [
      'endpoints: topologyKeys that are used up are silence',
      'dropped, as there are endpoints, but topologyKeys allow none of them',
    ],
    [
      'cluster-ip: masqueradeAll masquerades pods, too',
      'masqueraded, as masqueradeAll says: the endpoint sees an address of the node',
    ],
    [
      'cluster-ip: without a way to know pods nothing but hairpin is masqueraded',
      'nothing is set that tells pods of this node from others',
    ],
    [
      'cluster-ip: pods are what comes in by interfaces of a prefix',
      'from pods of this node (interfaces veth*) as it is',
    ],
    [
      "source-ranges: a range with the node in it lets the load balancer's own address in",
      'only for clients in 192.168.0.0/24, which has this node in it',
    ],
    [
      'endpoints: policy Local where all that is left ends',
      'no endpoint is ready, so those that are terminating and still serve are used',
    ],
    [
      'cluster-ip: affinity leaves every endpoint possible for the first flow',
      'until 60 s have gone by without a new connection',
    ],
    [
      'endpoints: topologyKeys, then the region',
      'are decided by topology.kubernetes.io/region; their like today: trafficDistribution: PreferSameNode, which falls back',
    ],
    [
      'cluster-ip: an endpoint in two slices, a half-written slice and slices of no use',
      'EndpointSlice web-2 has "no-address", which is no IPv4 address',
    ],
    [
      'cluster-ip: an endpoint in two slices, a half-written slice and slices of no use',
      'EndpointSlice web-8 has no port (no name)/tcp; it has other/tcp',
    ],
  ])('says what decides: %s', (title, text) => {
    expect(ask(title, service('web')).text).toContain(text);
  });

  it('names who has an entry that was left out', () => {
    const title = 'external: two Services ask for one externalIP and one node port, and the first by name has them';
    expect(lines(ask(title, service('zebra'))).slice(-2)).toEqual([
      '- external IP 192.0.2.11 is left out: default/ant/tcp has it, which comes first by name',
      '- node port 30080/tcp is left out: default/ant/tcp has it, which comes first by name',
    ]);
  });

  it('says why a Service has no rules', () => {
    const title = 'cluster-ip: Services that are no business of the proxy';
    expect(ask(title, service('elsewhere')).text).toContain('it is an ExternalName: DNS alone answers for it');
    expect(ask(title, service('other-proxy')).text).toContain('gives it to the proxy "other"');
  });

  it('tells of what is near where nothing is there', () => {
    const title = 'endpoints: only what is ready, as long as something is';
    expect(lines(ask(title, address('172.30.0.1', 81)))).toEqual([
      '172.30.0.1:81: 172.30.0.1 is the cluster IP of default/web, which has 80/tcp, so it is rejected',
    ]);
    expect(ask(title, address('172.30.0.1', 81), 'iptables').text).toContain('so no rule changes its way');
    expect(ask(title, address('10.180.1.1')).text).toContain('is an endpoint of default/web');
    expect(ask(title, address('192.168.1.2', 30080)).text).toContain('they answer on 192.168.0.2');
  });

  it("is a fault where the name or the address is nobody's", () => {
    const title = 'cluster-ip: Services that are no business of the proxy';
    expect(ask(title, service('hedless'))).toEqual({
      kind: 'fault',
      text: 'there is no Service default/hedless; did you mean "default/headless", not default/hedless?\n',
    });
    expect(ask(LOCAL, service('wbe'))).toEqual({
      kind: 'fault',
      text: 'there is no Service default/wbe; there are default/web\n',
    });
    expect(ask(LOCAL, service('web', null, 'htp'))).toEqual({
      kind: 'fault',
      text: 'default/web has no port htp; it has http 80/tcp\n',
    });
    expect(ask(LOCAL, address('172.30.0.2')).kind).toBe('fault');
  });

  it('finds a Service of another namespace where none is said and it is the only one', () => {
    const title = 'cluster-ip: ports are told apart by name and protocol';
    expect(lines(ask(title, service('kube-dns', null, 'metrics')))[0]).toBe(
      'Service kube-system/kube-dns, port metrics 9153/tcp, IPv4, on node here',
    );
  });
});
