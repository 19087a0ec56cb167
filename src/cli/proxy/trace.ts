import type { Packet } from '#netfilter/packet.ts';
import { nodeAddresses } from '#proxy/config/node-addresses.ts';
import type { IpFamily } from '#proxy/rule-options.ts';
import type { CliIo } from '../io.ts';
import { readArguments, type ToolUsage } from './arguments.ts';
import { loadBackend } from './backends.ts';
import { ProxyFault } from './fault.ts';
import { readScene, type Scene } from './scene.ts';
import { portsOf, portText } from './service-ports.ts';
import { readIp, readTarget, type ServiceTarget } from './target.ts';
import { traceText } from './trace-text.ts';

const USAGE: ToolUsage = {
  name: 'trace',
  text: `Usage: cluster-dns proxy trace FROM TO:PORT[/PROTOCOL] --manifests DIR|--kubeconfig FILE [flags]

Walks the first packet of a connection through the rules of a node and tells what becomes of it.
  FROM  an IP address, or "node" for the node itself
  TO    an IP address (an IPv6 one in brackets), or [NAMESPACE/]SERVICE for its cluster IP; tcp unless it is said
`,
  flags: [{ name: 'in-interface', type: 'text', value: 'NAME', help: 'interface that the packet comes in by' }],
  positionals: [2, 2, 'which packet? Give FROM and TO:PORT, such as 10.244.1.5 10.96.0.10:53/udp'],
};

/** `cluster-dns proxy trace`: 0 whatever becomes of the packet, 1 where a manifest has a fault. */
export const runProxyTrace = async (args: readonly string[], io: CliIo): Promise<number> => {
  const asked = readArguments(args, USAGE, io);
  if (asked === null) return 0;
  const scene = await readScene(asked, io);
  const [from = '', to = ''] = asked.positionals;
  const inInterface = asked.text('in-interface');
  const packet = { ...packetOf(from, to, scene), ...(inInterface === '' ? {} : { inInterface }) };
  const family = familyOf(packet.to);
  const { services, options } = scene.families[family];
  const backend = await loadBackend(scene.settings.mode);
  const trace = backend.trace(services, options, scene.machine, packet);
  io.stdout(traceText(packet, trace, { ...scene, services, options, mode: scene.settings.mode }));
  return scene.exitCode;
};

/** Throws ProxyFault with all that is wrong with the two texts. */
const packetOf = (from: string, to: string, scene: Scene): Packet => {
  const faults: string[] = [];
  const source = from === 'node' ? '' : readIp(from);
  if (source === null) faults.push(`FROM: "${from}" is neither an IP address nor "node"`);
  const target = readTarget(to);
  if (typeof target === 'string') faults.push(`TO: ${target}`);
  else if (target.kind === 'address' && target.port === null) faults.push(`TO: ${to} has no port: give ${to}:PORT`);
  if (source === null || typeof target === 'string' || faults.length > 0) throw new ProxyFault(faults);
  const place =
    target.kind === 'address'
      ? { to: target.address, port: target.port as number, protocol: target.protocol ?? 'tcp' }
      : servicePlace(target, source, scene);
  const sender = source === '' ? nodeAddress(place.to, scene) : source;
  if (familyOf(sender) !== familyOf(place.to))
    throw new ProxyFault([
      `${sender} is ${familyOf(sender)} and ${place.to} is ${familyOf(place.to)}: no packet goes there`,
    ]);
  return { from: sender, ...place };
};

/** The cluster IP of the family that FROM has. */
const servicePlace = (
  target: ServiceTarget,
  source: string,
  scene: Scene,
): Pick<Packet, 'to' | 'port' | 'protocol'> => {
  const ports = portsOf(scene, target);
  const ofFamily = source === '' ? ports : ports.filter(({ family }) => family === familyOf(source));
  const candidates = ofFamily.length > 0 ? ofFamily : ports;
  const [first] = candidates;
  const others = candidates.filter(({ family, key }) => family === first?.family && key !== first.key);
  if (first === undefined || others.length > 0) {
    const there = candidates.filter(({ family }) => family === first?.family).map(portText);
    throw new ProxyFault([`TO: which port of ${first?.namespace}/${first?.name}? It has ${there.join(', ')}`]);
  }
  return { to: first.clusterIP, port: first.port, protocol: first.protocol };
};

/** What the node itself sends from. */
const nodeAddress = (to: string, { node, name, settings }: Scene): string => {
  if (to === '::1' || to.startsWith('127.')) return to;
  const address = nodeAddresses(settings.nodeAddress, node)[familyOf(to)];
  if (address === '')
    throw new ProxyFault([`FROM: no ${familyOf(to)} address of node ${name} is known: give an address`]);
  return address;
};

const familyOf = (address: string): IpFamily => (address.includes(':') ? 'IPv6' : 'IPv4');
