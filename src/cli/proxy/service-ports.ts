import { suggestion } from '#corefile/suggest.ts';
import type { Service } from '#kube/objects/service.ts';
import { serviceEntries } from '#proxy/model/service-entries.ts';
import type { ServicePort } from '#proxy/model/service-port.ts';
import { ProxyFault } from './fault.ts';
import { FAMILIES, type Scene } from './scene.ts';
import type { ServiceTarget } from './target.ts';

/** Ports that a name means, IPv4 first; none where there are none. */
export const portsOrNone = (scene: Scene, target: ServiceTarget): readonly ServicePort[] => {
  const { port, protocol } = target;
  return portsOfService(scene, target).filter(
    (one) =>
      (port === null || one.portName === port || String(one.port) === port) &&
      (protocol === null || one.protocol === protocol),
  );
};

/** Likewise. Throws ProxyFault, saying what there is, where there are none. */
export const portsOf = (scene: Scene, target: ServiceTarget): readonly ServicePort[] => {
  const found = portsOrNone(scene, target);
  if (found.length > 0) return found;
  const { name, port, protocol } = target;
  const namespace = namespaceOf(scene, target);
  const all = portsOfService(scene, target);
  if (all.length === 0) throw new ProxyFault([whyNone(scene, namespace, name)]);
  const wanted = `${port ?? ''}${protocol === null ? '' : `/${protocol}`}`;
  const there = [...new Set(all.map(portText))].join(', ');
  throw new ProxyFault([`${namespace}/${name} has no port ${wanted}; it has ${there}`]);
};

const portsOfService = (scene: Scene, target: ServiceTarget): readonly ServicePort[] => {
  const namespace = namespaceOf(scene, target);
  return FAMILIES.flatMap((family) => [...scene.families[family].services.values()]).filter(
    (one) => one.namespace === namespace && one.name === target.name,
  );
};

/** `dns (53/udp)`, `80/tcp` */
export const portText = ({ portName, port, protocol }: ServicePort): string =>
  portName === '' ? `${port}/${protocol}` : `${portName} (${port}/${protocol})`;

/** Without one it is `default`, or else that of the only Service of the name. */
const namespaceOf = ({ objects }: Scene, { namespace, name }: ServiceTarget): string => {
  if (namespace !== null) return namespace;
  const found = objects.filter((object) => object.kind === 'Service' && object.name === name);
  const [first, second] = found;
  return first === undefined || second !== undefined ? 'default' : first.namespace;
};

const whyNone = ({ objects, title }: Scene, namespace: string, name: string): string => {
  const services = objects.filter((object): object is Service => object.kind === 'Service');
  const service = services.find((one) => one.namespace === namespace && one.name === name);
  if (service === undefined) {
    const elsewhere = services.find((one) => one.name === name);
    const keys = services.map((one) => `${one.namespace}/${one.name}`);
    const hint =
      elsewhere === undefined
        ? suggestion(`${namespace}/${name}`, keys)
        : `did you mean "${elsewhere.namespace}/${name}"?`;
    return `${title} has no Service ${namespace}/${name}${hint === undefined ? '' : `; ${hint}`}`;
  }
  const reason = serviceEntries(service, 'IPv4');
  if (typeof reason === 'string') return `no rules are made for ${namespace}/${name}: ${reason}`;
  return `no rules are made for ${namespace}/${name}: it has no ports`;
};
