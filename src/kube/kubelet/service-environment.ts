import { joinHostPort } from '#dns/address.ts';
import { asList, asObject, asText, type RawObject } from '../objects/json.ts';

/** The variables that kubelet gives a Pod for the Services of its Namespace, sorted by name. */
export const serviceEnvironment = (pod: RawObject, services: readonly RawObject[]): ReadonlyMap<string, string> => {
  const namespace = asText(asObject(pod.metadata).namespace) || 'default';
  const hasLinks = asObject(pod.spec).enableServiceLinks !== false;
  const variables = new Map<string, string>();
  for (const service of visibleServices(namespace, hasLinks, services)) addVariables(variables, service);
  return new Map([...variables].sort(([a], [b]) => (a < b ? -1 : 1)));
};

/** Those of its own Namespace, where it wants them, and the API server's in any case. */
const visibleServices = (namespace: string, hasLinks: boolean, services: readonly RawObject[]): RawObject[] => {
  const own: RawObject[] = [];
  const master: RawObject[] = [];
  for (const service of services) {
    if (!hasClusterIp(service)) continue;
    const { namespace: its, name } = asObject(service.metadata);
    if (its === namespace && hasLinks) own.push(service);
    else if (its === 'default' && name === 'kubernetes') master.push(service);
  }
  const isHidden = own.some((service) => nameOf(service) === 'kubernetes');
  return isHidden ? own : [...own, ...master];
};

const hasClusterIp = (service: RawObject): boolean => {
  const { type, clusterIP } = asObject(service.spec);
  return type !== 'ExternalName' && typeof clusterIP === 'string' && clusterIP !== '' && clusterIP !== 'None';
};

const nameOf = (service: RawObject): string => asText(asObject(service.metadata).name);

const addVariables = (variables: Map<string, string>, service: RawObject): void => {
  const spec = asObject(service.spec);
  const ip = asText(spec.clusterIP);
  const prefix = variableName(nameOf(service));
  const ports = asList(spec.ports)
    .map(asObject)
    .filter(({ port }) => typeof port === 'number');
  variables.set(`${prefix}_SERVICE_HOST`, ip);
  if (ports[0] !== undefined) variables.set(`${prefix}_SERVICE_PORT`, String(ports[0].port));
  for (const { name, port } of ports) {
    if (asText(name) !== '') variables.set(`${prefix}_SERVICE_PORT_${variableName(asText(name))}`, String(port));
  }
  for (const [index, port] of ports.entries()) addLinks(variables, prefix, ip, port, index === 0);
};

/** The variables of Docker's links, which came before DNS. */
const addLinks = (
  variables: Map<string, string>,
  prefix: string,
  ip: string,
  port: RawObject,
  isFirst: boolean,
): void => {
  const protocol = asText(port.protocol) || 'TCP';
  const number = String(port.port);
  const url = `${protocol.toLowerCase()}://${joinHostPort(ip, number)}`;
  const own = `${prefix}_PORT_${number}_${protocol.toUpperCase()}`;
  if (isFirst) variables.set(`${prefix}_PORT`, url);
  variables.set(own, url);
  variables.set(`${own}_PROTO`, protocol.toLowerCase());
  variables.set(`${own}_PORT`, number);
  variables.set(`${own}_ADDR`, ip);
};

const variableName = (name: string): string => name.replaceAll('-', '_').toUpperCase();
