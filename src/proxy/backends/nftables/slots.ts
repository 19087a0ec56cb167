import type { Endpoint, ServicePort } from '../../model/service-port.ts';

/**
 * A ServicePort whose lists of endpoints are in the order of their slots: those that were there before stay where they were, new ones take
 * the places of those that went, and places that are left over are filled from the end.
 */
export const withSlots = (before: ServicePort | undefined, after: ServicePort): ServicePort => {
  if (before === undefined) return after;
  const clusterEndpoints = placed(before.clusterEndpoints, after.clusterEndpoints);
  const localEndpoints = placed(before.localEndpoints, after.localEndpoints);
  if (clusterEndpoints === after.clusterEndpoints && localEndpoints === after.localEndpoints) return after;
  return { ...after, clusterEndpoints, localEndpoints };
};

const placed = (before: readonly Endpoint[], after: readonly Endpoint[]): readonly Endpoint[] => {
  if (before.length === 0 || after.length === 0) return after;
  const nameOf = namesBy(after[0]?.port);
  const byName = new Map(after.map((endpoint) => [nameOf(endpoint), endpoint]));
  const slots: (Endpoint | undefined)[] = before.map((endpoint) => take(byName, nameOf(endpoint)));
  const coming = [...byName.values()];
  for (let slot = 0; slot < slots.length; slot++) slots[slot] ??= coming.shift() ?? lastOf(slots, slot);
  const result = slots.filter((endpoint) => endpoint !== undefined).concat(coming);
  return result.every((endpoint, slot) => endpoint === after[slot]) ? after : result;
};

const take = (endpoints: Map<string, Endpoint>, name: string): Endpoint | undefined => {
  const endpoint = endpoints.get(name);
  endpoints.delete(name);
  return endpoint;
};

/** Takes the last one behind a slot away. */
const lastOf = (slots: (Endpoint | undefined)[], slot: number): Endpoint | undefined => {
  while (slots.length > slot + 1) {
    const last = slots.pop();
    if (last !== undefined) return last;
  }
  return undefined;
};

/** Nearly all endpoints of a Service have one port: those are named by the address, which is a text that is there already. */
const namesBy =
  (usualPort: number | undefined) =>
  ({ address, port }: Endpoint): string =>
    port === usualPort ? address : `${address} ${port}`;
