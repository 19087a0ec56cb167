import { runNft } from '#netfilter/nft/run-nft.ts';
import { tableText } from '#netfilter/nft/text.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import type { ServicePort } from '../../model/service-port.ts';
import type { WriterEnvironment } from '../../rule-backend.ts';
import { DEFAULT_MASQUERADE_MARK, type IpFamily, type RuleOptions } from '../../rule-options.ts';
import { NftablesWriter } from './apply.ts';
import type { Layout } from './frame.ts';
import { tableOf } from './names.ts';
import { renderTable } from './render.ts';

/** A writer in the layout asked for, or in that of kube-proxy where nft or the kernel can't look up endpoints in maps. */
export const openWriter = async (environment: WriterEnvironment, layout: Layout): Promise<NftablesWriter> => {
  await checkVersion(environment.run);
  return new NftablesWriter(environment, await possibleLayout(environment, layout));
};

const checkVersion = async (run: Run): Promise<void> => {
  const { stdout } = await runNft(run, ['--version']);
  const [, major = '0', minor = '0', patch = '0'] = /v(\d+)\.(\d+)\.(\d+)/.exec(stdout) ?? [];
  const number = (Number(major) * 1000 + Number(minor)) * 1000 + Number(patch);
  if (number >= 1_000_001) return;
  throw new CommandError(
    'nft',
    null,
    `nft: version ${major}.${minor}.${patch} is too old: install nftables 1.0.1 or later`,
  );
};

const possibleLayout = async ({ run, family, log }: WriterEnvironment, layout: Layout): Promise<Layout> => {
  if (layout === 'map-only') {
    try {
      await tryOut(run, family, layout);
      return layout;
    } catch (error) {
      // A refusal of this layout is the only one that the other would not meet.
      if (!(error instanceof CommandError) || error.exitCode === null || error.message.includes('not permitted'))
        throw error;
      log.info(`nftables: a chain for each Service, as maps of endpoints are not possible here: ${error.message}`);
    }
  }
  await tryOut(run, family, 'per-service');
  return 'per-service';
};

/** Lets nft and the kernel check a small table, and leaves nothing. */
const tryOut = async (run: Run, family: IpFamily, layout: Layout): Promise<void> => {
  const name = tableText(tableOf(family));
  const { text } = renderTable([sample(family)], sampleOptions(family), layout);
  // A table of another name: ours, if it is there, has nothing to do with it.
  await runNft(run, ['-c', '-f', '-'], text.join('').replaceAll(name, `${name}-probe`));
};

const sampleOptions = (family: IpFamily): RuleOptions => ({
  family,
  localTraffic: { by: 'none' },
  masqueradeAll: true,
  masqueradeMark: DEFAULT_MASQUERADE_MARK,
  nodePortAddresses: 'all',
  localhostNodePorts: false,
  conntrackTcpBeLiberal: false,
  serviceCidrs: [],
  hasRandomFully: true,
  hasNfacct: false,
});

const sample = (family: IpFamily): ServicePort => {
  const isIpv6 = family === 'IPv6';
  const endpoints = [1, 2].map((n) => ({ address: isIpv6 ? `fd00::${n}` : `192.0.2.${n}`, port: 80, isLocal: false }));
  return {
    key: 'sample/sample/TCP',
    label: 'sample/sample',
    namespace: 'sample',
    name: 'sample',
    portName: '',
    protocol: 'tcp',
    family,
    clusterIP: isIpv6 ? 'fd00::a' : '192.0.2.10',
    port: 80,
    externalIPs: [],
    loadBalancerIPs: [isIpv6 ? 'fd00::b' : '192.0.2.11'],
    nodePort: 30_000,
    sourceRanges: [isIpv6 ? 'fd00:1::/32' : '198.51.100.0/24'],
    hasNodeInSourceRanges: false,
    healthCheckNodePort: 0,
    affinitySeconds: 0,
    internalPolicy: 'Cluster',
    externalPolicy: 'Local',
    internal: 'balance',
    external: 'balance',
    clusterEndpoints: endpoints,
    localEndpoints: endpoints,
    hasEndpoints: true,
    localReadyCount: 0,
  };
};
