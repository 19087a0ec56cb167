import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import { type AddressRange, addressRange, allotAddress, canonicalAddress } from './address-range.ts';
import { readAddress } from './address-text.ts';
import type { ManifestFault } from './fault.ts';
import { label, type ManifestObject } from './read-objects.ts';

/** A Pod with what its kubelet would have said about it. */
export interface CompletePod {
  readonly object: ManifestObject;
  /** Given, else allotted; empty for one that has ended. */
  readonly ips: readonly string[];
  readonly phase: string;
  readonly isReady: boolean;
  readonly isTerminating: boolean;
}

/** Where Pods without an address get one: an address of each family. */
export const POD_CIDRS: readonly string[] = ['10.244.0.0/16', 'fd00:10:244::/64'];

const RANGES = POD_CIDRS.map(addressRange).filter((range): range is AddressRange => range !== null);

/** Pods as a kubelet would report them: addresses are allotted where none are given, the same in every run. */
export const completePods = (pods: readonly ManifestObject[], faults: ManifestFault[]): CompletePod[] => {
  const given = pods.map((pod) => givenIps(pod, faults));
  // Pods on the host network share its address, so what is given may be there twice.
  const taken = new Set(given.flat().map((text) => canonicalAddress(text) ?? text));
  return pods.map((object, index) => completePod(object, given[index] ?? [], taken));
};

const completePod = (object: ManifestObject, given: readonly string[], taken: Set<string>): CompletePod => {
  const status = asObject(object.raw.status);
  const phase = asText(status.phase) || 'Running';
  const hasEnded = phase === 'Succeeded' || phase === 'Failed';
  const deletion = asObject(object.raw.metadata).deletionTimestamp;
  return {
    object,
    ips: given.length > 0 || hasEnded ? given : allot(object, taken),
    phase,
    isReady: phase === 'Running' && readyCondition(status) !== false,
    isTerminating: deletion !== undefined && deletion !== null,
  };
};

const givenIps = (pod: ManifestObject, faults: ManifestFault[]): string[] => {
  const status = asObject(pod.raw.status);
  const texts = [status.podIP, ...asList(status.podIPs).map((item) => asObject(item).ip)];
  const ips = new Set<string>();
  for (const text of texts) {
    if (typeof text !== 'string' || text === '') continue;
    const { meant, problem } = readAddress(text);
    if (meant !== null) ips.add(problem === '' ? text : meant);
    if (problem === '') continue;
    const mend = meant === null ? ': leave it out, or correct it (one is allotted)' : '';
    const message = `${label('Pod', pod.namespace, pod.name)}: podIP "${text}" ${problem}${mend}`;
    faults.push({ position: pod.at(['status', text === status.podIP ? 'podIP' : 'podIPs']), message });
  }
  return [...ips];
};

const allot = ({ namespace, name }: ManifestObject, taken: Set<string>): string[] =>
  RANGES.map((range) => allotAddress(range, `${namespace}/${name}`, taken)).filter((ip) => ip !== null);

/** undefined where the manifest does not say. */
const readyCondition = (status: RawObject): boolean | undefined => {
  const condition = asList(status.conditions)
    .map(asObject)
    .find(({ type }) => type === 'Ready');
  return condition === undefined ? undefined : condition.status === 'True' || condition.status === true;
};
