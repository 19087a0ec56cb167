import { namespace, service, slice, together } from '../cluster-objects.ts';
import type { AskedServer } from './asked-server.ts';

/** New objects of every kind, and the name that is answered so once all of them have been seen. */
export interface Change {
  readonly name: string;
  readonly address: string;
  readonly manifests: string;
}

let changes = 0;

/** A change that was not made before. */
export const nextChange = (): Change => {
  const number = ++changes;
  const [space, address] = [`change-${number}`, `10.244.9.${number}`];
  return {
    name: `web.${space}.svc.cluster.local`,
    address,
    manifests: together(namespace(space), service('web', 'None', space), slice('web', [address], space)),
  };
};

export const isSeen = async ({ name, address }: Change, asked: AskedServer): Promise<boolean> =>
  (await asked.addresses(name)) === address;
