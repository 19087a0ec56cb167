import { describe, expect, it } from 'vitest';
import { textFromName } from '#dns/name.ts';
import { setupPlugin } from '#plugin/testing.ts';
import definition from './index.ts';
import { ServiceWatchInstance } from './instance.ts';
import type { ServiceWatchOptions } from './options.ts';

const read = (stanza: string, zones = ['cluster.local.']): ServiceWatchOptions => {
  const { instance, faults } = setupPlugin(definition, stanza, { zones });
  expect(faults.list).toEqual([]);
  if (!(instance instanceof ServiceWatchInstance)) throw new Error('another plugin');
  return instance.options;
};
const faultsOf = (stanza: string, zones = ['cluster.local.']): string[] =>
  setupPlugin(definition, stanza, { zones }).faults.list.map(({ message, token }) => `${token?.text}: ${message}`);

describe('service_watch', () => {
  it('watches the zones of its server block, in the cluster that it runs in, headless endpoints alone', () => {
    const { zones, ...rest } = read('service_watch', ['cluster.local.', '10.in-addr.arpa.']);
    expect(zones.map(textFromName)).toEqual(['cluster.local.', '10.in-addr.arpa.']);
    expect(rest).toEqual({ connection: { kind: 'in-cluster' }, endpoints: 'headless' });
  });

  it('takes zones, and ways to the API server', () => {
    const options = read('service_watch a.b {\nendpoint https://h:1\ntls c k a\nendpoints all\n}', ['.']);
    expect(options.zones.map(textFromName)).toEqual(['a.b.']);
    expect([options.connection, options.endpoints]).toEqual([
      { kind: 'endpoint', url: 'https://h:1', tls: { cert: 'c', key: 'k', ca: 'a' } },
      'all',
    ]);
    expect(read('service_watch {\nendpoint http://h:1\n}').connection).toEqual({ kind: 'endpoint', url: 'http://h:1' });
    expect(read('service_watch {\nkubeconfig f c\n}').connection).toEqual({
      kind: 'kubeconfig',
      file: 'f',
      context: 'c',
    });
    expect(read('service_watch {\nkubeconfig f\n}').connection).toEqual({ kind: 'kubeconfig', file: 'f' });
  });

  it.each([
    ['service_watch .', '.: the root is no zone of a cluster'],
    ['service_watch {\nendpoints some\n}', 'some: wrong value for endpoints: some'],
    ['service_watch {\nttl 5\n}', "ttl: unknown property 'ttl'"],
    [
      'service_watch {\ntls a b\n}',
      "b: Error during parsing: Wrong argument count or unexpected line ending after 'b'",
    ],
    [
      'service_watch {\nkubeconfig\n}',
      "kubeconfig: Error during parsing: Wrong argument count or unexpected line ending after 'kubeconfig'",
    ],
    ['service_watch\nservice_watch', 'service_watch: this plugin can only be used once per Server Block'],
  ])('has a fault at `%s`', (stanza, fault) => {
    expect(faultsOf(stanza)).toEqual([fault]);
  });

  it('wants a zone in a server block for all names', () => {
    expect(faultsOf('service_watch', ['.'])).toEqual(['service_watch: the root is no zone of a cluster']);
  });
});
