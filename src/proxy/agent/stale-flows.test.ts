import { describe, expect, it } from 'vitest';
import type { ServicePort } from '../model/service-port.ts';
import { readFlows } from './conntrack-flows.ts';
import { type FlowJudge, staleFlows } from './stale-flows.ts';

const DNS = {
  protocol: 'udp',
  clusterIP: '10.96.0.10',
  port: 53,
  externalIPs: ['80.11.12.10'],
  loadBalancerIPs: ['5.6.7.8'],
  nodePort: 30_053,
} as unknown as ServicePort;
const POD = { address: '10.244.0.2', port: 5353 };

/** Lines as `from -> to by endpoint`, each a `host:port`. */
const flowsOf = (...lines: string[]): string =>
  lines
    .map((line) => {
      const [from, to, by] = line.split(/ -> | by /).map((text) => text.split(':')) as [string[], string[], string[]];
      return `udp      17 29 src=${from[0]} dst=${to[0]} sport=${from[1]} dport=${to[1]} src=${by[0]} dst=${from[0]} sport=${by[1]} dport=${from[1]} [ASSURED] mark=0 use=1`;
    })
    .join('\n');

const judge = (more: Partial<FlowJudge> = {}): FlowJudge => ({
  now: [{ port: DNS, endpoints: [POD] }],
  gone: [],
  isNodeAddress: (address) => address === '192.168.0.2',
  ...more,
});

const stale = (text: string, more: Partial<FlowJudge> = {}): string[] =>
  staleFlows(readFlows(text, 'udp'), judge(more)).map(
    ({ to, answeredBy }) => `${to.address}:${to.port} by ${answeredBy.address}:${answeredBy.port}`,
  );

describe('a flow', () => {
  it.each([
    ['a ClusterIP', '10.96.0.10:53'],
    ['an externalIP', '80.11.12.10:53'],
    ['a load balancer', '5.6.7.8:53'],
    ['a node port', '192.168.0.2:30053'],
  ])('to %s is stale where its endpoint is gone, and not where it serves', (_, to) => {
    expect(stale(flowsOf(`1.1.1.1:1000 -> ${to} by 10.244.0.9:5353`))).toEqual([`${to} by 10.244.0.9:5353`]);
    expect(stale(flowsOf(`1.1.1.1:1000 -> ${to} by 10.244.0.2:5353`))).toEqual([]);
  });

  it('that no rule has sent to an endpoint is stale', () => {
    expect(stale(flowsOf('1.1.1.1:1000 -> 10.96.0.10:53 by 10.96.0.10:53'))).toHaveLength(1);
  });

  it('to another port of the endpoint is stale', () => {
    expect(stale(flowsOf('1.1.1.1:1000 -> 10.96.0.10:53 by 10.244.0.2:53'))).toHaveLength(1);
  });

  it('to the number of a node port elsewhere is nobody of ours', () => {
    expect(stale(flowsOf('10.244.0.2:1000 -> 8.8.8.8:30053 by 8.8.8.8:30053'))).toEqual([]);
  });

  it('to an address that is no entry is left alone', () => {
    expect(stale(flowsOf('1.1.1.1:1000 -> 9.9.9.9:53 by 9.9.9.9:53'))).toEqual([]);
  });

  it('to an entry that is gone is stale, unless another Service has it now', () => {
    const text = flowsOf('1.1.1.1:1000 -> 10.96.0.10:53 by 10.244.0.2:5353');
    expect(stale(text, { now: [], gone: [DNS] })).toHaveLength(1);
    expect(stale(text, { gone: [DNS] })).toEqual([]);
  });
});

describe('flows of many clients to one endpoint', () => {
  it('are one deletion', () => {
    const text = flowsOf(
      '1.1.1.1:1000 -> 10.96.0.10:53 by 10.244.0.9:5353',
      '1.1.1.2:1001 -> 10.96.0.10:53 by 10.244.0.9:5353',
      '1.1.1.2:1001 -> 10.96.0.10:53 by 10.244.0.8:5353',
    );
    expect(stale(text)).toHaveLength(2);
  });
});

describe('the listing', () => {
  it('is read with and without replies, and states', () => {
    const text = `udp      17 29 src=fd00::1 dst=fd00::2 sport=1000 dport=53 [UNREPLIED] src=fd00::3 dst=fd00::1 sport=5353 dport=1000 mark=0 use=1
sctp     132 99 ESTABLISHED src=10.0.0.1 dst=10.96.0.10 sport=1001 dport=53 src=10.244.0.3 dst=10.0.0.1 sport=53 dport=1001 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.`;
    expect(readFlows(text, 'udp')).toEqual([
      { protocol: 'udp', to: { address: 'fd00::2', port: 53 }, answeredBy: { address: 'fd00::3', port: 5353 } },
    ]);
    expect(readFlows(text, 'sctp')).toHaveLength(1);
  });

  it('is without flows of zones, which are not ours', () => {
    const text = flowsOf('1.1.1.1:1 -> 2.2.2.2:53 by 3.3.3.3:53').replace('mark=0', 'mark=0 zone=4');
    expect(readFlows(text, 'udp')).toEqual([]);
  });
});
