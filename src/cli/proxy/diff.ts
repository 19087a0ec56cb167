import { existsSync } from 'node:fs';
import { missingRights } from '#netfilter/needs.ts';
import { type Run, runCommand } from '#netfilter/run.ts';
import { probe } from '#proxy/agent/tools.ts';
import type { IpFamily, LocalTraffic, RuleOptions } from '#proxy/rule-options.ts';
import type { CliIo } from '../io.ts';
import { type ProxyArguments, readArguments, type ToolUsage } from './arguments.ts';
import { loadBackend } from './backends.ts';
import { ProxyFault } from './fault.ts';
import { liveDifference } from './live.ts';
import { localAddresses } from './local-addresses.ts';
import { FAMILIES, type FamilyScene, readScene, readSceneOf, type Scene } from './scene.ts';
import { type ServicePortChange, serviceChanges } from './service-changes.ts';

const USAGE: ToolUsage = {
  name: 'diff',
  text: `Usage: cluster-dns proxy diff --manifests DIR... --to-manifests DIR... [flags]
       cluster-dns proxy diff DIR DIR [flags]
       cluster-dns proxy diff --manifests DIR|--kubeconfig FILE [flags]

Prints what would change: between two clusters in manifests, or from what the kernel of this node has now (needs root).
Ends with 0 where nothing would, 1 where something would, 2 where that can't be told.
`,
  flags: [
    { name: 'to-manifests', type: 'texts', value: 'DIR', help: 'the cluster as it is to be; repeatable' },
    { name: 'rules', type: 'boolean', help: 'print what the tool would be told, too' },
    { name: 'ip-family', type: 'text', value: 'FAMILY', help: 'ipv4 or ipv6 (default both)' },
  ],
  positionals: [0, 2, 'give two directories, or none with --manifests and --to-manifests'],
};

/** `cluster-dns proxy diff`: 0 where nothing changes, 1 where something does, 2 where that can't be told. */
export const runProxyDiff = async (args: readonly string[], io: CliIo, run: Run = runCommand): Promise<number> => {
  const asked = readArguments(args, USAGE, io);
  if (asked === null) return 0;
  const isLive = asked.positionals.length === 0 && asked.texts('to-manifests').length === 0;
  return isLive ? diffLive(asked, io, run) : diffClusters(asked, io);
};

/** From what the kernel has to what it should have. */
const diffLive = async (asked: ProxyArguments, io: CliIo, run: Run): Promise<number> => {
  const rightsFault = missingRights();
  if (rightsFault !== '') throw new ProxyFault([rightsFault]);
  const probes = await probe(asked.settings.mode, run);
  const scene = await readScene(asked, io, { localAddresses: localAddresses(), probes });
  let changed = 0;
  for (const family of asked.family === null ? machineFamilies() : [asked.family]) {
    const { changes, text } = await liveDifference(scene.settings.mode, scene.families[family], run);
    changed += changes.length;
    io.stdout(changes.map(({ head, lines }) => block(`${head}${familyTitle(family)}`, lines)).join(''));
    if (asked.isOn('rules') && text !== '') io.stdout(`\n${text}\n`);
  }
  if (changed === 0) io.stdout('Nothing differs.\n');
  if (scene.exitCode > 0) return 2;
  return changed === 0 ? 0 : 1;
};

const machineFamilies = (): readonly IpFamily[] => (existsSync('/proc/net/if_inet6') ? FAMILIES : ['IPv4']);

const diffClusters = async (asked: ProxyArguments, io: CliIo): Promise<number> => {
  const [before, after] = await readScenes(asked, io);
  const families = asked.family === null ? FAMILIES : [asked.family];
  let changed = 0;
  const counts = { new: 0, gone: 0, changed: 0 };
  for (const family of families) {
    const [from, to] = [before.families[family], after.families[family]];
    const settings = optionChanges(from.options, to.options);
    const services = serviceChanges(from.services, to.services);
    changed += settings.length + services.length;
    for (const { kind } of services) counts[kind]++;
    io.stdout(changesText(family, settings, services));
    if (asked.isOn('rules') && settings.length + services.length > 0)
      io.stdout(`\n${await rulesText(from, to, settings.length > 0, after)}\n`);
  }
  io.stdout(changed === 0 ? 'Nothing changes.\n' : summary(counts));
  if (before.exitCode + after.exitCode > 0) return 2;
  return changed === 0 ? 0 : 1;
};

const readScenes = async (asked: ProxyArguments, io: CliIo): Promise<readonly [before: Scene, after: Scene]> => {
  const [first, second] = asked.positionals;
  const to = asked.texts('to-manifests');
  if (first !== undefined && (second === undefined || asked.place !== null || to.length > 0))
    throw new ProxyFault([USAGE.positionals[2]]);
  const before = first === undefined ? await readScene(asked, io) : await sceneOf([first], asked, io);
  const after = await sceneOf(second === undefined ? to : [second], asked, io);
  return [before, after];
};

const sceneOf = (directories: readonly string[], { settings }: ProxyArguments, io: CliIo): Promise<Scene> =>
  readSceneOf({ kind: 'manifests', directories }, settings, io);

const MARKS: Readonly<Record<ServicePortChange['kind'], string>> = { new: '+', gone: '-', changed: '~' };

const changesText = (family: IpFamily, settings: readonly string[], services: readonly ServicePortChange[]): string => {
  const title = familyTitle(family);
  const parts = [
    ...(settings.length === 0 ? [] : [{ head: `~ this node${title}`, lines: settings }]),
    ...services.map(({ key, kind, lines }) => ({ head: `${MARKS[kind]} ${key}${title}`, lines })),
  ];
  return parts.map(({ head, lines }) => block(head, lines)).join('');
};

const familyTitle = (family: IpFamily): string => (family === 'IPv4' ? '' : ` (${family})`);
const block = (head: string, lines: readonly string[]): string =>
  `${head}\n${lines.map((line) => `    ${line}\n`).join('')}`;

const summary = (counts: Readonly<Record<ServicePortChange['kind'], number>>): string => {
  const parts = [`${counts.new} new`, `${counts.gone} gone`, `${counts.changed} changed`];
  return `\nPorts of Services: ${parts.join(', ')}.\n`;
};

/** What rules depend on besides Services, as `~ title: before -> after`. */
const optionChanges = (before: RuleOptions, after: RuleOptions): string[] =>
  OPTIONS.flatMap(([title, textOf]) => {
    const [old, now] = [textOf(before), textOf(after)];
    return old === now ? [] : [`~ ${title}: ${old} -> ${now}`];
  });

const listText = (texts: readonly string[]): string => texts.join(', ') || 'none';
const localTrafficText = (local: LocalTraffic): string => {
  switch (local.by) {
    case 'none':
      return 'nothing';
    case 'cidr':
      return local.cidr;
    case 'interface':
      return `interface ${local.name}`;
    case 'interface-prefix':
      return `interfaces ${local.prefix}*`;
  }
};
/** What the cluster, and not the command line, decides. */
const OPTIONS: readonly (readonly [title: string, textOf: (options: RuleOptions) => string])[] = [
  ['ranges of cluster IPs', ({ serviceCidrs }) => listText(serviceCidrs)],
  ['traffic of own Pods is told by', ({ localTraffic }) => localTrafficText(localTraffic)],
  [
    'node ports answer on',
    ({ nodePortAddresses }) => (nodePortAddresses === 'all' ? 'every address' : listText(nodePortAddresses)),
  ],
];

/** What the tool would be told: the change, or all where more than Services is different. */
const rulesText = async (
  from: FamilyScene,
  to: FamilyScene,
  isFrameChanged: boolean,
  { settings }: Scene,
): Promise<string> => {
  const backend = await loadBackend(settings.mode);
  return isFrameChanged
    ? backend.render(to.services, to.options)
    : backend.diff(from.services, to.services, to.options);
};
