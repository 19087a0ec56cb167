import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseKubeDns, readKubeDnsFiles } from './kube-dns-config.ts';

type Files = Readonly<Record<string, string>>;

const parse = (files: Files) => parseKubeDns(new Map(Object.entries(files)) as never, '/cm', ['10.96.0.10', 'fd00::a']);

const faultsOf = (files: Files): readonly string[] => {
  const parsed = parse(files);
  return 'faults' in parsed ? parsed.faults : [];
};

describe('the kube-dns ConfigMap', () => {
  it('has stub domains and upstream servers', () => {
    expect(
      parse({
        stubDomains:
          '{"acme.local": ["1.1.1.1", "[2001:db8::1]:10053", "2001:db8::1"], "a": ["tls://9.9.9.9%dns.quad9.net:853"]}',
        upstreamNameservers: '["2.2.2.2:10053", "dns://3.3.3.3"]',
        federations: 'one=example.org, two=b.example.org',
      }),
    ).toEqual({
      config: {
        stubDomains: new Map([
          ['acme.local', ['1.1.1.1', '[2001:db8::1]:10053', '2001:db8::1']],
          ['a', ['tls://9.9.9.9%dns.quad9.net:853']],
        ]),
        upstreamNameservers: ['2.2.2.2:10053', 'dns://3.3.3.3'],
      },
    });
  });

  it.each([
    ['no file', {}],
    ['null', { stubDomains: 'null', upstreamNameservers: 'null', federations: '' }],
    ['nothing in them', { stubDomains: '{}', upstreamNameservers: '[]', federations: ' ' }],
  ])('may be empty: %s', (_, files: Files) => {
    expect(parse(files)).toEqual({ config: { stubDomains: new Map(), upstreamNameservers: [] } });
  });

  it.each([
    [{ stubDomains: '{' }, "/cm/stubDomains:1:2: not JSON: Expected property name or '}'"],
    [
      { stubDomains: '{\n  "a": ["1.1.1.1"\n "2.2.2.2"]\n}' },
      "/cm/stubDomains:3:2: not JSON: Expected ',' or ']' after array element",
    ],
    [{ stubDomains: '' }, '/cm/stubDomains: not JSON: Unexpected end of JSON input'],
    [{ stubDomains: '["1.1.1.1"]' }, '/cm/stubDomains: it must be an object: {"DOMAIN": ["IP", ...]}'],
    [{ stubDomains: '{"a": "1.1.1.1"}' }, '/cm/stubDomains: "a" must have a list of servers: ["IP", ...]'],
    [{ stubDomains: '{"a": []}' }, '/cm/stubDomains: "a" must have a list of servers: ["IP", ...]'],
    [{ stubDomains: '{"a": [1]}' }, '/cm/stubDomains: "a" must have a list of servers: ["IP", ...]'],
    [
      { stubDomains: '{"-bad-": ["1.1.1.1"]}' },
      '/cm/stubDomains: "-bad-" is not a domain name: lower-case labels with dots between',
    ],
    [
      { stubDomains: '{"a {\\n}": ["1.1.1.1"]}' },
      '/cm/stubDomains: "a {\\n}" is not a domain name: lower-case labels with dots between',
    ],
    [
      { stubDomains: `{"${'a'.repeat(64)}": ["1.1.1.1"]}` },
      `/cm/stubDomains: "${'a'.repeat(64)}" is not a domain name: lower-case labels with dots between`,
    ],
    [{ stubDomains: '{"a": ["ns_1"]}' }, '/cm/stubDomains: "a": "ns_1" is not an IP address, or one with a port'],
    [
      { stubDomains: '{"a": ["ns.example.org"]}' },
      '/cm/stubDomains: "a": "ns.example.org" is not an IP address, or one with a port',
    ],
    [{ stubDomains: '{"a": ["1.1.1.1:70000"]}' }, '/cm/stubDomains: "a": "1.1.1.1:70000" has no port from 1 to 65535'],
    [{ stubDomains: '{"a": ["1.1.1.1:"]}' }, '/cm/stubDomains: "a": "1.1.1.1:" has no port from 1 to 65535'],
    [{ stubDomains: '{"a": ["[::1]"]}' }, '/cm/stubDomains: "a": "[::1]" is not an IP address, or one with a port'],
    [
      { stubDomains: '{"a": ["1.1.1.1 2.2.2.2"]}' },
      '/cm/stubDomains: "a": "1.1.1.1 2.2.2.2" is not an IP address, or one with a port',
    ],
    [
      { upstreamNameservers: '["1.1.1.1\\n}\\nevil {"]' },
      '/cm/upstreamNameservers: "1.1.1.1\\n}\\nevil {" is not an IP address, or one with a port',
    ],
    [
      { upstreamNameservers: '["https://1.1.1.1"]' },
      '/cm/upstreamNameservers: "https://1.1.1.1" is https://, and only dns:// and tls:// can be served here',
    ],
    [
      { upstreamNameservers: '["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"]' },
      '/cm/upstreamNameservers: at most 3 servers, and it has 4',
    ],
    [{ upstreamNameservers: '{}' }, '/cm/upstreamNameservers: it must be a list of texts: ["IP", ...]'],
    [{ upstreamNameservers: '["10.96.0.10"]' }, '/cm/upstreamNameservers: "10.96.0.10" is this cache itself'],
    [{ upstreamNameservers: '["[FD00:0::a]:53"]' }, '/cm/upstreamNameservers: "[FD00:0::a]:53" is this cache itself'],
    [{ federations: 'one' }, '/cm/federations: "one" is not NAME=DOMAIN'],
    [{ federations: 'a.b=example.org' }, '/cm/federations: "a.b=example.org" has a name that is no DNS name'],
  ])('is refused: %j', (files: Files, fault) => {
    expect(faultsOf(files)).toEqual([fault]);
  });

  it('has all its faults told', () => {
    expect(faultsOf({ stubDomains: '{"A": ["x", "1.1.1.1:0"]}', upstreamNameservers: '[', federations: '=' })).toEqual([
      '/cm/stubDomains: "A" is not a domain name: lower-case labels with dots between',
      '/cm/stubDomains: "A": "x" is not an IP address, or one with a port',
      '/cm/stubDomains: "A": "1.1.1.1:0" has no port from 1 to 65535',
      '/cm/upstreamNameservers: not JSON: Unexpected end of JSON input',
      '/cm/federations: "=" has a name that is no DNS name',
    ]);
  });
});

describe('the mounted ConfigMap', () => {
  it('need not be there, and may have files that are no text', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'cluster-dns-kube-dns-'));
    try {
      expect(await readKubeDnsFiles(join(directory, 'none'))).toEqual(new Map());
      expect(await readKubeDnsFiles(directory)).toEqual(new Map());
      writeFileSync(join(directory, 'stubDomains'), Buffer.from([0x22, 0xff, 0x22]));
      mkdirSync(join(directory, 'upstreamNameservers'));
      writeFileSync(join(directory, 'Corefile'), 'not looked at');
      const files = await readKubeDnsFiles(directory);
      const parsed = parseKubeDns(files, directory);
      expect('faults' in parsed ? parsed.faults : []).toEqual([
        `${directory}/stubDomains: it is not text in UTF-8`,
        // Later versions of Node.js say which file, too.
        expect.stringContaining(`${directory}/upstreamNameservers: EISDIR: illegal operation on a directory, read`),
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
