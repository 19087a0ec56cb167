import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcome, run } from '#test/command.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { bigAddresses, bigServiceDirectory } from './big-service.ts';
import { dataOf, dig } from './dig.ts';
import { missing, titled } from './needs.ts';

const TITLE = 'real clients and the examples';
const reason = await missing(TITLE, ['dig', 'kdig', 'nslookup']);
const OPTION_SETS = ['', '+tcp', '+norec', '+noedns', '+nocookie +bufsize=4096', '+dnssec'].map((set) => ({ set }));
const BIG = bigAddresses(100);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let server: ServerProcess;
  let port: number;
  let manifests: string;

  beforeAll(async () => {
    port = await freePort();
    manifests = bigServiceDirectory(BIG.length);
    const args = [
      '-conf',
      'Corefile.example',
      '-manifests',
      'examples',
      '-manifests',
      manifests,
      '-dns.port',
      `${port}`,
    ];
    server = await startProcess(args);
  });
  afterAll(async () => {
    // Not SIGTERM: the example has a lameduck of five seconds.
    server?.signal('SIGQUIT');
    await server?.exited;
    rmSync(manifests, { recursive: true, force: true });
  });

  const at = (host: string): string[] => [`@${host}`, '-p', `${port}`];

  it('prints a dig line that works for each kind of name', async () => {
    await server.saw(/^ {2}dig .* -x /);
    const lines = server.lines.filter((line) => line.startsWith('  dig '));
    expect(lines.length).toBeGreaterThanOrEqual(6);
    for (const line of lines) {
      const reply = await dig(line.trim().split(' ').slice(1));
      expect([line, reply.status]).toEqual([line, 'NOERROR']);
      expect(reply.answer).not.toEqual([]);
    }
  });

  describe.each(['127.0.0.1', '::1'])('at %s', (host) => {
    it.each(OPTION_SETS)('gives dig "$set" a ClusterIP, with authority', async ({ set }) => {
      const options = set.split(' ').filter((option) => option !== '');
      const reply = await dig([...at(host), ...options, 'hello-world.default.svc.cluster.local', 'A']);
      expect(reply.status).toBe('NOERROR');
      expect(reply.answer).toEqual([expect.stringMatching(/^hello-world\.default\.svc\.cluster\.local\. \d+ IN A /)]);
      expect(dataOf(reply.answer)).toEqual(['10.96.77.44']);
      expect(reply.flags).toContain('aa');
      expect(reply.flags.includes('rd')).toBe(!set.includes('+norec'));
      expect(reply.edns !== '').toBe(!set.includes('+noedns'));
      expect(reply.edns.includes('flags: do')).toBe(set.includes('+dnssec'));
    });

    it('gives dig what else there is', async () => {
      const reverse = await dig([...at(host), '-x', '10.96.0.10']);
      expect(dataOf(reverse.answer)).toEqual(['kube-dns.kube-system.svc.cluster.local.']);
      const srv = await dig([...at(host), '_dns._udp.kube-dns.kube-system.svc.cluster.local', 'SRV']);
      expect(dataOf(srv.answer)).toEqual(['0 100 53 kube-dns.kube-system.svc.cluster.local.']);
      expect(dataOf(srv.additional)).toEqual(['10.96.0.10']);
      const six = await dig([...at(host), 'dual-stack.default.svc.cluster.local', 'AAAA']);
      expect(dataOf(six.answer)).toEqual(['fd00:10:96::6070']);
      const reverseSix = await dig([...at(host), '-x', 'fd00:10:96::6070']);
      expect(dataOf(reverseSix.answer)).toEqual(['dual-stack.default.svc.cluster.local.']);
      const headless = await dig([...at(host), 'nginx.default.svc.cluster.local', 'A']);
      expect(dataOf(headless.answer)).toEqual(['10.244.1.30', '10.244.1.31', '10.244.1.32', '10.244.1.33']);
      const alias = await dig([...at(host), 'my-service.prod.svc.cluster.local', 'CNAME']);
      expect(dataOf(alias.answer)).toEqual(['my.database.example.com.']);
      const version = await dig([...at(host), 'dns-version.cluster.local', 'TXT']);
      expect(dataOf(version.answer)).toEqual(['"1.1.0"']);
    });

    it('tells dig what there is not: NXDOMAIN and NODATA, each with the SOA', async () => {
      const none = await dig([...at(host), 'nobody.default.svc.cluster.local', 'A']);
      expect([none.status, none.answer, none.authority.length]).toEqual(['NXDOMAIN', [], 1]);
      expect(none.authority[0]).toMatch(
        /^cluster\.local\. \d+ IN SOA ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 30$/,
      );
      const empty = await dig([...at(host), 'hello-world.default.svc.cluster.local', 'AAAA']);
      expect([empty.status, empty.answer, empty.authority.length]).toEqual(['NOERROR', [], 1]);
    });

    it('sends dig to TCP for what is too large, and sets TC', async () => {
      const name = 'big.default.svc.cluster.local';
      const cut = await dig([...at(host), '+ignore', '+bufsize=1232', name, 'A']);
      expect(cut.flags).toContain('tc');
      expect(cut.answer.length).toBeLessThan(BIG.length);
      expect(Number(/MSG SIZE\s+rcvd: (\d+)/.exec(cut.text)?.[1])).toBeLessThanOrEqual(1232);
      const bare = await dig([...at(host), '+ignore', '+noedns', name, 'A']);
      expect(bare.flags).toContain('tc');
      expect(Number(/MSG SIZE\s+rcvd: (\d+)/.exec(bare.text)?.[1])).toBeLessThanOrEqual(512);
      const whole = await dig([...at(host), '+bufsize=1232', name, 'A']);
      expect(whole.text).toContain(';; Truncated, retrying in TCP mode.');
      expect(whole.flags).not.toContain('tc');
      expect(dataOf(whole.answer)).toEqual([...BIG].sort());
      const large = await dig([...at(host), '+bufsize=8192', '+ignore', name, 'A']);
      expect(large.flags).not.toContain('tc');
      expect(dataOf(large.answer)).toEqual([...BIG].sort());
    });

    it('gives kdig the same, over UDP and over one TCP connection', async () => {
      const a = await dig([...at(host), 'webapp.default.svc.cluster.local', 'A'], 'kdig');
      expect([a.status, a.answer.length]).toEqual(['NOERROR', 1]);
      const both = ['hello-world.default.svc.cluster.local', 'kubernetes.default.svc.cluster.local'];
      const text = await run('kdig', [...at(host), '+tcp', '+keepopen', '+short', ...both]);
      expect(text.trim().split('\n')).toEqual(['10.96.77.44', '10.96.0.1']);
      const big = await dig([...at(host), '+bufsize=1232', 'big.default.svc.cluster.local', 'A'], 'kdig');
      expect(dataOf(big.answer)).toEqual([...BIG].sort());
      const reverse = await dig([...at(host), '-x', '10.96.0.1'], 'kdig');
      expect(dataOf(reverse.answer)).toEqual(['kubernetes.default.svc.cluster.local.']);
    });

    it('answers nslookup', async () => {
      const ask = (name: string, ...options: string[]) =>
        outcome('nslookup', [`-port=${port}`, '-timeout=5', ...options, name, host]);
      const found = await ask('hello-world.default.svc.cluster.local.');
      expect(found.stdout).toContain('Name:\thello-world.default.svc.cluster.local\nAddress: 10.96.77.44\n');
      const dual = await ask('dual-stack.default.svc.cluster.local.');
      expect(dual.stdout).toContain('Address: 10.96.60.70\n');
      expect(dual.stdout).toContain('Address: fd00:10:96::6070\n');
      const reverse = await ask('10.96.77.44');
      expect(reverse.stdout).toContain('name = hello-world.default.svc.cluster.local.');
      const srv = await ask('_https._tcp.multi-port.default.svc.cluster.local.', '-type=srv');
      expect(srv.stdout).toContain('service = 0 100 443 multi-port.default.svc.cluster.local.');
      const none = await ask('nobody.default.svc.cluster.local.');
      expect([none.code, none.stdout]).toEqual([1, expect.stringContaining('NXDOMAIN')]);
    });
  });
});
