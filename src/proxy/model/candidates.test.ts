import { describe, expect, it } from 'vitest';
import { type EndpointSlice, projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { candidates } from './candidates.ts';

const slice = (
  name: string,
  endpoints: readonly unknown[],
  others: Readonly<Record<string, unknown>> = {},
): EndpointSlice =>
  projectEndpointSlice({
    metadata: { name, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 80 }],
    endpoints,
    ...others,
  }) as EndpointSlice;

const HTTP = { name: 'http', protocol: 'tcp' };
const textsOf = (slices: readonly EndpointSlice[], port = HTTP): readonly string[] =>
  candidates(slices, port, 'IPv4', 'here').map(({ text }) => text);

describe('candidates', () => {
  it('are sorted as texts, where a colon comes after digits, as kube-proxy has it', () => {
    const addresses = ['10.0.0.1', '10.0.0.10', '10.0.0.2', '10.0.0.100'].map((address) => ({ addresses: [address] }));
    expect(textsOf([slice('a', addresses)])).toEqual(['10.0.0.100:80', '10.0.0.10:80', '10.0.0.1:80', '10.0.0.2:80']);
  });

  it('are those of the port of this name and protocol', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'http', port: 81, protocol: 'UDP' },
      { name: 'other', port: 82 },
      { port: 83 },
    ];
    const one = slice('a', [{ addresses: ['10.0.0.1'] }], { ports });
    expect(textsOf([one])).toEqual(['10.0.0.1:80']);
    expect(textsOf([one], { name: 'http', protocol: 'udp' })).toEqual(['10.0.0.1:81']);
    expect(textsOf([one], { name: '', protocol: 'tcp' })).toEqual(['10.0.0.1:83']);
    expect(textsOf([one], { name: 'http', protocol: 'sctp' })).toEqual([]);
  });

  it('are there once, and one that does not end wins over one that does, in whatever slice', () => {
    const ends = { addresses: ['10.0.0.1'], conditions: { ready: false, serving: true, terminating: true } };
    const fresh = { addresses: ['10.0.0.1'], conditions: { ready: false } };
    const ready = { addresses: ['10.0.0.1'], nodeName: 'here' };
    const chosen = (...endpoints: readonly unknown[]) =>
      candidates(
        endpoints.map((one, index) => slice(`s-${index}`, [one])),
        HTTP,
        'IPv4',
        'here',
      ).map(({ endpoint }) => [endpoint.isReady, endpoint.isTerminating]);
    expect(chosen(ends, fresh)).toEqual([[false, false]]);
    expect(chosen(fresh, ends)).toEqual([[false, false]]);
    expect(chosen(ends, ready, fresh)).toEqual([[true, false]]);
  });

  it('are local by the name of their node', () => {
    const one = slice('a', [
      { addresses: ['10.0.0.1'], nodeName: 'here' },
      { addresses: ['10.0.0.2'], nodeName: 'there' },
      { addresses: ['10.0.0.3'] },
    ]);
    expect(candidates([one], HTTP, 'IPv4', 'here').map(({ isLocal }) => isLocal)).toEqual([true, false, false]);
    expect(candidates([one], HTTP, 'IPv4', '').map(({ isLocal }) => isLocal)).toEqual([false, false, false]);
  });

  it('are none of a slice that is half written, headless or of another family', () => {
    const endpoints = [{ addresses: ['10.0.0.1'] }];
    const labels = { 'kubernetes.io/service-name': 'web', 'service.kubernetes.io/headless': '' };
    expect(
      textsOf([
        slice('a', endpoints, { ports: null }),
        slice('b', endpoints, { ports: [{ name: 'http' }] }),
        slice('c', endpoints, { ports: [{ name: 'http', port: 0 }] }),
        slice('d', [{ addresses: [] }, {}, null, { addresses: ['no address'] }, { addresses: ['fd00::1'] }]),
        slice('e', endpoints, { addressType: 'IPv6' }),
        slice('f', endpoints, { addressType: 'FQDN' }),
        slice('g', endpoints, { metadata: { name: 'g', labels } }),
      ]),
    ).toEqual([]);
  });
});
