import type { OpenTableEvents } from '#netfilter/nft/events.ts';
import type { Machine, Packet, Trace } from '#netfilter/packet.ts';
import type { Run } from '#netfilter/run.ts';
import type { ServicePorts } from './model/service-port.ts';
import type { IpFamily, RuleOptions } from './rule-options.ts';

export type ProxyMode = 'nftables' | 'iptables' | 'ipvs';

export interface RenderSettings {
  /** Comments say what each part is for. */
  readonly isExplained?: boolean;
  /** Only this part of a text that several tools load (IPVS: sysctl, ipset, iptables, ipvsadm, addresses); the whole where absent. */
  readonly part?: string;
  /** iptables: what iptables-save says of the node, so that chains which are there too much go as well. */
  readonly live?: string;
}

/** One way of putting Services into the kernel. All but `open` and `cleanUp` is pure. */
export interface RuleBackend {
  readonly mode: ProxyMode;
  /** The whole rule set as input of the tool that loads it. Loaded twice, or after another one, it leaves exactly these rules. */
  render(services: ServicePorts, options: RuleOptions, settings?: RenderSettings): string;
  /** What would be loaded to come from one to the other; '' where nothing would. */
  diff(before: ServicePorts, after: ServicePorts, options: RuleOptions): string;
  /** Walks the first packet of a flow through the planned rules. */
  trace(services: ServicePorts, options: RuleOptions, machine: Machine, packet: Packet): Trace;
  /** A writer for this machine. Rejects with CommandError, naming what to install, where the tools or the kernel can't do it. */
  open(environment: WriterEnvironment): Promise<RuleWriter>;
  /** Removes all that this mode has left in the kernel, whoever wrote it, for both families; kubelet's chains stay. Nothing is wrong where nothing is there. */
  cleanUp(run: Run): Promise<void>;
}

export interface WriterEnvironment {
  readonly family: IpFamily;
  readonly run: Run;
  /** nftables: what the kernel tells of our table; that of this network namespace where it is not said. */
  readonly openEvents?: OpenTableEvents;
  readonly log: {
    debug(line: string): void;
    info(line: string): void;
    warning(line: string): void;
    error(line: string): void;
  };
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Keeps one family's rules in the kernel. Calls never overlap. */
export interface RuleWriter {
  /**
   * Brings the kernel's rules to what is wanted, in one transaction where the tool can. `changed`: keys that differ from the last sync that
   * succeeded (present or gone); null where that is not known, so that everything is looked at. The first call adopts what is in the kernel and
   * removes other modes' rules. Rejects with CommandError; the kernel then still has the last good rules, and the next call has to be with null.
   */
  sync(services: ServicePorts, options: RuleOptions, changed: ReadonlySet<string> | null): Promise<SyncReport>;
  /** Looks whether the rules are still there (iptables: the canary chains). */
  isIntact(): Promise<boolean>;
  /** Calls back when somebody else has changed our rules, with a text for the log, where the tool can tell. Absent where it can't. */
  watchForeign?(changed: (what: string) => void): void;
  /** Ends helpers; rules stay. */
  close(): Promise<void>;
}

/** What a sync did, for metrics and the log. */
export interface SyncReport {
  readonly kind: 'full' | 'partial';
  /** Lines or elements that were given to the tool. */
  readonly size: number;
  /** How often since the last sync something unused could not be removed; nothing is wrong with the rules then. */
  readonly cleanUpFailures?: number;
  /** iptables: rules now in each table, and how many were written in this sync. */
  readonly tables?: Readonly<Record<'nat' | 'filter', { readonly rules: number; readonly written: number }>>;
}
