import { suggestion } from '#corefile/suggest.ts';
import { entriesAt, entriesOfNodePort } from '#proxy/model/explain/entries.ts';
import { explain } from '#proxy/model/explain/explain.ts';
import type { ServicePort } from '#proxy/model/service-port.ts';
import type { CliIo } from '../io.ts';
import { readArguments, type ToolUsage } from './arguments.ts';
import { ProxyFault } from './fault.ts';
import { ownRules } from './own-rules.ts';
import { readScene, type Scene } from './scene.ts';
import { portsOrNone } from './service-ports.ts';
import { readTarget, type Target } from './target.ts';

const USAGE: ToolUsage = {
  name: 'explain',
  text: `Usage: cluster-dns proxy explain IP[:PORT][/PROTOCOL] --manifests DIR|--kubeconfig FILE [flags]
       cluster-dns proxy explain [NAMESPACE/]SERVICE[:PORT] --manifests DIR|--kubeconfig FILE [flags]

Tells what becomes of traffic to an address or a Service on a node: which endpoints, with which chance, masqueraded or
not, and why, policy by policy. An IPv6 address with a port stands in brackets; a port of a Service is its name or number.
`,
  flags: [],
  positionals: [
    1,
    1,
    'what is to be explained? Give one address or Service, such as 10.96.0.10:53/udp or kube-system/kube-dns',
  ],
};

/** `cluster-dns proxy explain`: 0, 1 where there is nothing of that name or address, or a manifest has a fault. */
export const runProxyExplain = async (args: readonly string[], io: CliIo): Promise<number> => {
  const asked = readArguments(args, USAGE, io);
  if (asked === null) return 0;
  const question = readTarget(asked.positionals[0] ?? '');
  if (typeof question === 'string') throw new ProxyFault([question]);
  const scene = await readScene(asked, io);
  const { mode } = scene.settings;
  const { localAddresses } = scene.machine;
  const { kind, text } = explain({ ...scene, mode, localAddresses, suggest: suggestion }, question);
  if (kind === 'fault') throw new ProxyFault([text.trimEnd()]);
  io.stdout(text);
  const rules = await ownRules(explainedPorts(question, scene), scene);
  if (rules.length > 0)
    io.stdout(`\nIts rules in ${mode} mode:\n${rules.map((line) => `  ${line}`.trimEnd()).join('\n')}\n`);
  return scene.exitCode;
};

/** Ports of Services that the answer is about; none where it says that no rules are made. */
const explainedPorts = (question: Target, scene: Scene): readonly ServicePort[] => {
  if (question.kind === 'service') return portsOrNone(scene, question);
  const { address, port, protocol } = question;
  const { services } = scene.families[address.includes(':') ? 'IPv6' : 'IPv4'];
  const entries = [
    ...entriesAt(services, address).filter((entry) => port === null || entry.port.port === port),
    ...(port !== null && scene.machine.localAddresses.has(address) ? entriesOfNodePort(services, port) : []),
  ];
  return entries.map((entry) => entry.port).filter((found) => protocol === null || found.protocol === protocol);
};
