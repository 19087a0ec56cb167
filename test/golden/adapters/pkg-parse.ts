/** Upstream addresses: `HOST[:PORT]`, schemes and resolv.conf files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { splitTransport } from '#plugins/forward/host-port.ts';
import { readTo } from '#plugins/forward/to.ts';
import type { Adapter } from '../adapter.ts';
import { differs, type RowCheck, replayTables, type Verdict } from '../row-checks.ts';

const addressesOf = (text: string): readonly string[] => {
  const to = readTo(text);
  return to.kind === 'static' ? to.addresses : [];
};

const checkHostPortOrFile: RowCheck<{ in: string; expected: string; shouldErr: boolean }> = (row) => {
  const expected = row.shouldErr ? [] : [row.expected];
  if (row.in !== 'resolv.conf') return differs(addressesOf(row.in), expected);
  const directory = mkdtempSync(join(tmpdir(), 'pkg-parse-'));
  try {
    const file = join(directory, row.in);
    writeFileSync(file, 'nameserver 127.0.0.1\n');
    return differs(addressesOf(file), expected);
  } finally {
    rmSync(directory, { recursive: true });
  }
};

const checkTransport: RowCheck<{ input: string; expected: string }> = ({ input, expected }) =>
  differs(splitTransport(input).transport, expected);

const unused = (): Verdict => ({
  notApplicable: 'a helper of the transfer and secondary plugins, which are not built yet',
});

const adapter: Adapter = {
  files: ['pkg-parse.json', 'pkg-parse-setup.json'],
  replay: (file, data) =>
    replayTables(file, data, {
      TestHostPortOrFile: checkHostPortOrFile,
      TestTransport: checkTransport,
      TestTransferIn: unused,
      TestParseHostPort: unused,
    }),
};
export default adapter;
