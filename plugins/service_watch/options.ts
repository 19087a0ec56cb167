import type { Occurrence, OptionLine, Token } from '#corefile/tree.ts';
import { type Name, nameFromText } from '#dns/name.ts';
import type { ApiConnection } from '#kube/api/connection.ts';
import type { WatchedEndpoints } from '#kube/name-watch.ts';
import { type SetupContext, zonesFromArgs } from '#plugin/index.ts';

/** The directive, read. */
export interface ServiceWatchOptions {
  readonly zones: readonly Name[];
  readonly connection: ApiConnection;
  readonly endpoints: WatchedEndpoints;
}

/** Names of the options that are read here. */
export const OPTION_NAMES = ['endpoint', 'endpoints', 'kubeconfig', 'tls'] as const;

const ROOT = nameFromText('.');

/** Reads `service_watch [ZONES...] { ... }`; faults go to `context.faults`, and the result then does not matter. */
export const readOptions = ({ directive, block, faults }: SetupContext): ServiceWatchOptions => {
  const occurrence = directive.occurrences[0] as Occurrence;
  const zones = zonesFromArgs(occurrence.args, block.zones, faults);
  if (zones.includes(ROOT))
    faults.add(
      'the root is no zone of a cluster',
      occurrence.args[0] ?? occurrence.name,
      'give the zone: cluster.local',
    );
  const said: Said = { url: '', tls: null, kubeconfig: null, endpoints: 'headless' };
  const hasCount = ({ name, args }: OptionLine, least: number, most: number): boolean => {
    if (args.length >= least && args.length <= most) return true;
    faults.argument(args.at(-1) ?? name);
    return false;
  };
  for (const line of occurrence.body ?? []) {
    const [first = '', second = '', third = ''] = line.args.map(({ text }) => text);
    switch (line.name.text) {
      case 'endpoint':
        if (hasCount(line, 1, 1)) said.url = first;
        break;
      case 'tls':
        if (hasCount(line, 3, 3)) said.tls = { cert: first, key: second, ca: third };
        break;
      case 'kubeconfig':
        if (hasCount(line, 1, 2)) said.kubeconfig = second === '' ? { file: first } : { file: first, context: second };
        break;
      case 'endpoints':
        if (!hasCount(line, 1, 1)) break;
        if (first === 'headless' || first === 'all' || first === 'none') said.endpoints = first;
        else faults.add(`wrong value for endpoints: ${first}`, line.args[0] as Token, 'write headless, all or none');
        break;
      default:
        faults.add(`unknown property '${line.name.text}'`, line.name);
    }
  }
  return { zones, connection: connectionOf(said), endpoints: said.endpoints };
};

interface Said {
  url: string;
  tls: { readonly cert: string; readonly key: string; readonly ca: string } | null;
  kubeconfig: { readonly file: string; readonly context?: string } | null;
  endpoints: WatchedEndpoints;
}

const connectionOf = ({ url, tls, kubeconfig }: Said): ApiConnection => {
  if (kubeconfig !== null) return { kind: 'kubeconfig', ...kubeconfig };
  if (url === '') return { kind: 'in-cluster' };
  return tls === null ? { kind: 'endpoint', url } : { kind: 'endpoint', url, tls };
};
