import { posix } from 'node:path';
import { inFileOrder } from '#corefile/diagnostics.ts';
import type { Corefile, Fault, ImportTrail, Token } from '#corefile/tree.ts';
import { readNodeCacheFlags } from '#node-cache/config/read-flags.ts';
import { corefileOf, renderTemplate } from '#node-cache/config/template.ts';
import { atOrigin } from '#node-cache/config/template-places.ts';
import type { NodeCacheSettings } from '#node-cache/settings.ts';
import { dryRun } from '../dry-run.ts';
import { elsewhere } from './elsewhere.ts';
import { namedFileWarnings } from './named-files.ts';
import { isKnownPlace, podEnvironment, type Unit } from './unit.ts';

/** A Corefile that was read as the server reads it, and nothing started. */
export interface Checked {
  readonly unit: Unit;
  readonly isNodeCache: boolean;
  readonly corefile: Corefile;
  /** Both in the order of the file. */
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
  /** Text of every file read. */
  readonly sources: ReadonlyMap<string, string>;
  /** Where a word of the tree stands in its source: a template is filled in before it is read. */
  origin(token: Token): Token;
}

/** `isElsewhere`: the Corefile is for another machine, so what this one lacks is no fault. What is in a ConfigMap always is. */
export const checkUnit = (unit: Unit, isElsewhere: boolean): Checked => {
  const isForeign = isElsewhere || unit.pod !== null;
  const read = unit.corefile.text.includes('__PILLAR__')
    ? readTemplate(unit, isForeign)
    : readCorefile(unit, isForeign);
  const { faults, warnings } = isForeign ? elsewhere(read, unit, isPathKnown(unit)) : read;
  const all = [...warnings, ...namedFileWarnings(read.corefile, unit)];
  return { ...read, unit, faults: inFileOrder(faults), warnings: inFileOrder(all) };
};

type Read = Omit<Checked, 'unit'>;

const readCorefile = ({ corefile: { text }, path, pod }: Unit, isLenient: boolean): Read => {
  const environment = pod === null ? {} : { environment: podEnvironment(pod) };
  const { corefile, faults, sources } = dryRun({ file: path, text, isLenient, ...environment });
  const { list, warnings } = faults;
  return { isNodeCache: false, corefile, faults: list, warnings, sources, origin: (token) => token };
};

/** As node-cache fills it in, and with its names for faults. */
const readTemplate = ({ corefile: { text }, path, pod }: Unit, isLenient: boolean): Read => {
  const settings = nodeCacheSettings(path, pod?.args ?? []);
  const rendered = renderTemplate(text, settings, { stubDomains: new Map(), upstreamNameservers: [] });
  const environment = pod === null ? {} : { environment: podEnvironment(pod) };
  const run = dryRun(
    { file: settings.corefile, text: corefileOf(rendered), isLenient, ...environment },
    settings.dnsPort,
  );
  const placed = (faults: readonly Fault[]) => atOrigin({ faults, sources: run.sources }, rendered, settings, '');
  const { faults, sources } = placed(run.faults.list);
  const origin = (token: Token): Token => placed([{ message: '', token }]).faults[0]?.token ?? token;
  // What nobody filled in makes faults of its own further on.
  const unfilled = rendered.faults;
  return {
    isNodeCache: true,
    corefile: run.corefile,
    faults: unfilled.length > 0 ? unfilled : faults,
    warnings: placed(run.faults.warnings).faults,
    // Nobody has seen what was filled in.
    sources: new Map(
      [...sources].filter(([file]) => file === path || (file !== settings.corefile && run.sources.has(file))),
    ),
    origin,
  };
};

/** Stands for the cluster's DNS, whose address is known in the cluster only. */
const CLUSTER_DNS = '192.0.2.10';
const USUAL_FLAGS = ['-localip', '169.254.20.10,10.96.0.10', '-upstreamsvc', 'kube-dns-upstream'];

/** Those of the container where they are given and can be used. */
const nodeCacheSettings = (path: string, args: readonly string[]): NodeCacheSettings => {
  const upstream = /(?:^|\n)--?upstreamsvc[=\n](\S+)/.exec(args.join('\n'))?.[1] ?? '';
  const names = ['kube-dns', 'kube-dns-upstream', upstream];
  const env = Object.fromEntries(
    names.map((name) => [`${name.toUpperCase().replaceAll('-', '_')}_SERVICE_HOST`, CLUSTER_DNS]),
  );
  const start = args.findIndex((arg) => /^--?localip\b/.test(arg));
  // The Corefile is beside its template here, so that paths in it mean the same.
  const files = ['-basecorefile', path, '-conf', posix.join(posix.dirname(path), 'Corefile.filled-in')];
  const own = start < 0 ? null : readNodeCacheFlags([...args.slice(start), ...files], env);
  if (own !== null && 'settings' in own) return own.settings;
  const usual = readNodeCacheFlags([...USUAL_FLAGS, ...files], env);
  if ('settings' in usual) return usual.settings;
  throw new Error('the usual flags of node-cache are refused');
};

const isPathKnown =
  ({ pod }: Unit) =>
  (path: string): boolean =>
    pod === null || isKnownPlace(pod, path);

/** The words of an import trail, from the one nearest. */
export const trailOf = (token: Token): ImportTrail[] => {
  const trail: ImportTrail[] = [];
  for (let via = token.via; via !== null; via = via.via) trail.push(via);
  return trail;
};
