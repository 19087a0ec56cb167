import { joinHostPort } from '#dns/address.ts';
import type { ServerGroup } from '../server-group.ts';

/** An address that is listened on. `host` is an IP address, or '' for all. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Text of an address as Go writes it: `127.0.0.1:53`, `[::1]:53`, `:53`. */
export const addressText = ({ host, port }: ListenAddress): string => joinHostPort(host, port);

/** Sockets of one address and protocol. They belong to the process: a reload only changes whom they hand messages to. */
export interface Listener {
  /** The port that was bound, for a listener on port 0. */
  readonly port: number;
  /** Hands every message from now on to this group. */
  serve(group: ServerGroup): void;
  /** Leads new clients to another instance, where one listens there, too; alone it changes nothing. While packets to the address still come here. */
  leave?(): Promise<void>;
  /**
   * Reads what has arrived and takes no more, so that a later sender is told at once that nobody is there, as far as the system has a
   * way to. Replies to what was taken can still be sent until `close`.
   */
  retire(): Promise<void>;
  /** Closes the sockets; replies that are not sent by now never are. */
  close(): Promise<void>;
}

/** The system's refusal to listen, in the words of Go's net package and of CoreDNS's prefix (caddy.go). */
export const listenError = (network: 'udp' | 'tcp', address: ListenAddress, error: unknown): Error => {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const words: Readonly<Record<string, string>> = {
    EADDRINUSE: 'address already in use',
    EACCES: 'permission denied',
    EADDRNOTAVAIL: 'cannot assign requested address',
  };
  const prefix = network === 'udp' ? 'ListenPacket' : 'Listen';
  const mend = code === 'EACCES' && address.port < 1024 ? LOW_PORT : '';
  return new Error(
    `${prefix}: listen ${network} ${addressText(address)}: bind: ${words[code] ?? (error as Error).message}${mend}`,
    { cause: error },
  );
};

/** What whoever starts the program by hand as a user, on port 53 unless told otherwise, needs to know. */
const LOW_PORT =
  ' (a port below 1024 needs root or the capability NET_BIND_SERVICE; -dns.port 1053 is for server blocks that name none)';
