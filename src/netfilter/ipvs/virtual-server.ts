/** A backend of a virtual server, reached by masquerading (DNAT). */
export interface RealServer {
  readonly address: string;
  readonly port: number;
  /** 0 takes no new connections and keeps those it has. */
  readonly weight: number;
}

/** What the kernel balances: an address, protocol and port of this machine. */
export interface VirtualServer {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly address: string;
  readonly port: number;
  /** Name of the scheduler's module without `ip_vs_`: rr, wrr, lc, sh, mh, ... */
  readonly scheduler: string;
  /** Of the scheduler, like `mh-port`. */
  readonly flags: readonly string[];
  /** How long a client stays with its real server; 0 for not at all. */
  readonly persistentSeconds: number;
  readonly realServers: readonly RealServer[];
}

/** `10.0.0.1:80`, `[fd00::1]:80` */
export const socketText = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

const OPTION = { tcp: '-t', udp: '-u', sctp: '--sctp-service' } as const;

/** How ipvsadm is told which virtual server is meant; unique. */
export const serviceText = ({
  protocol,
  address,
  port,
}: Pick<VirtualServer, 'protocol' | 'address' | 'port'>): string => `${OPTION[protocol]} ${socketText(address, port)}`;

/** Scheduler and persistence, as ipvsadm takes and saves them. */
export const schedulingText = ({ scheduler, flags, persistentSeconds }: VirtualServer): string =>
  [
    `-s ${scheduler}`,
    ...(persistentSeconds > 0 ? [`-p ${persistentSeconds}`] : []),
    ...(flags.length > 0 ? [`-b ${flags.join(',')}`] : []),
  ].join(' ');
