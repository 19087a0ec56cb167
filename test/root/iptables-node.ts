import type { IptablesVariant } from '#netfilter/iptables/commands.ts';
import { iptablesCommands } from '#netfilter/iptables/commands.ts';
import { type CommandResult, type Run, runCommand, runOrThrow } from '#netfilter/run.ts';
import { iptablesBackend } from '#proxy/backends/iptables/index.ts';
import type { RuleWriter } from '#proxy/rule-backend.ts';
import type { IpFamily } from '#proxy/rule-options.ts';
import { run as command } from '#test/command.ts';

let count = 0;

/** What a test puts in the place of a command: null for the command itself. */
export type Fake = (command: string, input: string) => CommandResult | Promise<CommandResult> | null;

/** A network namespace of its own, with one of the two iptables. */
export class IptablesNode {
  readonly variant: IptablesVariant;
  readonly name = `cluster-dns-iptables-${process.pid}-${++count}`;
  /** Commands that were run, first to last. */
  readonly commands: string[] = [];
  /** Inputs of iptables-restore, first to last. */
  readonly inputs: string[] = [];
  fake: Fake = () => null;

  private constructor(variant: IptablesVariant) {
    this.variant = variant;
  }

  static async open(variant: IptablesVariant): Promise<IptablesNode> {
    const node = new IptablesNode(variant);
    await command('ip', ['netns', 'add', node.name]);
    return node;
  }

  async close(): Promise<void> {
    await command('ip', ['netns', 'delete', this.name]);
  }

  readonly run: Run = async (name, args, input = '') => {
    const text = typeof input === 'string' ? input : [...input].join('');
    this.commands.push([name, ...args].join(' '));
    if (name.endsWith('-restore') && text !== '') this.inputs.push(text);
    return (await this.fake(name, text)) ?? runCommand('ip', ['netns', 'exec', this.name, name, ...args], text);
  };

  async writer(family: IpFamily = 'IPv4'): Promise<RuleWriter> {
    const log = { debug: ignore, info: ignore, warning: ignore, error: ignore };
    return await iptablesBackend({ variant: this.variant }).open({ family, run: this.run, log, now: () => 0 });
  }

  /** Loads a text as a person would. */
  async load(text: string, family: IpFamily = 'IPv4'): Promise<CommandResult> {
    return await this.run(iptablesCommands(family, this.variant).restore, ['--noflush'], text);
  }

  /** Takes all rules and chains away, as who flushes the tables does. */
  async flush(): Promise<void> {
    const { restore } = iptablesCommands('IPv4', this.variant);
    await runOrThrow(this.run, restore, [], '*mangle\nCOMMIT\n*nat\nCOMMIT\n*filter\nCOMMIT\n');
  }

  /** Runs `iptables`. */
  async iptables(...args: string[]): Promise<string> {
    return await runOrThrow(this.run, iptablesCommands('IPv4', this.variant).iptables, args);
  }

  async iptablesSave(family: IpFamily = 'IPv4'): Promise<string> {
    return await runOrThrow(this.run, iptablesCommands(family, this.variant).save, []);
  }

  /** What `iptables-save` has: chains sorted by name, rules of each in order, no counters. */
  async saved(family: IpFamily = 'IPv4'): Promise<string[]> {
    return savedLines(await this.iptablesSave(family));
  }
}

const ignore = (): void => undefined;

const savedLines = (save: string): string[] => {
  const chains = new Map<string, string[]>();
  let table = '';
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (line.startsWith(':')) chains.set(`${table} ${line.slice(1).split(' ')[0]}`, []);
    else if (line.startsWith('-A ')) chains.get(`${table} ${line.split(' ')[1]}`)?.push(`${table} ${line}`);
  }
  return [...chains].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([chain, rules]) => [chain, ...rules]);
};
