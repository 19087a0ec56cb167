import { textFromName } from '#dns/name.ts';
import { setupPlugin } from '#plugin/testing.ts';
import kubernetes from '#plugins/kubernetes/index.ts';
import { KubernetesInstance } from '#plugins/kubernetes/instance.ts';
import type { Adapter, Outcome } from '../adapter.ts';

interface SetupCase {
  readonly input: string;
  readonly shouldErr: boolean;
  readonly expectedErrContent?: string;
  readonly expectedZoneCount?: number;
  readonly expectedNSCount?: number;
  readonly expectedLabelSelector?: string;
  readonly expectedNamespaceLabelSelector?: string;
  readonly expectedPodMode?: string;
  readonly expectedFallthrough?: { readonly Zones: readonly string[] };
  readonly expectedStartupTimeout?: string;
  readonly expectedEndpointMode?: boolean;
  readonly expectedEndpointsInit?: boolean;
  readonly expectedTTL?: number;
  readonly _test: string;
}

const NOT_BUILT = /^(zonal|multicluster) is not built yet$/;

/** Differences between what was read and what the row expects; a field that the row does not have is not looked at. */
const differences = ({ options }: KubernetesInstance, row: SetupCase): string[] => {
  const found: string[] = [];
  const compare = (what: string, value: unknown, expected: unknown): void => {
    if (expected !== undefined && JSON.stringify(value) !== JSON.stringify(expected))
      found.push(`${what}: found ${JSON.stringify(value)}, expected ${JSON.stringify(expected)}`);
  };
  compare('zones', options.zones.length, row.expectedZoneCount);
  compare('namespaces', options.namespaces.size, row.expectedNSCount);
  compare('labels', options.labels, row.expectedLabelSelector);
  compare('namespace_labels', options.namespaceLabels, row.expectedNamespaceLabelSelector);
  compare('pods', options.podMode, row.expectedPodMode);
  compare('fallthrough', options.fallthroughZones.map(textFromName), row.expectedFallthrough?.Zones);
  compare('startup_timeout', `${options.startupTimeoutMs / 1000}s`, row.expectedStartupTimeout);
  compare('endpoint_pod_names', options.hasEndpointPodNames, row.expectedEndpointMode);
  // The same field stands for two options in the Go tests.
  if (row._test === 'TestKubernetesParseNoEndpoints')
    compare('endpoints', options.hasEndpoints, row.expectedEndpointsInit);
  if (row._test === 'TestKubernetesParseIgnoreEmptyService')
    compare('ignore empty_service', options.isEmptyServiceIgnored, row.expectedEndpointsInit);
  compare('ttl', options.ttlSeconds, row.expectedTTL);
  return found;
};

const replayRow = (name: string, row: SetupCase): Outcome => {
  const { instance, faults } = setupPlugin(kubernetes, row.input, { zones: ['test.'] });
  const messages = faults.list.map(({ message }) => message);
  if (!row.shouldErr && messages.some((message) => NOT_BUILT.test(message)))
    return { name, result: 'not-applicable', reason: 'the option is not built yet and is refused by name' };
  const fail = (reason: string): Outcome => ({ name, result: 'fail', reason });
  if (row.shouldErr) {
    if (messages.length === 0) return fail('accepted, expected a fault');
    const wanted = row.expectedErrContent ?? '';
    return messages.some((message) => message.includes(wanted))
      ? { name, result: 'pass' }
      : fail(`found ${messages.join('; ')}, expected ${wanted}`);
  }
  if (messages.length > 0) return fail(messages.join('; '));
  const found = instance instanceof KubernetesInstance ? differences(instance, row) : ['no instance'];
  return found.length === 0 ? { name, result: 'pass' } : fail(found.join('; '));
};

/** Replays what CoreDNS takes and refuses in a kubernetes block. */
const adapter: Adapter = {
  files: ['kubernetes-setup.json'],
  replay: async (file, data) =>
    (data as { readonly cases: readonly SetupCase[] }).cases.map((row, i) =>
      replayRow(`${file}: ${row._test} ${i}: ${JSON.stringify(row.input)}`, row),
    ),
};
export default adapter;
