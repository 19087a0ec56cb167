import { isIP } from 'node:net';
import type { Change } from '#kube/source.ts';

/** A change, and if it is of this node's Node, with the address of `--bind-address` as its first: there is no second place to be asked for it. */
export const withNodeAddress = (change: Change, nodeName: string, address: string): Change => {
  if (address === '' || isIP(address) === 0) return change;
  if (change.type !== 'set' || change.object.kind !== 'Node' || change.object.name !== nodeName) return change;
  const addresses = [{ type: 'InternalIP', address }, ...change.object.addresses];
  return { type: 'set', object: { ...change.object, addresses } };
};
