import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import type { ManifestFault } from './fault.ts';
import type { Path } from './locate.ts';
import { policyFaults } from './policy-faults.ts';
import { label, type ManifestObject } from './read-objects.ts';
import type { Report } from './report.ts';
import { found, hint } from './shown.ts';

const TYPES = new Set<unknown>([undefined, null, 'ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']);
const PROTOCOLS = new Set<unknown>([undefined, null, 'TCP', 'UDP', 'SCTP']);
const PORT_NAME = /^(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** What an API server would refuse in a Service; it is served all the same, without the field at fault. */
export const serviceFaults = (service: ManifestObject): ManifestFault[] => {
  const spec = asObject(service.raw.spec);
  const faults: ManifestFault[] = [];
  const report = (path: Path, message: string): void => {
    faults.push({
      position: service.at(path),
      message: `${label('Service', service.namespace, service.name)}: ${message}`,
    });
  };
  if (!TYPES.has(spec.type)) {
    report(
      ['spec', 'type'],
      `${found('type', spec.type)} is not one of ClusterIP, NodePort, LoadBalancer, ExternalName${hint(spec.type)}`,
    );
  }
  if (spec.type === 'ExternalName' && asText(spec.externalName) === '') {
    report(['spec', 'type'], 'type ExternalName needs externalName, a DNS name');
  }
  if (spec.ports !== undefined && spec.ports !== null && !Array.isArray(spec.ports)) {
    report(['spec', 'ports'], 'ports is not a list: begin each port with `- `');
  }
  selectorFaults(spec, report);
  portFaults(asList(spec.ports), report);
  policyFaults(service.raw, report);
  return faults;
};

const selectorFaults = (spec: RawObject, report: Report): void => {
  for (const [key, value] of Object.entries(asObject(spec.selector))) {
    if (typeof value === 'string') {
      if (hint(value) !== '')
        report(['spec', 'selector', key], `${found(`selector ${key}`, value)} is not a label's value${hint(value)}`);
    } else {
      report(['spec', 'selector', key], `${found(`selector ${key}`, value)} is not text: put it in quotes`);
    }
  }
};

const portFaults = (ports: readonly unknown[], report: Report): void => {
  const names = new Set<string>();
  for (const [index, raw] of ports.entries()) {
    const { port, name, protocol } = asObject(raw);
    const path = ['spec', 'ports', index];
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) {
      report(
        [...path, 'port'],
        `${found('port', port)} is not a number from 1 to 65535${hint(port)}, so this port is left out`,
      );
    }
    if (!PROTOCOLS.has(protocol))
      report([...path, 'protocol'], `${found('protocol', protocol)} is not one of TCP, UDP, SCTP${hint(protocol)}`);
    const isNamed = typeof name === 'string' && name !== '';
    if (isNamed && !PORT_NAME.test(name)) {
      report(
        [...path, 'name'],
        `${found('port name', name)} is not a DNS label: use lower case letters, digits and '-'${hint(name)}`,
      );
    }
    if (isNamed && names.has(name))
      report([...path, 'name'], `${found('port name', name)} is there twice: each port has its own`);
    if (isNamed) names.add(name);
    if (!isNamed && ports.length > 1) report(path, 'a Service with several ports needs a name for each');
  }
};
