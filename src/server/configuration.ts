import { formatFaults } from '#corefile/diagnostics.ts';
import { parseCorefile } from '#corefile/parser.ts';
import type { Block, Corefile, Faults } from '#corefile/tree.ts';
import { textFromName } from '#dns/name.ts';
import {
  type BlockInfo,
  composeChain,
  type Instance,
  type Layer,
  type PluginDefinition,
  type Services,
  type UnbuiltPlugin,
  type ZoneKey,
} from '#plugin/index.ts';
import type { GroupAddress } from './listener-set.ts';
import { addressText, type ListenAddress } from './listeners/listener.ts';
import { type CoreEvents, ServerGroup, type Site } from './server-group.ts';

export interface ConfigureOptions {
  readonly plugins: readonly (PluginDefinition | UnbuiltPlugin)[];
  readonly services: Services;
  readonly events: CoreEvents;
  readonly defaultPort: number;
  /** Hosts of blocks without `bind`: [''] for all addresses. */
  readonly defaultHosts: readonly string[];
  readonly file: string;
  readonly text: string;
}

/** A server block with its plugins set up. */
export interface ConfiguredBlock {
  readonly info: BlockInfo;
  readonly instances: ReadonlyMap<string, Instance>;
}

/** A whole configuration, set up and not started. With faults it must not be. */
export class Configuration {
  readonly corefile: Corefile;
  readonly blocks: readonly ConfiguredBlock[];
  readonly groups: readonly GroupAddress[];
  readonly faults: Faults;

  constructor(corefile: Corefile, blocks: readonly ConfiguredBlock[], groups: readonly GroupAddress[], faults: Faults) {
    this.corefile = corefile;
    this.blocks = blocks;
    this.groups = groups;
    this.faults = faults;
  }

  /** Running plugins in the order in which they start. */
  instances(): Instance[] {
    return this.blocks.flatMap(({ instances }) => [...instances.values()]);
  }
}
