import type { Environment } from '#corefile/environment.ts';
import { parseCorefile } from '#corefile/parser.ts';
import { type Corefile, Faults } from '#corefile/tree.ts';
import type { Name } from '#dns/name.ts';
import {
  type BlockInfo,
  composeChain,
  type Instance,
  type Layer,
  type PluginDefinition,
  type SetupContext,
  type UnbuiltPlugin,
} from '#plugin/index.ts';
import { addressText, type ListenAddress } from './listeners/listener.ts';
import { readCpuFacts, threadCount } from './listeners/thread-count.ts';
import { findOverlaps } from './overlap.ts';
import { resolvePlugins } from './resolve-plugins.ts';
import { type GroupOptions, MEMORY_OCTETS, ServerGroup, type Site } from './server-group.ts';
import { readZoneKeys } from './zone-keys.ts';

export interface ConfigureOptions extends Omit<GroupOptions, 'memoryOctets' | 'hashSeed'> {
  /** All known directives in chain order. */
  readonly plugins: readonly (PluginDefinition | UnbuiltPlugin)[];
  /** Octets of remembered replies for each listening address. */
  readonly memoryOctets?: number;
  /** Seed of question hashes; left out where nothing is served. */
  readonly hashSeed?: number;
  /** Port of keys that name none. */
  readonly defaultPort: number;
  /** Hosts of blocks without `bind`: [''] for all addresses. */
  readonly defaultHosts: readonly string[];
  readonly file: string;
  readonly text: string;
  /** Where variables and imported files come from; what is left out is the system's. */
  readonly environment?: Partial<Environment>;
}

/** A listening address with what is served there. */
export interface ConfiguredGroup {
  readonly address: ListenAddress;
  readonly zones: readonly Name[];
  readonly group: ServerGroup;
}

/** A whole configuration, set up and not started. One with faults must not be started. */
export interface Configuration {
  readonly corefile: Corefile;
  /** Plugins in the order in which they start: block by block, in chain order. */
  readonly instances: readonly Instance[];
  readonly groups: readonly ConfiguredGroup[];
  /** UDP sockets wanted for each address: the most that a block asks for, 0 where none does. */
  readonly socketCount: number;
  readonly faults: Faults;
  /** Text of every file read, by the name that tokens carry. */
  readonly sources: ReadonlyMap<string, string>;
}

interface SetUpBlock {
  readonly info: BlockInfo;
  readonly chain: Site['chain'];
  readonly hosts: readonly string[];
}

/** Reads a Corefile and sets its plugins up. Never throws for what stands in the file: all of that is in `faults`. */
export const configure = (options: ConfigureOptions): Configuration => {
  const { corefile, faults, sources } = parseCorefile(options, options.environment);
  const instances: Instance[] = [];
  const blocks = corefile.blocks.map((block, index): SetUpBlock => {
    const keys = block.keys.flatMap((key) => readZoneKeys(key, options.defaultPort, faults));
    const resolved = resolvePlugins(block, options.plugins, faults);
    const running = new Map<string, Instance>();
    const info: BlockInfo = {
      keys,
      zones: [...new Set(keys.map(({ zone }) => zone))],
      pluginNames: resolved.map(({ definition }) => definition.name),
      settings: { listenHosts: [], isDebug: false },
      defaultHosts: options.defaultHosts,
      instances: running,
      index,
      corefile,
    };
    const layers: Layer[] = [];
    for (const { definition, directive } of resolved) {
      const own = new Faults();
      const instance = setUp(definition, { directive, block: info, faults: own, services: options.services });
      faults.take(own, definition.name, definition.options);
      if (instance === null) continue;
      running.set(definition.name, instance);
      instances.push(instance);
      if (instance.handle !== undefined)
        layers.push({ name: definition.name, handle: instance.handle, isRepeatable: definition.isRepeatable ?? false });
    }
    const chain = layers.length === 0 ? null : composeChain(layers);
    const { listenHosts } = info.settings;
    return { info, chain, hosts: listenHosts.length > 0 ? listenHosts : options.defaultHosts };
  });
  findOverlaps(
    blocks.map(({ info, hosts }, i) => ({ keys: info.keys, hosts, token: corefile.blocks[i]?.keys[0] ?? null })),
    faults,
  );
  findLimitsAtOdds(blocks, faults);
  const socketCount = wantedSockets(blocks);
  return { corefile, instances, groups: groupBlocks(blocks, options), socketCount, faults, sources };
};

/** A plugin that throws at its setup has a fault of its own, and the others are still read. */
const setUp = (definition: PluginDefinition, context: SetupContext): Instance | null => {
  try {
    return definition.setup(context);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.faults.add(`setup failed: ${message}`, context.directive.occurrences[0]?.name ?? null);
    return null;
  }
};

/** A query is counted before it is known which block it is for, so an address can have one limit only. */
const findLimitsAtOdds = (blocks: readonly SetUpBlock[], faults: Faults): void => {
  const limits = new Map<string, string>();
  for (const { info, hosts } of blocks) {
    const { sourceLimit } = info.settings;
    if (sourceLimit === undefined) continue;
    const text = JSON.stringify(sourceLimit.limit);
    const keys = new Set(hosts.flatMap((host) => info.keys.map(({ port }) => addressText({ host, port }))));
    for (const key of keys) {
      const other = limits.get(key);
      if (other !== undefined && other !== text)
        faults.add(`another server block on ${key} has another source_limit`, sourceLimit.token);
      limits.set(key, text);
    }
  }
};

/** Puts together what is served on one address. */
const groupBlocks = (blocks: readonly SetUpBlock[], options: ConfigureOptions): ConfiguredGroup[] => {
  const byAddress = new Map<string, { address: ListenAddress; sites: Site[] }>();
  for (const { info, chain, hosts } of blocks) {
    for (const { zone, port } of info.keys) {
      for (const host of hosts) {
        const address = { host, port };
        const key = addressText(address);
        const known = byAddress.get(key) ?? { address, sites: [] };
        known.sites.push({ zone, chain, block: info });
        byAddress.set(key, known);
      }
    }
  }
  const { memoryOctets: most = MEMORY_OCTETS } = options;
  const memoryOctets = Math.min(most, answerMemoryShare(blocks, byAddress.size));
  return [...byAddress].map(([key, { address, sites }]) => ({
    address,
    zones: sites.map(({ zone }) => zone),
    group: new ServerGroup(`dns://${key}`, sites, { hashSeed: 0, ...options, memoryOctets }),
  }));
};

/** Less than this holds next to nothing. */
const LEAST_SHARE_OCTETS = 64 * 1024;

/** Octets of one memory of encoded replies, where `cache` says how many all of them may take: each address has one here and one a thread. */
const answerMemoryShare = (blocks: readonly SetUpBlock[], addresses: number): number => {
  const said = blocks.flatMap(({ info }) => info.settings.answerMemoryOctets ?? []);
  if (said.length === 0) return Number.POSITIVE_INFINITY;
  const threads = threadCount({ ...readCpuFacts(), wanted: wantedSockets(blocks) });
  return Math.max(LEAST_SHARE_OCTETS, Math.floor(Math.min(...said) / (addresses * (threads + 1))));
};

/** The most that a block asks for, 0 where none does. */
const wantedSockets = (blocks: readonly SetUpBlock[]): number =>
  Math.max(0, ...blocks.map(({ info }) => info.settings.socketCount ?? 0));
