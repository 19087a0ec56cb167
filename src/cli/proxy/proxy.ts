import { suggestion } from '#corefile/suggest.ts';
import { CommandError } from '#netfilter/run.ts';
import type { CliIo } from '../io.ts';
import { ProxyFault } from './fault.ts';

const USAGE = `Usage: cluster-dns proxy COMMAND [flags]

  run       be kube-proxy: keep this node's Service rules, with kube-proxy's flags, configuration file, ports and metrics
  render    print the whole rule set for a node
  diff      print what would change: on this node, or between two manifest directories
  explain   tell what becomes of traffic to a Service or an address, and why
  trace     walk one packet through the rules
  cleanup   remove all Service rules from this node, in every mode and family
  help      print this; COMMAND -h explains a command

render, diff, explain and trace change nothing, need no root, and no cluster where --manifests DIR is given:
  cluster-dns proxy explain hello-world --manifests examples --node n1
`;

type ProxyCommand = (args: readonly string[], io: CliIo) => Promise<number>;

/** Each is loaded when it is asked for: the agent does not carry the tools. */
const COMMANDS: ReadonlyMap<string, () => Promise<ProxyCommand>> = new Map<string, () => Promise<ProxyCommand>>([
  ['run', async () => (await import('./run.ts')).runProxyRun],
  ['render', async () => (await import('./render.ts')).runProxyRender],
  ['diff', async () => (await import('./diff.ts')).runProxyDiff],
  ['explain', async () => (await import('./explain.ts')).runProxyExplain],
  ['trace', async () => (await import('./trace.ts')).runProxyTrace],
  ['cleanup', async () => (await import('./cleanup.ts')).runProxyCleanup],
]);
const HELP = new Set(['help', '-h', '-help', '--help']);

/** `cluster-dns proxy`: 0, 1 where it can't be done, diff apart, where 1 is a difference and 2 that it can't be done. */
export const runProxy = async (args: readonly string[], io: CliIo): Promise<number> => {
  const [name = '', ...rest] = args;
  if (HELP.has(name)) {
    io.stdout(USAGE);
    return 0;
  }
  const load = COMMANDS.get(name);
  if (load === undefined) {
    io.stderr(`cluster-dns proxy: ${unknownCommand(name)}\n\n${USAGE}`);
    return 1;
  }
  try {
    return await (await load())(rest, io);
  } catch (error) {
    const lines = faultLines(error);
    if (lines === null) throw error;
    for (const line of lines) io.stderr(`cluster-dns proxy ${name}: ${line}\n`);
    return name === 'diff' ? 2 : 1;
  }
};

const unknownCommand = (name: string): string => {
  if (name === '') return 'which command?';
  if (name.startsWith('-')) return `which command? kube-proxy's flags go behind one: cluster-dns proxy run ${name} ...`;
  const hint = suggestion(name, [...COMMANDS.keys()]);
  return `there is no command "${name}"${hint === undefined ? '' : `; ${hint}`}`;
};

const faultLines = (error: unknown): readonly string[] | null => {
  if (error instanceof ProxyFault) return error.lines;
  if (error instanceof CommandError) return [error.message];
  return null;
};
