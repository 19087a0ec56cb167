import { readFileSync } from 'node:fs';
import type { ProxyMode } from '#proxy/rule-backend.ts';
import type { CliIo } from '../io.ts';
import { readArguments, type ToolUsage } from './arguments.ts';
import { loadBackend } from './backends.ts';
import { ProxyFault } from './fault.ts';
import { readScene } from './scene.ts';

const USAGE: ToolUsage = {
  name: 'render',
  text: `Usage: cluster-dns proxy render --manifests DIR|--kubeconfig FILE [flags]

Prints the whole rule set of a node, to be read, or loaded there:
  nftables  ... | nft -f -
  iptables  ... | iptables-restore --noflush      (ip6tables-restore with --ip-family ipv6)
  ipvs      --part ipset ... | ipset restore, and so on: each part has its own tool
Loading it twice, or after another one, leaves exactly these rules. The text is the same each time.
In iptables mode that takes --over: without it chains of an earlier text stay, with no jump to them, and
iptables-restore ends with 1 where the jumps from built-in chains are there already.
`,
  flags: [
    { name: 'ip-family', type: 'text', value: 'FAMILY', help: 'ipv4 or ipv6: a text holds one of them (default ipv4)' },
    { name: 'explain', type: 'boolean', help: 'comments say what each part is for' },
    { name: 'over', type: 'text', value: 'FILE', help: 'in iptables mode: what iptables-save says of the node' },
    { name: 'part', type: 'text', value: 'PART', help: 'in ipvs mode: sysctl, ipset, iptables, ipvsadm or addresses' },
  ],
  positionals: [
    0,
    0,
    'there is nothing to be named: the whole rule set is printed; proxy explain tells of one Service',
  ],
};

/** `cluster-dns proxy render`: 0, 1 where a manifest has a fault: the rest is printed all the same. */
export const runProxyRender = async (args: readonly string[], io: CliIo): Promise<number> => {
  const asked = readArguments(args, USAGE, io);
  if (asked === null) return 0;
  const scene = await readScene(asked, io);
  const backend = await loadBackend(scene.settings.mode);
  const { services, options } = scene.families[asked.family ?? 'IPv4'];
  const { mode } = scene.settings;
  const [part, over] = [asked.text('part'), asked.text('over')];
  const faults = [...partFaults(part, mode), ...overFaults(over, mode)];
  if (faults.length > 0) throw new ProxyFault(faults);
  const isExplained = asked.isOn('explain');
  const live = over === '' ? {} : { live: readSave(over) };
  io.stdout(backend.render(services, options, { isExplained, ...(part === '' ? {} : { part }), ...live }));
  return scene.exitCode;
};

const PARTS: readonly string[] = ['sysctl', 'ipset', 'iptables', 'ipvsadm', 'addresses'];

const partFaults = (part: string, mode: ProxyMode): string[] => {
  if (part === '') return [];
  if (mode !== 'ipvs') return [`--part is for ipvs mode: a text of ${mode} is loaded whole`];
  return PARTS.includes(part) ? [] : [`--part: "${part}" is none of ${PARTS.join(', ')}`];
};

const overFaults = (over: string, mode: ProxyMode): string[] =>
  over === '' || mode === 'iptables'
    ? []
    : [`--over is for iptables mode: a text of ${mode} needs no knowledge of the node`];

const readSave = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ProxyFault([`--over: cannot read ${file}: ${(error as Error).message}`]);
  }
};
