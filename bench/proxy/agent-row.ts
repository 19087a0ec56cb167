import { setTimeout as delay } from 'node:timers/promises';
import { type FakeObject, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { cpuSeconds } from '../support/process-accounting.ts';
import { AgentProcess } from './agent-process.ts';
import type { ObservedApi, ObservedChange } from './observed-api.ts';
import { type Memory, memory, toolCpuMs, untilToolsRest } from './process-costs.ts';

export interface AgentRowOptions {
  /** Node.js and the program. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly metricsPort: number;
  readonly api: ObservedApi;
}

/** Times of one kind of change, ms. */
export interface ChangeTimes {
  readonly title: string;
  readonly fromEvent: readonly number[];
  readonly fromRequest: readonly number[];
}

export interface AgentCosts {
  /** From the start of the process until all rules are in the kernel, and the CPU time until then. */
  readonly startMs: number;
  readonly ownCpuMs: number;
  readonly toolCpuMs: number;
  /** How long the writing of all rules took, as the agent says. */
  readonly fullSync: string;
  readonly atFirst: Memory;
  readonly atLast: Memory;
  readonly changes: readonly ChangeTimes[];
  /** Mean. */
  readonly changeCpuMs: { readonly own: number; readonly tools: number };
}

const FLAGS = [
  '--hostname-override=node-1',
  // A time begins with the event, not with the end of a pause.
  '--iptables-min-sync-period=0s',
  '--healthz-bind-address=',
  // Of the machine, not of a namespace.
  '--conntrack-max-per-core=0',
];
/** Changes come one by one: the agent rests in between. */
const REST_MS = 150;
const NAMESPACE = 'bench';

const service: FakeObject = {
  metadata: { namespace: NAMESPACE, name: 'one-more' },
  spec: {
    clusterIP: '10.112.0.1',
    clusterIPs: ['10.112.0.1'],
    type: 'ClusterIP',
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  },
};
const slice = (endpoints: number): FakeObject => ({
  metadata: { namespace: NAMESPACE, name: 'one-more-1', labels: { 'kubernetes.io/service-name': 'one-more' } },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: Array.from({ length: endpoints }, (_, k) => ({
    addresses: [`10.191.0.${k + 1}`],
    conditions: { ready: true },
    nodeName: `node-${k}`,
  })),
});

/** One agent, from its start over some changes to its end; what it wrote is taken away again. */
export class AgentRow {
  readonly #options: AgentRowOptions;

  constructor(options: AgentRowOptions) {
    this.#options = options;
  }

  async measure(changes: number): Promise<AgentCosts> {
    const { command, args, env, metricsPort, api } = this.#options;
    await api.put(SLICES, slice(2));
    await api.put(SERVICES, service);
    const flags = [...FLAGS, `--metrics-bind-address=127.0.0.1:${metricsPort}`, ...args];
    const agent = new AgentProcess(command, flags, env);
    try {
      const startMs = (await agent.nextSync()) - agent.startedAt;
      const costs = { ownCpuMs: cpuSeconds(agent.pid) * 1000, toolCpuMs: toolCpuMs(agent.pid) };
      const atFirst = memory(agent.pid);
      await untilToolsRest(agent.pid);
      const changed = await this.#changes(agent, changes);
      const { fullSync } = agent;
      const result = { startMs, ...costs, fullSync, atFirst, ...changed, atLast: memory(agent.pid) };
      for (const line of agent.troubles) console.error(line);
      return result;
    } finally {
      await agent.stop();
      AgentProcess.cleanUp(command, env);
    }
  }

  /** A Service with two endpoints goes and comes, and one of the two does. */
  async #changes(agent: AgentProcess, count: number): Promise<Pick<AgentCosts, 'changes' | 'changeCpuMs'>> {
    const { api } = this.#options;
    const kinds = [
      { title: 'endpoint removed', make: () => api.put(SLICES, slice(1)) },
      { title: 'endpoint added', make: () => api.put(SLICES, slice(2)) },
      { title: 'Service removed', make: () => api.remove(SERVICES, service) },
      { title: 'Service added', make: () => api.put(SERVICES, service) },
    ].map((kind) => ({ ...kind, fromEvent: [] as number[], fromRequest: [] as number[] }));
    const own = cpuSeconds(agent.pid) * 1000;
    const tools = toolCpuMs(agent.pid);
    for (let i = 0; i < count; i++) {
      for (const { make, fromEvent, fromRequest } of kinds) {
        agent.expectNoSync();
        const change: ObservedChange = await make();
        const syncedAt = await agent.nextSync();
        fromEvent.push(syncedAt - change.toldAt);
        fromRequest.push(syncedAt - change.requestedAt);
        await delay(REST_MS);
      }
    }
    const all = count * kinds.length;
    return {
      changes: kinds,
      changeCpuMs: {
        own: (cpuSeconds(agent.pid) * 1000 - own) / all,
        tools: (toolCpuMs(agent.pid) - tools) / all,
      },
    };
  }
}
