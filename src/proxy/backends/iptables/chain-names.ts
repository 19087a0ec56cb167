import { destinationText } from '#netfilter/iptables/text.ts';
import type { Endpoint, ServicePort } from '../../model/service-port.ts';
import { base32Hash } from '../base32-hash.ts';

/** Chains that are there whatever Services there are. */
export const SERVICES = 'KUBE-SERVICES';
export const EXTERNAL_SERVICES = 'KUBE-EXTERNAL-SERVICES';
export const NODE_PORTS = 'KUBE-NODEPORTS';
export const POSTROUTING = 'KUBE-POSTROUTING';
export const MARK_MASQ = 'KUBE-MARK-MASQ';
export const FORWARD = 'KUBE-FORWARD';
export const PROXY_FIREWALL = 'KUBE-PROXY-FIREWALL';
/** Kubelet's: it makes the same chain with the same rule, so it is written and never removed. */
export const KUBELET_FIREWALL = 'KUBE-FIREWALL';
/** Empty: where it is gone, somebody has flushed the table. */
export const CANARY = 'KUBE-PROXY-CANARY';

/** Chains of one ServicePort have one hash under each prefix, an endpoint's chain has its own. */
const OWNED = /^KUBE-(?:SVC|SVL|EXT|FW|SEP|XLB)-/;

/** Whether a Service port or an endpoint owns a chain, by its name; XLB is what Kubernetes before 1.24 called EXT. */
export const isServiceChain = (chain: string): boolean => OWNED.test(chain);

/** What names of a ServicePort's chains end in. */
export const serviceHash = ({ label, protocol }: ServicePort): string => shortHash(label + protocol);

export const endpointChain = ({ label, protocol }: ServicePort, { address, port }: Endpoint): string =>
  `KUBE-SEP-${shortHash(label + protocol + destinationText(address, port))}`;

/** 80 bits: a chain's name has room for 28 characters. */
const shortHash = (text: string): string => base32Hash(text, 16);
