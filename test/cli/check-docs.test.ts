/** What docs/migrating-from-coredns.md shows of `cluster-dns check` is what it prints. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { STATUSES } from '../../src/cli/check/compatibility.ts';
import { runCommand } from '../../src/cli/commands.ts';

const document = readFileSync('docs/migrating-from-coredns.md', 'utf8');
/** What the page calls coredns.yaml, as kubectl would give it. */
const dump = readFileSync('test/cli/corefiles/k3s-custom.yaml', 'utf8').replace(/^#.*\n/gm, '');

const examples = [...document.matchAll(/^```console\n\$ (cluster-dns [^\n]*)\n(.*?)^```$/gms)].map(
  ([, command = '', shown = '']) => ({ command, shown }),
);

describe('the console examples', () => {
  const cwd = process.cwd();
  let place = '';
  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), 'cluster-dns-check-docs-'));
    writeFileSync(join(place, 'coredns.yaml'), dump);
    process.chdir(place);
  });
  afterAll(() => {
    process.chdir(cwd);
    rmSync(place, { recursive: true });
  });

  it('are there', () => {
    expect(examples).toHaveLength(2);
  });

  it.each(examples)('$command prints what is shown', async ({ command, shown }) => {
    let printed = '';
    const print = (text: string) => {
      printed += text;
    };
    const code = await runCommand(command.split(' ').slice(1), { stdout: print, stderr: print });
    expect([code, printed]).toEqual([1, shown]);
  });
});

it('the table of statuses has every one, and no other', () => {
  const [, table = ''] = /^\| status .*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(document) ?? [];
  const named = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, status]) => status);
  expect(named.sort()).toEqual(STATUSES.filter((status) => status !== '').toSorted());
});
