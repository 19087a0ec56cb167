import { suggestion } from '#corefile/suggest.ts';
import { COMMON_FLAGS, type CommandFlag, FIELDS } from '#proxy/config/fields.ts';
import { readSettings } from '#proxy/config/read-settings.ts';
import type { ProxySettings } from '#proxy/config/settings.ts';
import { commandFlagsText, settingFlagsText } from '#proxy/config/usage.ts';
import type { IpFamily } from '#proxy/rule-options.ts';
import type { CliIo } from '../io.ts';
import { type ClusterPlace, missingDirectories } from './cluster.ts';
import { ProxyFault } from './fault.ts';

/** What a tool of the Service proxy is asked for. */
export interface ProxyArguments {
  readonly settings: ProxySettings;
  /** null where neither manifests nor a kubeconfig is named. */
  readonly place: ClusterPlace | null;
  /** null where it is left to the tool. */
  readonly family: IpFamily | null;
  readonly positionals: readonly string[];
  /** Flags of the command itself. */
  isOn(flag: string): boolean;
  /** The last value; '' where there is none. */
  text(flag: string): string;
  texts(flag: string): readonly string[];
}

/** A tool's help: what it does, its own flags, and what all tools take. */
export interface ToolUsage {
  readonly name: string;
  /** First line and description. */
  readonly text: string;
  readonly flags: readonly CommandFlag[];
  /** At least one and at most two numbers of positional arguments, with what to say where there is another number of them. */
  readonly positionals: readonly [least: number, most: number, what: string];
}

/** A tool looks at the cluster that its command line names; the kubeconfig of a file is that of the Pod which the file is for. */
const KUBECONFIG: CommandFlag = {
  name: 'kubeconfig',
  type: 'text',
  value: 'FILE',
  help: 'or the one of this kubeconfig: it is listed once; without both, that of the file or of the Pod',
};
const PLACE_FLAGS: readonly CommandFlag[] = [
  { name: 'manifests', type: 'texts', value: 'DIR', help: 'the cluster is this directory of YAML; repeatable' },
  KUBECONFIG,
];
const TOOL_FLAGS: readonly CommandFlag[] = [
  { name: 'node', type: 'text', value: 'NAME', help: 'node whose rules they are; also --hostname-override' },
  {
    name: 'mode',
    type: 'text',
    value: 'MODE',
    help: 'nftables, iptables or ipvs; also --proxy-mode (default nftables)',
  },
];
const HELP: CommandFlag = { name: 'help', short: 'h', type: 'boolean', help: 'print this' };
/** Of the program, kube-proxy's name for what a tool calls shorter. */
const ALIASES: readonly (readonly [short: string, long: string])[] = [
  ['mode', 'proxy-mode'],
  ['node', 'hostname-override'],
];
const FAMILIES: Readonly<Record<string, IpFamily>> = { ipv4: 'IPv4', ipv6: 'IPv6' };
/** kube-proxy's flags that rules depend on. */
const RULE_FLAGS = new Set([
  'cluster-cidr',
  'conntrack-tcp-be-liberal',
  'detect-local-mode',
  'iptables-localhost-nodeports',
  'iptables-masquerade-bit',
  'ipvs-scheduler',
  'masquerade-all',
  'nodeport-addresses',
  'pod-bridge-interface',
  'pod-interface-name-prefix',
]);

/** Reads a tool's command line. Gives null once it has printed the help that was asked for. Throws ProxyFault with all that is wrong. */
export const readArguments = (args: readonly string[], usage: ToolUsage, io: CliIo): ProxyArguments | null => {
  const own = [...usage.flags, KUBECONFIG, HELP];
  const { settings, flags, faults, warnings } = readSettings(args.map(kubeProxyName), own);
  if (flags.command.get('help')?.at(-1) === 'true') {
    io.stdout(usageText(usage));
    return null;
  }
  const { command, positionals } = flags;
  const texts = (flag: string): readonly string[] => command.get(flag) ?? [];
  const text = (flag: string): string => texts(flag).at(-1) ?? '';
  const [least, most, what] = usage.positionals;
  const wrong = faults.map((fault) => withSuggestion(asWritten(fault, args), own));
  if (positionals.length < least || positionals.length > most) wrong.push(what);
  const family = text('ip-family') === '' ? null : (FAMILIES[text('ip-family').toLowerCase()] ?? 'unknown');
  if (family === 'unknown') wrong.push(`--ip-family: "${text('ip-family')}" is neither ipv4 nor ipv6`);
  const directories = texts('manifests');
  wrong.push(...missingDirectories([...directories, ...texts('to-manifests')]));
  if (directories.length > 0 && text('kubeconfig') !== '')
    wrong.push('--manifests and --kubeconfig are two clusters: give one of them');
  if (wrong.length > 0) throw new ProxyFault(wrong);
  for (const warning of warnings) io.stderr(`# ${warning}\n`);
  return {
    settings,
    place: placeOf(directories, text('kubeconfig') || settings.kubeconfig),
    family: family as IpFamily | null,
    positionals,
    isOn: (flag) => text(flag) === 'true',
    text,
    texts,
  };
};

const placeOf = (directories: readonly string[], kubeconfig: string): ClusterPlace | null => {
  if (directories.length > 0) return { kind: 'manifests', directories };
  return kubeconfig === '' ? null : { kind: 'kubeconfig', file: kubeconfig };
};

const kubeProxyName = (arg: string): string => {
  const [, dashes = '', name, rest = ''] = /^(--?)([a-z-]+)(=.*)?$/s.exec(arg) ?? [];
  const alias = ALIASES.find(([short]) => short === name);
  return alias === undefined ? arg : `${dashes}${alias[1]}${rest}`;
};

/** Faults name a flag as it was given. */
const asWritten = (fault: string, args: readonly string[]): string => {
  const alias = ALIASES.find(([, long]) => fault.startsWith(`--${long}:`));
  if (alias === undefined || !args.some((arg) => new RegExp(`^--?${alias[0]}(=|$)`).test(arg))) return fault;
  return `--${alias[0]}${fault.slice(alias[1].length + 2)}`;
};

/** A flag that is not there may be one that was misspelled. */
const withSuggestion = (fault: string, own: readonly CommandFlag[]): string => {
  const [, written] = /^--(\S+): there is no such flag$/.exec(fault) ?? [];
  if (written === undefined) return fault;
  const known = [
    ...FIELDS.flatMap(({ flag }) => flag ?? []),
    ...[...COMMON_FLAGS, ...TOOL_FLAGS, ...own].map(({ name }) => name),
  ];
  const hint = suggestion(written, known);
  return hint === undefined ? fault : `${fault}; ${hint.replace('"', '"--')}`;
};

const usageText = ({ text, flags }: ToolUsage): string => {
  const lines = settingFlagsText().split('\n');
  const ofRules = lines.filter((line) => RULE_FLAGS.has(/^ +(?:-\w, )?--([a-z-]+)/.exec(line)?.[1] ?? ''));
  return `${text}
${commandFlagsText([...PLACE_FLAGS, ...TOOL_FLAGS, ...flags])}
kube-proxy's flags for rules (its others are taken, too, and its file by --config FILE):
${ofRules.join('\n')}
`;
};
