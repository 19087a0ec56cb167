import type { Corefile, Directive, Faults, Token } from '#corefile/tree.ts';
import type { Name } from '#dns/name.ts';
import type { Handler } from './chain.ts';
import type { Services } from './services.ts';

/** One key of a server block: `dns://cluster.local:53`. */
export interface ZoneKey {
  readonly transport: 'dns' | 'tls' | 'quic' | 'grpc' | 'https' | 'https3';
  readonly zone: Name;
  readonly port: number;
}

/** A range of addresses: 4 or 16 octets, of which the first bits count. */
export interface AddressRange {
  readonly octets: readonly number[];
  readonly prefix: number;
}

/** How many queries over UDP a source gets answered (`source_limit`). */
export interface SourceLimit {
  /** Answers a second for each source, and how many of them may be at once. */
  readonly rate: number;
  readonly burst: number;
  /** Bits of an address that make a source. */
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
  /** Every so many-th query above the limit is told to come back over TCP; 0: none is. */
  readonly slip: number;
  readonly exempt: readonly AddressRange[];
}

/** Settings of a server block that one plugin makes and the server, or another plugin, reads. */
export interface BlockSettings {
  /** Addresses to listen on (`bind`); empty where the server's own default holds. */
  listenHosts: string[];
  /** `debug`: no recovery from a plugin's crash, and [DEBUG] lines. */
  isDebug: boolean;
  /** `errors { stacktrace }`: the stack of a plugin's crash is logged with it. */
  isStackLogged?: boolean;
  /** `multisocket`: listener threads that this block asks for; 0 or left out: it does not say. */
  socketCount?: number;
  /** `memory` of `cache`: octets that encoded replies may take, those of all listening addresses and threads together. */
  answerMemoryOctets?: number;
  /** `source_limit`, with the word where it stands: holds for the addresses that the block listens on. */
  sourceLimit?: { readonly limit: SourceLimit; readonly token: Token };
}

/** The server block a directive stands in. */
export interface BlockInfo {
  readonly keys: readonly ZoneKey[];
  /** Zones of the keys, in order, each once. */
  readonly zones: readonly Name[];
  /** Names of the plugins in this block in chain order. */
  readonly pluginNames: readonly string[];
  readonly settings: BlockSettings;
  /** Addresses listened on where `settings.listenHosts` is empty; left out: all. */
  readonly defaultHosts?: readonly string[];
  /** Running plugins of this block in chain order; complete once all are set up (from `start` on). */
  readonly instances: ReadonlyMap<string, Instance>;
  /** The next and previous blocks share nothing; `index` tells them apart in messages, from 0. */
  readonly index: number;
  /** The whole configuration as it was parsed, for `reload`. */
  readonly corefile?: Corefile;
}

export interface SetupContext {
  readonly directive: Directive;
  readonly block: BlockInfo;
  /** Where faults of the directive go; setup goes on after one, so that all are reported together. */
  readonly faults: Faults;
  readonly services: Services;
}

/** A plugin that is set up for one server block. Nothing is open before `start`; `stop` gives everything back. */
export interface Instance {
  /** Its layer in the chain; absent where it answers and sees no query. */
  readonly handle?: Handler;
  /** Opens what it needs. Runs in chain order, before the listeners serve; a rejection stops the start. */
  start?(): void | Promise<void>;
  /** Runs once the listeners serve. */
  serving?(): void;
  /** Last thing before the process ends on SIGTERM or SIGINT, while queries are still answered (lameduck). Not run on reload. */
  lameduck?(): Promise<void>;
  /** Gives back what `start` took: on reload (after the new configuration serves) and at the end. Logs and never throws. */
  stop?(): void | Promise<void>;
  /** For `ready`; absent means always ready. */
  isReady?(): boolean;
}

/** A plugin: what a directive of the Corefile stands for. */
export interface PluginDefinition {
  /** The directive's name. */
  readonly name: string;
  /**
   * True where a reply that passes this plugin's layer may be repeated from memory without asking it again, unless it calls
   * `query.provenance.forbid()`. Left out: never.
   */
  readonly isRepeatable?: boolean;
  /** True where it may stand only once in a server block. */
  readonly isOnce?: boolean;
  /** Names of its options, for "did you mean". */
  readonly options?: readonly string[];
  /** Reads the directive. Faults go to `context.faults`; the result then does not matter. May claim nothing and open nothing. */
  setup(context: SetupContext): Instance | null;
}

/** Types a definition. */
export const definePlugin = (definition: PluginDefinition): PluginDefinition => definition;

/** A directive of CoreDNS's that is not built: refused by name, with what to do instead. */
export interface UnbuiltPlugin {
  readonly name: string;
  readonly unbuilt: string;
}
