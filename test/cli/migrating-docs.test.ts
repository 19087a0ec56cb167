/** What docs/migrating-from-kube-proxy.md shows is what is printed, and what it says of fields holds. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FIELDS } from '#proxy/config/fields.ts';
import { runCommand } from '../../src/cli/commands.ts';

const document = readFileSync('docs/migrating-from-kube-proxy.md', 'utf8');

describe('coming from kube-proxy', () => {
  it("explains a Service with kubeadm's configuration as shown", async () => {
    const [, command = '', shown = ''] = /^```console\n\$ cluster-dns (.*)\n([^`]*)^```$/m.exec(document) ?? [];
    let printed = '';
    const print = (text: string) => {
      printed += text;
    };
    const args = command.split(' ').map((arg) => (arg === 'config.conf' ? 'test/cli/kube-proxy/config.conf' : arg));
    expect(await runCommand(args, { stdout: print, stderr: print })).toBe(0);
    expect(printed).toBe(shown);
  });

  it('names fields that there are', () => {
    const paths = FIELDS.map(({ path }) => path);
    const [, table = ''] = /^\| field \|.*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(document) ?? [];
    const cells = table.split('\n').map((row) => row.split(' | ')[0] ?? '');
    const named = cells.flatMap((cell) => [...cell.matchAll(/`([A-Za-z.]+)(?:: "")?`/g)].map(([, path = '']) => path));
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !paths.some((path) => path === name || path.startsWith(`${name}.`)))).toEqual([]);
  });
});
