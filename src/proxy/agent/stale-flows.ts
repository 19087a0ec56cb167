import type { ServicePort } from '../model/service-port.ts';
import type { Flow, FlowEnd, FlowProtocol } from './conntrack-flows.ts';

/** A ServicePort and the endpoints that flows to it may go on with: all that serve, whatever policy would choose now. */
export interface Serving {
  readonly port: ServicePort;
  readonly endpoints: readonly FlowEnd[];
}

/** All flows of one protocol from whomever that one endpoint answers for one entry. */
export type FlowGroup = Flow;

/** What flows are held against. */
export interface FlowJudge {
  /** ServicePorts as they are now. */
  readonly now: readonly Serving[];
  /** As they were: entries that nobody has any more. */
  readonly gone: readonly ServicePort[];
  /** Node ports count on these addresses only. */
  readonly isNodeAddress: (address: string) => boolean;
}

/**
 * The flows that go to an endpoint that is gone, or to an entry that is: each client of such a flow would be sent there for as long as it
 * goes on asking. Also where a Service has no endpoint left, or is gone itself.
 */
export const staleFlows = (flows: Iterable<Flow>, judge: FlowJudge): readonly FlowGroup[] => {
  const entries = new Map<string, ReadonlySet<string>>();
  const nodePorts = new Map<string, ReadonlySet<string>>();
  for (const port of judge.gone) enter(port, NOBODY, entries, nodePorts);
  for (const { port, endpoints } of judge.now) enter(port, new Set(endpoints.map(endText)), entries, nodePorts);
  const groups = new Map<string, FlowGroup>();
  for (const flow of flows) {
    const { protocol, to, answeredBy } = flow;
    const allowed =
      entries.get(`${protocol} ${endText(to)}`) ??
      (judge.isNodeAddress(to.address) ? nodePorts.get(`${protocol} ${to.port}`) : undefined);
    if (allowed === undefined || allowed.has(endText(answeredBy))) continue;
    groups.set(`${protocol} ${endText(to)} ${endText(answeredBy)}`, flow);
  }
  return [...groups.values()];
};

/** ServicePorts that have flows to be looked after. */
export const isFlowProtocol = (protocol: ServicePort['protocol']): protocol is FlowProtocol => protocol !== 'tcp';

const NOBODY: ReadonlySet<string> = new Set();

const endText = ({ address, port }: FlowEnd): string => `${address} ${port}`;

/** What is entered later counts: an entry that has a new owner is not gone. */
const enter = (
  { protocol, clusterIP, externalIPs, loadBalancerIPs, port, nodePort }: ServicePort,
  allowed: ReadonlySet<string>,
  entries: Map<string, ReadonlySet<string>>,
  nodePorts: Map<string, ReadonlySet<string>>,
): void => {
  for (const address of [clusterIP, ...externalIPs, ...loadBalancerIPs])
    entries.set(`${protocol} ${endText({ address, port })}`, allowed);
  if (nodePort !== 0) nodePorts.set(`${protocol} ${nodePort}`, allowed);
};
