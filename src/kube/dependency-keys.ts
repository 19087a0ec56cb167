import { addressText } from '#dns/address.ts';
import { octetsOf } from './index/service-entry.ts';

/** Key of a Service's name and all below it, as `ClusterStore` has it. */
export const serviceKey = (namespace: string, name: string): string => `svc/${namespace}/${name}`;

/** Key of an address's reverse name: the same for all spellings of an address. */
export const addressKey = (text: string): string => {
  const octets = octetsOf(text);
  return `ip/${octets === null ? text : addressText(octets)}`;
};
