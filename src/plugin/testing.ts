import { parseCorefile } from '#corefile/parser.ts';
import { Faults } from '#corefile/tree.ts';
import { foldName, type Name, nameFromText, wireNameFromText } from '#dns/name.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { rrTypeNumber } from '#dns/registry/rr-types.ts';
import { Log, type LogLevel } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import type { BlockInfo, Instance, PluginDefinition } from './define.ts';
import { Generations } from './generations.ts';
import { Provenance } from './provenance.ts';
import { Query, type Request, type ServerHandle, type Transport } from './query.ts';
import { failure } from './reply.ts';
import { type Services, systemClock } from './services.ts';
import { SharedResources } from './shared.ts';

/** Lines a plugin wrote, as `level source: message`. */
export class RecordingSink {
  readonly lines: string[] = [];
  write(level: LogLevel, source: string, message: string): void {
    this.lines.push(`${level} ${source}: ${message}`);
  }
  async flush(): Promise<void> {
    return;
  }
}

/** Process services for a test; every field can be replaced. */
export const testServices = (changed: Partial<Services> = {}): Services => ({
  metrics: new Metrics(),
  log: new Log(new RecordingSink()),
  generations: new Generations(),
  shared: new SharedResources(),
  clock: systemClock,
  random: Math.random,
  manifestDirectories: [],
  isLenient: false,
  version: 'test',
  revision: '',
  configuration: { file: null, read: async () => '' },
  reload: async () => null,
  fatal: (message) => {
    throw new Error(message);
  },
  ...changed,
});

export interface TestQueryOptions {
  readonly class?: number;
  readonly transport?: Transport;
  readonly isDnssecOk?: boolean;
  readonly isCheckingDisabled?: boolean;
  readonly isAuthenticData?: boolean;
  readonly edns?: Request['edns'];
  readonly zone?: string;
  readonly address?: string;
  readonly generations?: Generations;
  readonly server?: ServerHandle;
}

const refusingServer: ServerHandle = { label: 'dns://:53', serve: () => failure(5) };

/** A client's query for a plugin's handler: `testQuery('example.org.', 'A')`. */
export const testQuery = (name: string, type: string, options: TestQueryOptions = {}): Query => {
  const asked = wireNameFromText(name);
  const question = { name: asked, type: rrTypeNumber(type) as number, class: options.class ?? CLASS.IN };
  const address = options.address ?? '10.240.0.1';
  const edns =
    options.edns === undefined && options.isDnssecOk === true
      ? { udpSize: 4096, version: 0, isDnssecOk: true, options: [] }
      : (options.edns ?? null);
  return new Query(
    {
      request: {
        id: 1,
        opcode: 0,
        isRecursionDesired: true,
        isAuthenticData: options.isAuthenticData ?? false,
        isCheckingDisabled: options.isCheckingDisabled ?? false,
        question,
        edns,
        octets: 16 + asked.length,
      },
      peer: { address, port: 40212, family: address.includes(':') ? 6 : 4, localAddress: '127.0.0.1', localPort: 53 },
      transport: options.transport ?? 'udp',
      server: options.server ?? refusingServer,
      provenance: new Provenance(options.generations ?? new Generations()),
      receivedAtMs: performance.now(),
    },
    {
      name: foldName(asked),
      type: question.type,
      class: question.class,
      zone: nameFromText(options.zone ?? '.'),
      depth: 0,
    },
  );
};

export interface TestSetup {
  readonly instance: Instance | null;
  readonly faults: Faults;
  readonly block: BlockInfo;
  readonly services: Services;
}

/**
 * Sets a plugin up from a piece of Corefile (`'cache 30 {\n success 10\n}'`) as it would stand in the block of `zones`. Faults of
 * the parser are among the faults.
 */
export const setupPlugin = (
  definition: PluginDefinition,
  stanza: string,
  options: {
    readonly services?: Services;
    readonly zones?: readonly string[];
    readonly instances?: ReadonlyMap<string, Instance>;
  } = {},
): TestSetup => {
  const services = options.services ?? testServices();
  const zones: Name[] = (options.zones ?? ['.']).map(nameFromText);
  const parsed = parseCorefile({ file: 'Testfile', text: `. {\n${stanza}\n}\n` });
  const faults = new Faults();
  for (const fault of parsed.faults.list) faults.add(fault.message, fault.token, fault.hint);
  const block: BlockInfo = {
    keys: zones.map((zone) => ({ transport: 'dns', zone, port: 53 })),
    zones,
    pluginNames: [definition.name],
    settings: { listenHosts: [], isDebug: false },
    instances: options.instances ?? new Map(),
    index: 0,
  };
  const directive = parsed.corefile.blocks[0]?.directives.find(({ name }) => name === definition.name);
  if (directive === undefined) return { instance: null, faults, block, services };
  const second = directive.occurrences[1];
  if (definition.isOnce && second) faults.add('this plugin can only be used once per Server Block', second.name);
  return { instance: definition.setup({ directive, block, faults, services }), faults, block, services };
};
