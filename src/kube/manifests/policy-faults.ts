import ipaddr from 'ipaddr.js';
import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import { readAddress, readCidr } from './address-text.ts';
import { isExternallyAccessible } from './complete-service.ts';
import type { Path } from './locate.ts';
import type { Report } from './report.ts';
import { found, hint } from './shown.ts';

/** What is wrong with the fields of a Service that only the Service proxy goes by. */
export const policyFaults = (service: RawObject, report: Report): void => {
  const spec = asObject(service.spec);
  for (const [field, words] of Object.entries(WORDS)) {
    const value = spec[field];
    if (isMissing(value) || words.includes(value as string)) continue;
    report(['spec', field], `${found(field, value)} is not one of ${words.join(', ')}${hint(value)}`);
  }
  if (!isMissing(spec.externalTrafficPolicy) && !isExternallyAccessible(spec))
    report(
      ['spec', 'externalTrafficPolicy'],
      'externalTrafficPolicy needs type NodePort or LoadBalancer, or externalIPs',
    );
  affinityFaults(spec, report);
  topologyKeyFaults(spec.topologyKeys, report);
  externalIpFaults(spec.externalIPs, report);
  loadBalancerFaults(spec, asObject(service.status), report);
};

const WORDS: Readonly<Record<string, readonly string[]>> = {
  sessionAffinity: ['None', 'ClientIP'],
  internalTrafficPolicy: ['Cluster', 'Local'],
  externalTrafficPolicy: ['Cluster', 'Local'],
  trafficDistribution: ['PreferSameZone', 'PreferSameNode', 'PreferClose'],
};

const isMissing = (value: unknown): boolean => value === undefined || value === null || value === '';

const MAX_AFFINITY_SECONDS = 86_400;

const affinityFaults = (spec: RawObject, report: Report): void => {
  const { timeoutSeconds } = asObject(asObject(spec.sessionAffinityConfig).clientIP);
  if (isMissing(timeoutSeconds)) return;
  const path = ['spec', 'sessionAffinityConfig', 'clientIP', 'timeoutSeconds'];
  const isTime = Number.isInteger(timeoutSeconds) && Number(timeoutSeconds) >= 1;
  if (!isTime || Number(timeoutSeconds) > MAX_AFFINITY_SECONDS)
    report(path, `${found('timeoutSeconds', timeoutSeconds)} is not a number from 1 to ${MAX_AFFINITY_SECONDS}`);
  if (spec.sessionAffinity !== 'ClientIP')
    report(path, 'timeoutSeconds needs sessionAffinity ClientIP: without it no client stays with an endpoint');
};

const MAX_TOPOLOGY_KEYS = 16;

const topologyKeyFaults = (keys: unknown, report: Report): void => {
  const path = ['spec', 'topologyKeys'];
  if (isMissing(keys)) return;
  if (!Array.isArray(keys)) {
    report(path, 'topologyKeys is not a list: begin each label of a Node with `- `');
    return;
  }
  if (keys.length > MAX_TOPOLOGY_KEYS) report(path, `topologyKeys has more than ${MAX_TOPOLOGY_KEYS} keys`);
  for (const [index, key] of keys.entries()) {
    const at = [...path, index];
    if (typeof key !== 'string' || key === '') report(at, `${found('topology key', key)} is not a label of a Node`);
    else if (keys.indexOf(key) < index) report(at, `${found('topology key', key)} is there twice`);
    else if (key === '*' && index < keys.length - 1)
      report(at, 'topology key "*" means any endpoint, so what is behind it counts for nothing: put it last');
  }
};

const externalIpFaults = (ips: unknown, report: Report): void => {
  eachText('externalIPs', ips, report, (text, path) => {
    const { meant, problem } = readAddress(text);
    if (problem !== '') report(path, `externalIPs ${JSON.stringify(text)} ${problem}`);
    else if (meant !== null && SPECIAL_RANGES.has(ipaddr.parse(meant).range()))
      report(path, `externalIPs ${text} is no address of a host that others can reach`);
  });
};

const SPECIAL_RANGES: ReadonlySet<string> = new Set(['unspecified', 'loopback', 'linkLocal', 'multicast']);

const loadBalancerFaults = (spec: RawObject, status: RawObject, report: Report): void => {
  const isLoadBalancer = spec.type === 'LoadBalancer';
  if (!isLoadBalancer && asList(spec.loadBalancerSourceRanges).length > 0)
    report(['spec', 'loadBalancerSourceRanges'], 'loadBalancerSourceRanges needs type LoadBalancer');
  eachText('loadBalancerSourceRanges', spec.loadBalancerSourceRanges, report, (text, path) => {
    const { problem } = readCidr(text.trim());
    if (problem !== '') report(path, `loadBalancerSourceRanges ${JSON.stringify(text)} ${problem}`);
  });
  if (!isMissing(spec.allocateLoadBalancerNodePorts) && typeof spec.allocateLoadBalancerNodePorts !== 'boolean') {
    const text = found('allocateLoadBalancerNodePorts', spec.allocateLoadBalancerNodePorts);
    report(['spec', 'allocateLoadBalancerNodePorts'], `${text} is not true or false`);
  }
  for (const [index, item] of asList(asObject(status.loadBalancer).ingress).entries()) {
    const path = ['status', 'loadBalancer', 'ingress', index];
    const { ip, ipMode } = asObject(item);
    const problem = isMissing(ip) ? '' : readAddress(asText(ip)).problem;
    if (problem !== '') report([...path, 'ip'], `${found('ingress ip', ip)} ${problem}`);
    if (!isMissing(ipMode) && ipMode !== 'VIP' && ipMode !== 'Proxy')
      report([...path, 'ipMode'], `${found('ipMode', ipMode)} is not one of VIP, Proxy`);
  }
};

/** Goes through a list of texts, and reports what is none. */
const eachText = (field: string, list: unknown, report: Report, take: (text: string, path: Path) => void): void => {
  const path = ['spec', field];
  if (isMissing(list)) return;
  if (!Array.isArray(list)) report(path, `${field} is not a list: begin each with \`- \``);
  for (const [index, item] of asList(list).entries()) {
    if (typeof item === 'string') take(item, [...path, index]);
    else report([...path, index], `${found(field, item)} is not text: put it in quotes`);
  }
};
