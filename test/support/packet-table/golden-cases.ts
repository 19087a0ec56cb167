import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProxyMode } from '#proxy/rule-backend.ts';
import { type PacketCase, packetCase } from './packet-case.ts';
import type { RawCase } from './raw-case.ts';

const GOLDEN = join(import.meta.dirname, '../../../../shared/golden/kube-proxy');

/** What kube-proxy's own tests say of a mode; none where that data is not beside this project. */
export const goldenCases = (mode: ProxyMode): readonly PacketCase[] => {
  if (!existsSync(GOLDEN)) return [];
  const files = readdirSync(GOLDEN).filter((file) => file.endsWith('.json'));
  return files.sort().flatMap((file) => {
    const { cases } = JSON.parse(readFileSync(join(GOLDEN, file), 'utf8')) as { readonly cases: readonly RawCase[] };
    const title = file.slice(0, -'.json'.length);
    return cases
      .filter(({ modes }) => modes.includes(mode))
      .map((raw) =>
        packetCase(
          title,
          forMode(raw, mode),
          mode,
          cases.map((other) => forMode(other, mode)),
        ),
      );
  });
};

/** The data says localhostNodePorts throughout; kube-proxy has it in iptables mode only, and here it is opt-in elsewhere. */
const forMode = (raw: RawCase, mode: ProxyMode): RawCase =>
  mode === 'iptables' ? raw : { ...raw, config: { ...raw.config, localhostNodePorts: false } };
