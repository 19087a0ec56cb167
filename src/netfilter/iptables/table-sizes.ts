import { AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, SOCK_CLOEXEC, SOCK_DGRAM } from '#libc/constants.ts';
import { checked } from '#libc/errno.ts';
import type { Libc } from '#libc/libc.ts';

/** linux/netfilter_ipv4/ip_tables.h; IP6T_SO_GET_INFO is the same number. */
const IPT_SO_GET_INFO = 64;
/** struct ipt_getinfo: name 32 | valid hooks 4 | entries of hooks 20 | underflows 20 | number of rules 4 | octets 4. */
const INFO_WORDS = 21;
const NUMBER_AT = 19;
const OCTETS_AT = 20;

/**
 * How large tables of iptables-legacy are: for a system call each, where a listing is a process. The kernel tells nobody of changes to them, but who adds or
 * takes away rules changes this. A table that is asked for comes to be there.
 */
export class TableSizes {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #level: number;
  readonly #tables: readonly string[];

  private constructor(libc: Libc, fd: number, level: number, tables: readonly string[]) {
    this.#libc = libc;
    this.#fd = fd;
    this.#level = level;
    this.#tables = tables;
  }

  /** Throws SystemCallError. */
  static open(libc: Libc, family: 4 | 6, tables: readonly string[]): TableSizes {
    const domain = family === 4 ? AF_INET : AF_INET6;
    const fd = checked(libc, 'socket', libc.socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return new TableSizes(libc, fd, family === 4 ? IPPROTO_IP : IPPROTO_IPV6, tables);
  }

  /** A text that differs where rules were added or taken away. Throws SystemCallError. */
  read(): string {
    return this.#tables.map((table) => this.#sizeOf(table)).join(' ');
  }

  close(): void {
    this.#libc.close(this.#fd);
  }

  #sizeOf(table: string): string {
    const info = new Uint32Array(INFO_WORDS);
    Buffer.from(info.buffer).write(table, 'latin1');
    const octets = Uint32Array.of(info.byteLength);
    const result = this.#libc.getsockopt(this.#fd, this.#level, IPT_SO_GET_INFO, info, octets);
    checked(this.#libc, 'getsockopt', result);
    return `${info[NUMBER_AT]}/${info[OCTETS_AT]}`;
  }
}
