import type { Corefile } from '#corefile/tree.ts';
import { ManifestSource } from '#kube/manifest-source.ts';
import type { Service } from '#kube/objects/service.ts';
import { Log } from '#log/log.ts';

interface Place {
  readonly host: string;
  readonly port: number;
}

/** For a newcomer: `dig` lines to try, one for each kind of name that the manifests have. */
export const tryText = async (directories: readonly string[], corefile: Corefile, place: Place): Promise<string> => {
  const services = await readServices(directories);
  const zone = clusterZone(corefile);
  const lines = [...questions(services, zone)].map((question) => `  dig @${place.host} -p ${place.port} ${question}\n`);
  return lines.length === 0 ? '' : `Try:\n${lines.join('')}`;
};

const readServices = async (directories: readonly string[]): Promise<Service[]> => {
  const services: Service[] = [];
  const filter = { hasPods: false, hasEndpointSlices: false, labelSelector: '', namespaceLabelSelector: '' };
  const silent = new Log({ write: () => undefined, flush: async () => undefined });
  const source = new ManifestSource({ directories, filter, log: silent });
  source.start({
    change: (change) => {
      if (change.type === 'set' && change.object.kind === 'Service') services.push(change.object);
    },
    synced: () => undefined,
  });
  await source.stop();
  return services;
};

/** The first zone that `kubernetes` is told to serve and that is not a reverse zone. */
const clusterZone = (corefile: Corefile): string => {
  const zones = corefile.blocks
    .flatMap(({ directives }) => directives.filter(({ name }) => name === 'kubernetes'))
    .flatMap(({ occurrences }) => occurrences.flatMap(({ args }) => args.map(({ text }) => text)));
  return (zones.find((zone) => !/\.arpa\.?$/.test(zone)) ?? 'cluster.local').replace(/\.$/, '');
};

function* questions(services: readonly Service[], zone: string): Generator<string> {
  const nameOf = ({ name, namespace }: Service): string => `${name}.${namespace}.svc.${zone}`;
  const isHeadless = ({ clusterIPs }: Service): boolean => clusterIPs[0] === 'None';
  const own = services.filter(({ namespace }) => namespace === 'default');
  const plain = own.find(
    ({ name, type, clusterIPs }) =>
      name !== 'kubernetes' && type === 'ClusterIP' && clusterIPs.length === 1 && clusterIPs[0] !== 'None',
  );
  if (plain) yield `${nameOf(plain)} A`;
  const headless = own.find(isHeadless);
  if (headless) yield `${nameOf(headless)} A`;
  const dual = services.find(({ clusterIPs }) => clusterIPs.length > 1);
  if (dual) yield `${nameOf(dual)} AAAA`;
  const several = services.find((service) => service.ports.length > 1 && !isHeadless(service));
  const port = several?.ports.find(({ name }) => name !== '');
  if (several && port) yield `_${port.name}._${port.protocol}.${nameOf(several)} SRV`;
  const external = services.find(({ type }) => type === 'ExternalName');
  if (external) yield `${nameOf(external)} CNAME`;
  if (plain?.clusterIPs[0]) yield `-x ${plain.clusterIPs[0]}`;
}
