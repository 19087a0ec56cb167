import type { LocalAddress } from '../../settings.ts';
import type { InstanceTableName } from './instance-requests.ts';
import { ALIVE, ALIVE_MS, DRAINING, DRAINING_MS, type Family, nftFamily, PRIORITIES } from './names.ts';

/** The table of an instance in nft's words, for where this process can't speak to the kernel itself. Nobody owns it. */
export const createText = ({ name, dnsPort }: InstanceTableName, family: Family): string => {
  const ip = nftFamily(family);
  const set = (title: string): string => `\tset ${title} {\n\t\ttype ipv${family}_addr\n\t\tflags timeout\n\t}\n`;
  const chain = (hook: string): string => `\tchain ${hook} {
\t\ttype filter hook ${hook} priority ${PRIORITIES.instance}; policy accept;
\t\tudp dport ${dnsPort} ${ip} daddr @${ALIVE} notrack
\t\ttcp dport ${dnsPort} ${ip} daddr @${ALIVE} notrack
\t\ttcp dport ${dnsPort} tcp flags != syn / syn,ack ${ip} daddr @${DRAINING} notrack
\t}
`;
  return `table ${ip} ${name} {\n${set(ALIVE)}${set(DRAINING)}${chain('prerouting')}${chain('output')}}\n`;
};

export const deleteText = (name: string, family: Family): string => `delete table ${nftFamily(family)} ${name}\n`;

/** As `aliveRequests`. */
export const aliveText = (name: string, addresses: readonly LocalAddress[]): string =>
  addresses
    .map((address) => {
      const add = element('add', name, ALIVE, address, ALIVE_MS);
      return `${add}${element('delete', name, ALIVE, address)}${add}`;
    })
    .join('');

/** As `drainRequests`. */
export const drainText = (name: string, addresses: readonly LocalAddress[]): string =>
  addresses
    .map(
      (address) =>
        element('add', name, ALIVE, address, ALIVE_MS) +
        element('delete', name, ALIVE, address) +
        element('add', name, DRAINING, address, DRAINING_MS),
    )
    .join('');

const element = (
  verb: 'add' | 'delete',
  table: string,
  set: string,
  { address, family }: LocalAddress,
  timeoutMs?: number,
): string => {
  const timeout = timeoutMs === undefined ? '' : ` timeout ${timeoutMs / 1000}s`;
  return `${verb} element ${nftFamily(family)} ${table} ${set} { ${address}${timeout} }\n`;
};
