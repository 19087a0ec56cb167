import { spawnSync } from 'node:child_process';
import {
  dnsmasqConfig,
  hostsFile,
  knotConfig,
  knotZone,
  kubeadmCorefile,
  type ServerPlace,
  unboundConfig,
} from './peer-configs.ts';
import type { Ability, Scenario } from './scenarios.ts';

/** A server that can be started for the bench. */
export interface ServerKind {
  readonly name: string;
  readonly abilities: readonly Ability[];
  readonly version: string;
  /** Files that it reads, written into its folder first. */
  readonly files: (place: ServerPlace) => Readonly<Record<string, string>>;
  readonly command: (place: ServerPlace) => readonly string[];
}

/** One that can't be measured here, and why. */
export interface AbsentServer {
  readonly name: string;
  readonly absent: string;
}

/** Who is in which scenario; a server that is named on the command line is in every one of the cluster's. */
export const takesPart = (server: ServerKind, scenario: Scenario): boolean =>
  server.abilities.some((ability) => scenario.needs.includes(ability)) &&
  (server.name !== OURS_DGRAM || scenario.withDgram === true);

export const OURS = 'cluster-dns';
export const OURS_DGRAM = 'cluster-dns dgram';
export const COREDNS = 'CoreDNS';

export interface ServerChoice {
  /** Path of the built CoreDNS. */
  readonly coredns: string;
  /** NAME=COMMAND with {corefile} and {port}. */
  readonly more: readonly string[];
  /** C programs that were built. */
  readonly echo: string;
  /** The bundled echo.ts. */
  readonly echoScript: string;
  /** The built program of this project. */
  readonly program: string;
}

/** All servers, ours first. Throws where CoreDNS can't be run: a figure without it says nothing. */
export const findServers = (choice: ServerChoice): readonly (ServerKind | AbsentServer)[] => [
  ours(choice),
  oursDgram(choice),
  coredns(choice),
  ...choice.more.map(custom),
  installed('unbound', ['unbound', '-V'], {
    abilities: ['cluster-a', 'cluster-nxdomain', 'external', 'forwarding'],
    files: (place) => ({ 'unbound.conf': unboundConfig(place) }),
    command: ({ folder }) => ['unbound', '-d', '-c', `${folder}/unbound.conf`],
  }),
  installed('knot', ['knotd', '--version'], {
    abilities: ['cluster-a'],
    files: (place) => ({ 'knot.conf': knotConfig(place), 'cluster.local.zone': knotZone(place) }),
    command: ({ folder }) => ['knotd', '-c', `${folder}/knot.conf`],
  }),
  installed('dnsmasq', ['dnsmasq', '--version'], {
    abilities: ['cluster-a', 'external'],
    files: (place) => ({ 'dnsmasq.conf': dnsmasqConfig(place), hosts: hostsFile(place) }),
    command: ({ folder }) => ['dnsmasq', '-k', '-C', `${folder}/dnsmasq.conf`],
  }),
  echo('echo in C', ['echo', 'floor'], (place) => [choice.echo, '127.0.0.1', `${place.port}`]),
  echo('echo through koffi', ['echo'], (place) => [process.execPath, choice.echoScript, '127.0.0.1', `${place.port}`]),
];

const withCorefile = {
  abilities: ['cluster'],
  files: (place: ServerPlace) => ({ Corefile: kubeadmCorefile(place) }),
} as const;
const corefileOf = ({ folder }: ServerPlace): string => `${folder}/Corefile`;
const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** What a command wrote, or null where it can't be run. */
const output = ([command = '', ...args]: readonly string[]): string | null => {
  const { error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  return error === undefined ? stdout + stderr : null;
};

const ours = ({ program }: ServerChoice): ServerKind => {
  const version = output([process.execPath, program, '-version']);
  if (version === null || version.includes('Cannot find module'))
    throw new Error(`${program} is not built: npm run build`);
  return {
    name: OURS,
    version: version.trim().replace(/\s*\n\s*/g, ', '),
    ...withCorefile,
    command: (place) => [process.execPath, program, '-conf', corefileOf(place), '-p', `${place.port}`],
  };
};

const oursDgram = ({ program }: ServerChoice): ServerKind | AbsentServer => {
  if (!output([process.execPath, program, '-help'])?.includes('-udp-listener'))
    return { name: OURS_DGRAM, absent: 'this build has no -udp-listener' };
  return {
    name: OURS_DGRAM,
    version: '-udp-listener dgram',
    ...withCorefile,
    command: (place) => [
      ...[process.execPath, program, '-conf', corefileOf(place), '-p', `${place.port}`],
      ...['-udp-listener', 'dgram'],
    ],
  };
};

const coredns = ({ coredns }: ServerChoice): ServerKind => {
  const version = output([coredns, '-version']);
  if (version === null) throw new Error(`--coredns ${coredns} can't be run, and a run without CoreDNS is no result`);
  return {
    name: COREDNS,
    version: version.trim().replace(/\s*\n\s*/g, ', '),
    ...withCorefile,
    command: (place) => [coredns, '-conf', corefileOf(place), '-dns.port', `${place.port}`],
  };
};

const custom = (text: string): ServerKind => {
  const [, name, command] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || command === undefined) throw new Error(`--server "${text}" is not NAME=COMMAND`);
  return {
    name,
    version: command,
    ...withCorefile,
    command: (place) =>
      command
        .trim()
        .split(/\s+/)
        .map((word) => word.replaceAll('{corefile}', corefileOf(place)).replaceAll('{port}', `${place.port}`)),
  };
};

const installed = (
  name: string,
  versionCommand: readonly string[],
  rest: Pick<ServerKind, 'abilities' | 'files' | 'command'>,
): ServerKind | AbsentServer => {
  const version = output(versionCommand);
  return version === null
    ? { name, absent: `${versionCommand[0]} is not installed` }
    : { name, version: firstLine(version), ...rest };
};

const echo = (name: string, abilities: readonly Ability[], command: ServerKind['command']): ServerKind => ({
  name,
  version: 'recvmmsg and sendmmsg of up to 64, no DNS',
  abilities,
  files: () => ({}),
  command,
});
