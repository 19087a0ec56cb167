import type { ServicePort } from '#proxy/model/service-port.ts';
import { loadBackend } from './backends.ts';
import { FAMILIES, type Scene } from './scene.ts';

const MAX_LINES = 60;

/** What a rule set has for these ports and would not have without them, as lines for a reader. */
export const ownRules = async (
  ports: readonly ServicePort[],
  { families, settings }: Scene,
): Promise<readonly string[]> => {
  const backend = await loadBackend(settings.mode);
  const protocols = new Set<string>(ports.map(({ protocol }) => protocol));
  const lines = FAMILIES.flatMap((family) => {
    const found = ports.filter((port) => port.family === family).map((port) => [port.key, port] as const);
    if (found.length === 0) return [];
    const text = backend.diff(new Map(), new Map(found), families[family].options);
    return withoutSharedChains(text)
      .split('\n')
      .filter((line) => isRule(line) && isOfProtocol(line, protocols))
      .map((line) => line.replace(/^-I (\S+) \d+/, '-A $1').replaceAll('\t', '    '));
  });
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), `... and ${more} lines more, which proxy render prints`] : lines;
};

/** In IPVS mode the rules of iptables are everybody's: a Service is in sets, virtual servers and addresses. */
const withoutSharedChains = (text: string): string =>
  text.replace(/^# loaded by: ip6?tables-restore[\s\S]*?(?=^# loaded by|(?![\s\S]))/m, '');

/** Not what makes or empties a chain, or stands around a table. */
const isRule = (line: string): boolean => line.trim() !== '' && !/^((add|flush) chain|:|\*|COMMIT)/.test(line);

/** A chain for a number of endpoints has a rule for each protocol. */
const isOfProtocol = (line: string, protocols: ReadonlySet<string>): boolean => {
  const [, protocol] = / (tcp|udp|sctp) dport .* map @[a-z-]+-\1$/.exec(line) ?? [];
  return protocol === undefined || protocols.has(protocol);
};
