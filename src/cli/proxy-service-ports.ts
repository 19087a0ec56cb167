import { suggestion } from '#corefile/suggest.ts';
import type { Service } from '#kube/objects/service.ts';
import { serviceEntries } from '#proxy/model/service-entries.ts';
import type { ServicePort } from '#proxy/model/service-port.ts';
import { ProxyFault } from './proxy-fault.ts';
import { FAMILIES, type Scene } from './proxy-scene.ts';
import type { ServiceTarget } from './proxy-target.ts';

/** Ports that a name means, IPv4 first. Throws ProxyFault, saying what there is, where there are none. */
export const portsOf = (scene: Scene, target: ServiceTarget): readonly ServicePort[] => {
  const namespace = target.namespace ?? 'default';
  const { name, port, protocol } = target;
  const all = FAMILIES.flatMap((family) => [...scene.families[family].services.values()]).filter(
    (one) => one.namespace === namespace && one.name === name,
  );
  if (all.length === 0) throw new ProxyFault([whyNone(scene, namespace, name)]);
  const found = all.filter(
    (one) =>
      (port === null || one.portName === port || String(one.port) === port) &&
      (protocol === null || one.protocol === protocol),
  );
  if (found.length > 0) return found;
  const wanted = `${port ?? ''}${protocol === null ? '' : `/${protocol}`}`;
  const there = [...new Set(all.map(portText))].join(', ');
  throw new ProxyFault([`${namespace}/${name} has no port ${wanted}; it has ${there}`]);
};

/** `dns (53/udp)`, `80/tcp` */
export const portText = ({ portName, port, protocol }: ServicePort): string =>
  portName === '' ? `${port}/${protocol}` : `${portName} (${port}/${protocol})`;

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
