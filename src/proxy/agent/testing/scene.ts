import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { projectNode } from '#kube/objects/node.ts';
import { projectService } from '#kube/objects/service.ts';
import type { ClusterSource, Kind, KubeObject, SourceEvents } from '#kube/source.ts';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import type { CommandResult } from '#netfilter/run.ts';
import { readSettings } from '../../config/read-settings.ts';
import { USUAL_PROBES } from '../../config/rule-options.ts';
import { ProxyAgent } from '../proxy-agent.ts';
import { FakeWriter } from './fake-writer.ts';
import { StepClock } from './step-clock.ts';

/** An agent with a fake cluster, a fake writer and a clock that stands still. */
export class AgentScene {
  readonly clock = new StepClock();
  readonly lines: string[] = [];
  readonly writer = new FakeWriter();
  readonly metrics = new Metrics();
  readonly source = new FakeSource();
  /** Command lines that were run, and what they answer. */
  readonly commands: string[] = [];
  readonly inputs: string[] = [];
  flows = '';
  wallMs = 1_000_000_000_000;
  readonly agent: ProxyAgent;

  constructor(args: readonly string[] = [], hasConntrack = false) {
    const { settings } = readSettings(['--healthz-bind-address=', '--metrics-bind-address=', ...args]);
    const write = (level: string, _source: string, message: string): void => {
      this.lines.push(`${level}: ${message}`);
    };
    this.agent = new ProxyAgent({
      settings,
      configuration: {},
      nodeName: 'node-1',
      writers: new Map([['IPv4', this.writer]]),
      source: this.source,
      probes: USUAL_PROBES,
      run: async (command, words, input = ''): Promise<CommandResult> => {
        this.commands.push([command, ...words].join(' '));
        if (words[0] === '-R') this.inputs.push(typeof input === 'string' ? input : [...input].join(''));
        return { exitCode: 0, stdout: words[0] === '-L' ? this.flows : '', stderr: '' };
      },
      hasConntrack,
      localAddresses: () => ['127.0.0.1', '192.168.0.2'],
      metrics: this.metrics,
      log: new Log({ write, flush: async () => undefined }),
      clock: this.clock,
      wallMs: () => this.wallMs,
    });
  }

  /** Starts with a Node and these objects listed, and lets the first sync happen. */
  async start(...objects: KubeObject[]): Promise<void> {
    await this.agent.start();
    this.source.set(node(), ...objects);
    for (const kind of ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'] as const) this.source.synced(kind);
    await this.due();
  }

  /** Time goes on, and what is due happens, one after the other. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.time + ms;
    await settle();
    for (let due = this.clock.takeDue(end); due !== null; due = this.clock.takeDue(end)) {
      this.wallMs += this.clock.advance(due.at);
      due.fire();
      await settle();
    }
    this.wallMs += this.clock.advance(end);
  }

  /** What waits for nothing but its turn happens. */
  due(): Promise<void> {
    return this.pass(0);
  }

  /** Value of a series, by its line up to the value. */
  async metric(series: string): Promise<string | undefined> {
    const text = await this.metrics.render();
    return text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1);
  }
}

/** All promises that only wait for each other are done. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};

class FakeSource implements ClusterSource {
  #events: SourceEvents | null = null;
  isStopped = false;

  start(events: SourceEvents): void {
    this.#events = events;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
  }

  isSynced(): boolean {
    return true;
  }

  set(...objects: readonly KubeObject[]): void {
    for (const object of objects) this.#events?.change({ type: 'set', object });
  }

  delete(kind: Kind, name: string): void {
    this.#events?.change({ type: 'delete', kind, namespace: kind === 'Node' ? '' : 'default', name });
  }

  synced(kind: Kind): void {
    this.#events?.synced(kind);
  }
}

/** The Node of the scene. */
export const node = (more: { readonly spec?: object; readonly labels?: object } = {}): KubeObject =>
  projectNode({
    metadata: { name: 'node-1', labels: more.labels ?? {} },
    spec: more.spec ?? {},
    status: { addresses: [{ type: 'InternalIP', address: '192.168.0.2' }] },
  }) as KubeObject;

/** A Service with one port. */
export const service = (name: string, clusterIP: string, protocol = 'TCP', spec: object = {}): KubeObject =>
  projectService({
    metadata: { name, namespace: 'default' },
    spec: { clusterIP, ports: [{ port: 53, protocol }], ...spec },
  }) as KubeObject;

/** Its EndpointSlice: an address each, on this node where it ends in `*`. */
export const slice = (name: string, addresses: readonly string[], protocol = 'TCP', triggerMs?: number): KubeObject =>
  projectEndpointSlice({
    metadata: {
      name: `${name}-1`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': name },
      annotations:
        triggerMs === undefined
          ? {}
          : { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(triggerMs).toISOString() },
    },
    addressType: 'IPv4',
    ports: [{ port: 53, protocol }],
    endpoints: addresses.map((address) => ({
      addresses: [address.replace('*', '')],
      nodeName: address.endsWith('*') ? 'node-1' : 'node-2',
    })),
  }) as KubeObject;
