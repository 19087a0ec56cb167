import { type Run, runOrThrow } from '#netfilter/run.ts';
import type { ServicePort, ServicePorts } from '../model/service-port.ts';
import type { IpFamily } from '../rule-options.ts';
import { type FlowEnd, type FlowProtocol, readFlows } from './conntrack-flows.ts';
import { type FlowGroup, isFlowProtocol, staleFlows } from './stale-flows.ts';

export interface ConntrackCleanerOptions {
  readonly family: IpFamily;
  readonly run: Run;
  /** All endpoints of a ServicePort that serve, here and elsewhere. */
  readonly serving: (port: ServicePort) => readonly FlowEnd[];
}

/** What a cleaning is about. */
export interface Cleaning {
  readonly ports: ServicePorts;
  /** Keys that may be different; null for all. */
  readonly changed: ReadonlySet<string> | null;
  readonly isNodeAddress: (address: string) => boolean;
}

/**
 * Ends UDP and SCTP flows of one family that lead to endpoints or entries that are gone, after rules that no longer lead there are in the
 * kernel. Looks at the connection table only where a Service with such a port has changed.
 */
export class ConntrackCleaner {
  readonly #options: ConntrackCleanerOptions;
  /** Ports with such a protocol as they were at the last cleaning, so that their entries are known when they go. */
  readonly #before = new Map<string, ServicePort>();
  /** Ports that had entries that have not been cleaned yet. */
  #gone: ServicePort[] = [];
  /** Keys to look at; null for all. */
  #pending: Set<string> | null = new Set();

  constructor(options: ConntrackCleanerOptions) {
    this.#options = options;
  }

  /** Cleans; gives how many flows were ended, null where there was nothing to look at. What it rejects over is tried again with the next call. */
  async clean(cleaning: Cleaning): Promise<number | null> {
    this.#note(cleaning);
    const keys = this.#pending ?? this.#before.keys();
    const now = [...keys].flatMap((key) => this.#before.get(key) ?? []);
    const judged = [...now, ...this.#gone];
    if (judged.length === 0) {
      this.#pending = new Set();
      return null;
    }
    const protocols = new Set(judged.map(({ protocol }) => protocol).filter(isFlowProtocol));
    const flows = (await Promise.all([...protocols].map((protocol) => this.#list(protocol)))).flat();
    const serving = now.map((port) => ({ port, endpoints: this.#options.serving(port) }));
    const groups = staleFlows(flows, { now: serving, gone: this.#gone, isNodeAddress: cleaning.isNodeAddress });
    const ended = groups.length === 0 ? 0 : await this.#end(groups);
    this.#pending = new Set();
    this.#gone = [];
    return ended;
  }

  #note({ ports, changed }: Cleaning): void {
    for (const key of changed ?? new Set([...this.#before.keys(), ...ports.keys()])) {
      const before = this.#before.get(key);
      const port = ports.get(key);
      if (before !== undefined) this.#gone.push(before);
      if (port !== undefined && isFlowProtocol(port.protocol)) this.#before.set(key, port);
      else this.#before.delete(key);
      if (this.#before.has(key)) this.#pending?.add(key);
    }
    if (changed === null) this.#pending = null;
    // Where flows can't be ended for long, the oldest of them have ended by themselves.
    if (this.#gone.length > MAX_GONE) this.#gone = this.#gone.slice(-MAX_GONE);
  }

  async #list(protocol: FlowProtocol): Promise<readonly FlowGroup[]> {
    const family = FAMILY[this.#options.family];
    const text = await runOrThrow(this.#options.run, 'conntrack', ['-L', '-f', family, '-p', protocol]);
    return readFlows(text, protocol);
  }

  /** One process for all. Each line goes through the table once, so flows of one fate are one line. */
  async #end(groups: readonly FlowGroup[]): Promise<number> {
    const { run, family } = this.#options;
    const commands = groups.map((group) => deletion(group, family));
    const together = await run('conntrack', ['-R', '-'], commands.map((words) => `${words.join(' ')}\n`).join(''));
    if (together.exitCode === 0) return linesOf(together.stdout);
    // Older than 1.4.7, it reads no commands from a file.
    let ended = 0;
    for (const words of commands) {
      const { exitCode, stdout, stderr } = await run('conntrack', words);
      // That there was no such flow any more is an exit code of 1, too.
      if (exitCode !== 0 && !/ 0 flow entries/.test(stderr)) await runOrThrow(run, 'conntrack', words);
      ended += linesOf(stdout);
    }
    return ended;
  }
}

const MAX_GONE = 10_000;

const FAMILY: Readonly<Record<IpFamily, string>> = { IPv4: 'ipv4', IPv6: 'ipv6' };

const deletion = ({ protocol, to, answeredBy }: FlowGroup, family: IpFamily): readonly string[] => [
  ...['-D', '-f', FAMILY[family], '-p', protocol],
  ...['--orig-dst', to.address, '--orig-port-dst', String(to.port)],
  ...['--reply-src', answeredBy.address, '--reply-port-src', String(answeredBy.port)],
];

const linesOf = (text: string): number => text.split('\n').filter((line) => line !== '').length;
