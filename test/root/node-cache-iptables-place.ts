import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Log, type LogLevel } from '#log/log.ts';
import { type Run, runCommand, runOrThrow } from '#netfilter/run.ts';
import { type OpenRuleChanges, ruleChangesIn } from '#node-cache/rules/iptables/rule-changes.ts';
import { inNamespace } from '#test/packet-lab/in-namespace.ts';
import { Namespaces } from '#test/packet-lab/namespaces.ts';

export type Variant = 'legacy' | 'nft';
export const OTHER: Readonly<Record<Variant, Variant>> = { legacy: 'nft', nft: 'legacy' };

const ECHO = `
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (text, { port, address }) => socket.send(text, port, address));
socket.bind(53, process.argv[1], () => console.log('ready'));`;
const ASK = `
const socket = require('node:dgram').createSocket('udp4');
setTimeout(() => socket.close(), 500);
socket.on('message', (_, { address }) => { console.log(address); process.exit(); });
socket.send('?', 53, process.argv[1]);`;

/** A network namespace where `iptables` is one of the two. */
export class IptablesPlace {
  readonly #namespaces = new Namespaces();
  readonly #variant: Variant;
  readonly path = `/run/netns/${this.#namespaces.nameOf('node')}`;
  /** Commands that were run, first to last; those of tests left out. */
  readonly commands: string[] = [];
  readonly lines: string[] = [];

  private constructor(variant: Variant) {
    this.#variant = variant;
  }

  static async make(variant: Variant): Promise<IptablesPlace> {
    const place = new IptablesPlace(variant);
    await place.#namespaces.add(['node', 'pod']);
    await place.tool('ip', 'link set lo up');
    return place;
  }

  readonly run: Run = (command, args, input) => {
    this.commands.push([command, ...args].join(' '));
    return this.#inside(command, args, input);
  };

  readonly log = new Log({
    write: (level: LogLevel, _, message) => void this.lines.push(`${level} ${message}`),
    flush: () => Promise.resolve(),
  });

  readonly openChanges: OpenRuleChanges = ruleChangesIn((open) => inNamespace(this.path, open));

  /** What a command says; it must succeed. */
  tool(command: string, line: string, input?: string): Promise<string> {
    return runOrThrow((name, args, text) => this.#inside(name, args, text), command, line.split(' '), input);
  }

  /** Loads rules as another program would. */
  async load(text: string, variant = this.#variant, family: 4 | 6 = 4): Promise<void> {
    await this.tool(`ip${family === 6 ? '6' : ''}tables-${variant}-restore`, '--noflush', text);
  }

  /** Rules of the tables raw and filter, in the order of the kernel. */
  async rules(family: 4 | 6 = 4, variant = this.#variant): Promise<string[]> {
    const save = await this.tool(`ip${family === 6 ? '6' : ''}tables-${variant}-save`, '-c');
    const tables = save.split('*').filter((part) => /^(raw|filter)\n/.test(part));
    return tables
      .sort((a, b) => (a > b ? -1 : 1))
      .flatMap((table) => table.split('\n').flatMap((line) => /-A .*/.exec(line)?.[0] ?? []));
  }

  /** Has a pod ask UDP port 53 of an address, which the node has and answers on; null where no reply comes in half a second. */
  async askFromPod(address: string): Promise<string | null> {
    const pod = `/run/netns/${this.#namespaces.nameOf('pod')}`;
    if (!(await this.tool('ip', '-br link show')).includes('pod@')) {
      await this.tool('ip', `link add pod type veth peer name eth0 netns ${pod}`);
      await this.tool('ip', `address add ${address}/32 dev lo`);
      await this.tool('ip', '-batch -', 'address add 192.0.2.1/24 dev pod\nlink set pod up\n');
      const lines = 'address add 192.0.2.2/24 dev eth0\nlink set eth0 up\nroute add default via 192.0.2.1\n';
      await runOrThrow(runCommand, 'nsenter', [`--net=${pod}`, 'ip', '-batch', '-'], lines);
    }
    const server = spawn('nsenter', [`--net=${this.path}`, process.execPath, '-e', ECHO, address]);
    try {
      await once(server.stdout, 'data');
      const { stdout } = await runCommand('nsenter', [`--net=${pod}`, process.execPath, '-e', ASK, address]);
      return stdout.trim() || null;
    } finally {
      server.kill('SIGKILL');
      await once(server, 'close');
    }
  }

  remove(): void {
    this.#namespaces.remove();
  }

  #inside: Run = (command, args, input) => {
    const [, family, rest] = /^(ip6?tables)(-save|-restore)?$/.exec(command) ?? [];
    const name = family === undefined ? command : `${family}-${this.#variant}${rest ?? ''}`;
    return runCommand('nsenter', [`--net=${this.path}`, name, ...args], input);
  };
}
