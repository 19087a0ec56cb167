import type { KubeObject } from '#kube/source.ts';
import type { Machine } from '#netfilter/packet.ts';
import { withNodeAddress } from '#proxy/agent/with-node-address.ts';
import { type Probes, ruleOptions, USUAL_PROBES } from '#proxy/config/rule-options.ts';
import type { ProxySettings } from '#proxy/config/settings.ts';
import { canonicalAddress } from '#proxy/model/address.ts';
import { ClusterModel } from '#proxy/model/cluster-model.ts';
import type { ServicePorts } from '#proxy/model/service-port.ts';
import type { IpFamily, RuleOptions } from '#proxy/rule-options.ts';
import type { CliIo } from '../io.ts';
import type { ProxyArguments } from './arguments.ts';
import { type ClusterPlace, readCluster } from './cluster.ts';
import { ProxyFault } from './fault.ts';
import { chooseNode, type NodeChoice } from './node.ts';

/** A cluster as a node's rules are made from it. */
export interface Scene extends NodeChoice {
  readonly settings: ProxySettings;
  /** Where it was read from, for messages. */
  readonly title: string;
  readonly objects: readonly KubeObject[];
  readonly model: ClusterModel;
  readonly families: Readonly<Record<IpFamily, FamilyScene>>;
  readonly machine: Machine;
  /** 1 where manifests have faults, which have been printed; else 0. */
  readonly exitCode: 0 | 1;
}

export interface FamilyScene {
  readonly services: ServicePorts;
  readonly options: RuleOptions;
}

/** What only the node itself can tell. */
export interface SeenMachine {
  /** Of all its interfaces. */
  readonly localAddresses: readonly string[];
  readonly probes: Probes;
}

const UNSEEN: SeenMachine = { localAddresses: [], probes: USUAL_PROBES };

export const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];

/**
 * Reads the cluster that a command line names. Notes and faults of manifests go to standard error. `seen`: what was asked of this
 * machine, where it is the node. Rejects with ProxyFault.
 */
export const readScene = async ({ settings, place }: ProxyArguments, io: CliIo, seen?: SeenMachine): Promise<Scene> => {
  return readSceneOf(place ?? clusterOfPod(), settings, io, seen);
};

const clusterOfPod = (): ClusterPlace => {
  if (process.env.KUBERNETES_SERVICE_HOST) return { kind: 'in-cluster' };
  throw new ProxyFault(['where is the cluster? Give --manifests DIR or --kubeconfig FILE']);
};

/** Likewise, of a place. */
export const readSceneOf = async (
  place: ClusterPlace,
  settings: ProxySettings,
  io: CliIo,
  seen: SeenMachine = UNSEEN,
): Promise<Scene> => {
  const reading = await readCluster(place);
  for (const fault of reading.faults) io.stderr(`${fault}\n`);
  for (const note of reading.notes) io.stderr(`# ${note}\n`);
  const chosen = chooseNode(reading, settings.hostnameOverride);
  if (chosen.note !== '') io.stderr(`# ${chosen.note}\n`);
  const model = modelOf(reading.objects, chosen.name, settings.nodeAddress);
  const localAddresses = addressesOf(chosen, seen.localAddresses);
  const familyScene = (family: IpFamily): FamilyScene => {
    const { ports, conflicts, serviceCidrs } = model.take(family);
    for (const conflict of conflicts) io.stderr(`# ${conflict}\n`);
    const { node } = chosen;
    const surroundings = { family, node, localAddresses, serviceCidrs, probes: seen.probes };
    return { services: inOrder(ports), options: ruleOptions(settings, surroundings) };
  };
  return {
    ...chosen,
    settings,
    title: reading.title,
    objects: reading.objects,
    model,
    families: { IPv4: familyScene('IPv4'), IPv6: familyScene('IPv6') },
    machine: { localAddresses },
    exitCode: reading.faults.length === 0 ? 0 : 1,
  };
};

const modelOf = (objects: readonly KubeObject[], nodeName: string, nodeAddress: string): ClusterModel => {
  const model = new ClusterModel({ nodeName });
  for (const object of objects) model.apply(withNodeAddress({ type: 'set', object }, nodeName, nodeAddress));
  return model;
};

/** Text must not depend on the order in which a cluster was read. */
const inOrder = (ports: ServicePorts): ServicePorts => new Map([...ports].sort(([a], [b]) => (a < b ? -1 : 1)));

/** What the Node object says, and loopback: only on the node itself can interfaces be asked. */
const addressesOf = ({ node }: NodeChoice, ofInterfaces: readonly string[]): ReadonlySet<string> => {
  const texts = [...(node?.addresses ?? []).map(({ address }) => address), ...ofInterfaces];
  const addresses = texts.flatMap((text) => canonicalAddress(text, 'IPv4') ?? canonicalAddress(text, 'IPv6') ?? []);
  return new Set([...addresses, '127.0.0.1', '::1']);
};
