export type SetType = 'hash:ip' | 'hash:ip,port' | 'hash:ip,port,ip' | 'hash:ip,port,net' | 'bitmap:port';

/** A set of the kernel's that iptables rules ask: `-m set --match-set NAME dst,dst`. */
export interface IpSet {
  /** At most 31 characters. */
  readonly name: string;
  readonly type: SetType;
  readonly family: 'inet' | 'inet6';
  /** As `ipset save` writes them: `10.0.0.1,tcp:80`, `10.0.0.1,tcp:80,10.0.0.0/8`, `30000`. */
  readonly members: ReadonlySet<string>;
}

/** Members of a hash set where nothing else is asked for: ipset's default, and what kube-proxy creates its sets with. */
const DEFAULT_MAX_MEMBERS = 65_536;

/** What `create` says of a set, after its name. A set is only as large as its members; the limit is the only thing that grows with it. */
export const setOptions = ({ type, family, members }: Omit<IpSet, 'name'>): string => {
  if (type === 'bitmap:port') return `${type} range 0-65535`;
  let limit = DEFAULT_MAX_MEMBERS;
  while (limit < members.size) limit *= 2;
  return `${type} family ${family} hashsize 1024 maxelem ${limit}`;
};

/** `10.0.0.1,tcp:80` */
export const portMember = (address: string, protocol: string, port: number): string => `${address},${protocol}:${port}`;

/** A range as ipset writes it: that of one address is the address. */
export const rangeMember = (range: string): string =>
  range.replace(/\/(32|128)$/, (end, bits) => (bits === (range.includes(':') ? '128' : '32') ? '' : end));
