import { hostname } from 'node:os';
import { suggestion } from '#corefile/suggest.ts';
import type { Node } from '#kube/objects/node.ts';
import type { ClusterReading } from './cluster.ts';
import { ProxyFault } from './fault.ts';

/** The node whose rules are asked for. */
export interface NodeChoice {
  readonly name: string;
  /** null where the cluster has no Node objects. */
  readonly node: Node | null;
  /** What the reader should know about the choice; '' where it is as was asked. */
  readonly note: string;
}

const MAX_SHOWN = 8;

/**
 * The node of this name; where none is given, this machine's, or the only one there is. Throws ProxyFault where that is not known. A cluster
 * without Node objects, as manifests may be, has any node.
 */
export const chooseNode = ({ objects, title }: ClusterReading, name: string, host = hostname()): NodeChoice => {
  const nodes = objects.filter((object): object is Node => object.kind === 'Node');
  const [first, second] = nodes;
  if (first === undefined) {
    const chosen = name || host.toLowerCase();
    const note = `${title} has no Node objects: node "${chosen}" is taken as one without addresses and zone`;
    return { name: chosen, node: null, note };
  }
  const wanted = name === '' ? host.toLowerCase() : name;
  const node = nodes.find((one) => one.name === wanted);
  if (node !== undefined) return { name: node.name, node, note: '' };
  if (name === '' && second === undefined) return { name: first.name, node: first, note: '' };
  const names = nodes.map((one) => one.name);
  const shown = `${names.slice(0, MAX_SHOWN).join(', ')}${names.length > MAX_SHOWN ? `, and ${names.length - MAX_SHOWN} more` : ''}`;
  if (name === '') throw new ProxyFault([`which node? Give --node NAME; ${title} has ${shown}`]);
  const hint = suggestion(name, names);
  throw new ProxyFault([
    `--node ${name}: ${title} has no such Node; it has ${shown}${hint === undefined ? '' : `; ${hint}`}`,
  ]);
};
