import type { LocalAddress } from '../settings.ts';

/**
 * The rules that bring a node's queries to its cache without conntrack. One implementation for each tool (`nftables/`, `iptables/`); all
 * addresses and both families of one instance are one object. Whatever rejects does so with CommandError, and has changed nothing.
 */
export interface Bypass {
  /**
   * Puts the rules in, in one transaction, after taking out what an earlier instance or node-cache has left. No query comes here before
   * `keepAlive`, but where another instance serves with rules of iptables: they are shared, and stay in effect.
   */
  setUp(): Promise<void>;
  /**
   * Queries to these addresses come here for the next 3 s. To be called each second with those on which the cache answers. With iptables it is this process that
   * takes rules out after that: one that is killed, or hangs, leaves them.
   */
  keepAlive(addresses: readonly LocalAddress[]): Promise<void>;
  /** Looks at the rules and puts right what is wrong; gives a line for each thing that was. */
  repair(): Promise<readonly string[]>;
  /** Calls this soon after somebody else has changed the rules. One listener. */
  onChange(listener: () => void): void;
  /** From now on new queries and connections go elsewhere, where there is an elsewhere; connections that there are go on. */
  drain(): Promise<void>;
  /** Takes out what belongs to this instance (iptables: unless others serve the addresses); the way to the cluster's DNS stays. To be called once the sockets are closed. */
  tearDown(): Promise<void>;
  /** In place of `tearDown` where the start failed: takes out all that `setUp` has put in, and leaves what was there before. */
  undo(): Promise<void>;
}
