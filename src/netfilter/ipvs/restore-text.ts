import { type RealServer, schedulingText, serviceText, socketText, type VirtualServer } from './virtual-server.ts';

/** Input of `ipvsadm --restore` that adds these. Without comments: ipvsadm 1.31 takes none. */
export const renderVirtualServers = (servers: Iterable<VirtualServer>): string => {
  const lines: string[] = [];
  for (const server of servers) add(lines, server);
  return withEnd(lines);
};

/**
 * Reads `ipvsadm --save -n`, or what `renderVirtualServers` wrote. What is no virtual server by address (one by firewall mark) is passed over.
 * Throws where a line can't be read.
 */
export const parseVirtualServers = (text: string): readonly VirtualServer[] => {
  const servers = new Map<string, VirtualServer & { readonly realServers: RealServer[] }>();
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (PASSED_OVER.has(words[0] ?? '') || words.includes('-f')) continue;
    const options = optionsOf(words, line);
    const service = serviceOf(options, line);
    const name = serviceText(service);
    if (words[0] === '-A') servers.set(name, { ...service, ...schedulingOf(options), realServers: [] });
    else if (words[0] === '-a') servers.get(name)?.realServers.push(realServerOf(options, line));
    else throw new Error(`ipvsadm: can't read "${line}"`);
  }
  return [...servers.values()];
};

/** Nothing; to empty the table; timeouts. */
const PASSED_OVER: ReadonlySet<string> = new Set(['', '-C', '--set']);

/** What to do with a real server that is no longer wanted: keep it with weight 0 while it has connections, or remove it. */
export type Retire = (server: VirtualServer, real: RealServer) => 'drain' | 'remove';

/** Input of `ipvsadm --restore` that adds and changes what `after` has otherwise than `before`. */
export const changeVirtualServers = (
  before: ReadonlyMap<string, VirtualServer>,
  after: Iterable<VirtualServer>,
  retire: Retire,
): string => {
  const lines: string[] = [];
  for (const server of after) {
    const name = serviceText(server);
    const known = before.get(name);
    if (known === undefined) {
      add(lines, server);
      continue;
    }
    if (schedulingText(known) !== schedulingText(server)) lines.push(`-E ${name} ${schedulingText(server)}`);
    changeRealServers(lines, known, server, retire);
  }
  return withEnd(lines);
};

/** Input of `ipvsadm --restore` that removes those of `before` that are not in `after`. */
export const removeVirtualServers = (
  before: ReadonlyMap<string, VirtualServer>,
  after: ReadonlyMap<string, VirtualServer>,
): string => withEnd([...before.keys()].filter((name) => !after.has(name)).map((name) => `-D ${name}`));

/** Virtual servers by their `serviceText`. */
export const byService = (servers: Iterable<VirtualServer>): ReadonlyMap<string, VirtualServer> =>
  new Map(Array.from(servers, (server) => [serviceText(server), server]));

const add = (lines: string[], server: VirtualServer): void => {
  const name = serviceText(server);
  lines.push(`-A ${name} ${schedulingText(server)}`);
  for (const real of server.realServers) lines.push(`-a ${name} ${realText(real)}`);
};

const changeRealServers = (lines: string[], before: VirtualServer, after: VirtualServer, retire: Retire): void => {
  const name = serviceText(after);
  const known = new Map(before.realServers.map((real) => [socketText(real.address, real.port), real]));
  for (const real of after.realServers) {
    const socket = socketText(real.address, real.port);
    const had = known.get(socket);
    known.delete(socket);
    if (had === undefined) lines.push(`-a ${name} ${realText(real)}`);
    else if (had.weight !== real.weight) lines.push(`-e ${name} ${realText(real)}`);
  }
  for (const [socket, real] of known)
    if (retire(after, real) === 'remove') lines.push(`-d ${name} -r ${socket}`);
    else if (real.weight !== 0) lines.push(`-e ${name} ${realText({ ...real, weight: 0 })}`);
};

const realText = ({ address, port, weight }: RealServer): string => `-r ${socketText(address, port)} -m -w ${weight}`;

const withEnd = (lines: readonly string[]): string => (lines.length === 0 ? '' : `${lines.join('\n')}\n`);

/** Option to value; options that take none (the forwarding methods) have ''. */
const optionsOf = (words: readonly string[], line: string): ReadonlyMap<string, string> => {
  const options = new Map<string, string>();
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? '';
    if (!word.startsWith('-')) throw new Error(`ipvsadm: unexpected "${word}" in "${line}"`);
    const next = words[i + 1];
    if (next === undefined || next.startsWith('-')) options.set(word, '');
    else {
      options.set(word, next);
      i++;
    }
  }
  return options;
};

const PROTOCOLS = [
  ['-t', 'tcp'],
  ['-u', 'udp'],
  ['--sctp-service', 'sctp'],
] as const;

const serviceOf = (
  options: ReadonlyMap<string, string>,
  line: string,
): Pick<VirtualServer, 'protocol' | 'address' | 'port'> => {
  for (const [option, protocol] of PROTOCOLS) {
    const text = options.get(option);
    if (text !== undefined) return { protocol, ...socketOf(text, line) };
  }
  throw new Error(`ipvsadm: no service in "${line}"`);
};

const schedulingOf = (
  options: ReadonlyMap<string, string>,
): Pick<VirtualServer, 'scheduler' | 'flags' | 'persistentSeconds'> => ({
  scheduler: options.get('-s') ?? 'wlc',
  flags: options.get('-b')?.split(',') ?? [],
  persistentSeconds: options.has('-p') ? Number(options.get('-p') || 300) : 0,
});

const realServerOf = (options: ReadonlyMap<string, string>, line: string): RealServer => ({
  ...socketOf(options.get('-r') ?? '', line),
  weight: Number(options.get('-w') ?? 1),
});

const socketOf = (text: string, line: string): { readonly address: string; readonly port: number } => {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d+)$/i.exec(text);
  if (match === null) throw new Error(`ipvsadm: no ADDRESS:PORT in "${line}"`);
  return { address: match[1] ?? match[2] ?? '', port: Number(match[3]) };
};
