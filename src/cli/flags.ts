import { parseArgs } from 'node:util';
import { readBoolean } from '#log/go-boolean.ts';

/** CoreDNS's flags and ours, as they were given. */
export interface ServeFlags {
  /** A Corefile's path, `stdin`, or '' for the default. */
  readonly conf: string;
  /** Port of keys that name none. */
  readonly port: number;
  readonly pidfile: string;
  readonly listPlugins: boolean;
  readonly quiet: boolean;
  readonly reusePort: boolean;
  readonly version: boolean;
  readonly manifests: readonly string[];
  readonly logFormat: 'text' | 'json';
  readonly udpListener: 'auto' | 'batch' | 'dgram';
}

/** A command line that can't be used; the process ends with `exitCode`. */
export class UsageError extends Error {
  readonly code = 'usage';
  readonly exitCode: number;
  constructor(message: string, exitCode = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Subcommands that are planned and not there, each with what to do meanwhile. */
export const UNBUILT_COMMANDS: ReadonlyMap<string, string> = new Map([
  ['explain', 'cluster-dns check FILE tells what is wrong with a Corefile'],
  ['query', 'use dig'],
]);

const OPTIONS = {
  conf: { type: 'string', default: '' },
  'dns.port': { type: 'string', default: '53' },
  p: { type: 'string' },
  pidfile: { type: 'string', default: '' },
  plugins: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
  'reuse-port': { type: 'boolean', default: false },
  version: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
  h: { type: 'boolean', default: false },
  manifests: { type: 'string', multiple: true, default: [] as string[] },
  'log-format': { type: 'string', default: 'text' },
  'udp-listener': { type: 'string', default: 'auto' },
} as const;

export const USAGE = `Usage: cluster-dns [flags]
       cluster-dns check FILE               validate a Corefile, or those in a ConfigMap dump or rendered manifests (- is standard input)
       cluster-dns check --compat FILE      say line by line what becomes of CoreDNS's Corefile here; -o json with either
       cluster-dns manifests DIR...         print the completed objects of manifest directories
       cluster-dns pod NAMESPACE/POD        print a pod's resolv.conf and Service variables
       cluster-dns node-cache [flags]       the node-local cache, in place of NodeLocal DNSCache: cluster-dns node-cache -help
       cluster-dns proxy COMMAND            the Service proxy, in place of kube-proxy: cluster-dns proxy help

  -conf FILE          Corefile to load (default "Corefile"); stdin reads standard input
  -dns.port, -p PORT  default port of server blocks (default 53)
  -manifests DIR      read Services and endpoints from this directory of YAML in place of an API server; repeatable
  -log-format FORMAT  text or json (default text)
  -pidfile FILE       write the process id to this file
  -plugins            list the plugins
  -quiet              no start banner
  -reuse-port         open ports so that the next instance can have them before this one ends; both must run as the same user
  -udp-listener HOW   batch (listener threads), dgram (without), or auto: batch where it works (default auto)
  -version            print the version
`;

/** Go's flag syntax in that of parseArgs: one dash or two, `-flag=value`, `-bool=false`. */
const normalise = (args: readonly string[]): string[] => {
  const out: string[] = [];
  for (const arg of args) {
    const match = /^--?([A-Za-z][A-Za-z0-9.-]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) {
      out.push(arg);
      continue;
    }
    const [, name, value] = match as unknown as [string, string, string | undefined];
    const option = OPTIONS[name as keyof typeof OPTIONS];
    if (option === undefined) throw new UsageError(`flag provided but not defined: -${name}`);
    if (option.type === 'boolean' && value !== undefined) {
      const isOn = readBoolean(value);
      if (isOn === null) throw new UsageError(`invalid boolean value "${value}" for -${name}: parse error`);
      if (isOn) out.push(`--${name}`);
    } else out.push(value === undefined ? `--${name}` : `--${name}=${value}`);
  }
  return out;
};

const readPort = (text: string): number => {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`-dns.port: "${text}" is not a port (0 to 65535)`);
  return port;
};

/** Reads the server's command line. Throws UsageError; one with exit code 0 asks for help. */
export const readServeFlags = (args: readonly string[]): ServeFlags => {
  let parsed: ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: normalise(args), options: OPTIONS, allowPositionals: true });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.help || values.h) throw new UsageError('', 0);
  if (positionals.length > 0) throw new UsageError(`extra command line arguments: [${positionals.join(' ')}]`, 1);
  const logFormat = values['log-format'];
  if (logFormat !== 'text' && logFormat !== 'json')
    throw new UsageError(`-log-format: "${logFormat}" is neither text nor json`);
  const udpListener = values['udp-listener'];
  if (udpListener !== 'auto' && udpListener !== 'batch' && udpListener !== 'dgram')
    throw new UsageError(`-udp-listener: "${udpListener}" is none of auto, batch and dgram`);
  return {
    conf: values.conf,
    port: readPort(values.p ?? values['dns.port']),
    pidfile: values.pidfile,
    listPlugins: values.plugins,
    quiet: values.quiet,
    reusePort: values['reuse-port'],
    version: values.version,
    manifests: values.manifests,
    logFormat,
    udpListener,
  };
};
