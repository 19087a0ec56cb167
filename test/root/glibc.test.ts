import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outcome, run } from '#test/command.ts';
import { type ServerProcess, startProcess } from '#test/process.ts';
import { bigAddresses, bigServiceDirectory } from './big-service.ts';
import { missing, skipped, titled } from './needs.ts';

const TITLE = 'glibc in a network name space, as in a Pod';
const NETNS = `cluster-dns-${process.pid}`;
const ETC = `/etc/netns/${NETNS}`;
const DNS = '10.96.0.10';
const BIG = bigAddresses(100);

/** What kubelet writes for a Pod of Namespace `default`, and a Corefile that needs no upstream. */
const RESOLV_CONF = `search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${DNS}\noptions ndots:5\n`;
const COREFILE = `. {
    bind ${DNS}
    log
    errors
    hosts {
        192.0.2.7 my.database.example.com
        192.0.2.8 www.example.org
        fallthrough
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
    }
    cache 30
    loadbalance
}
`;

const have = async (): Promise<string> => {
  const reason = await missing(TITLE, ['root', 'ip', 'getent']);
  if (reason !== '') return reason;
  const tried = await outcome('ip', ['netns', 'add', NETNS]);
  return tried.code === 0 ? '' : skipped(TITLE, `no network name space can be made: ${tried.stderr.trim()}`);
};
const reason = await have();

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let server: ServerProcess | null = null;
  let manifests: string;
  const inside = (command: string, ...args: string[]) => outcome('ip', ['netns', 'exec', NETNS, command, ...args]);

  beforeAll(async () => {
    mkdirSync(ETC, { recursive: true });
    manifests = bigServiceDirectory(BIG.length);
    writeFileSync(`${ETC}/resolv.conf`, RESOLV_CONF);
    writeFileSync(`${ETC}/nsswitch.conf`, 'hosts: files dns\n');
    writeFileSync(`${ETC}/hosts`, '127.0.0.1 localhost\n');
    await run('ip', ['-n', NETNS, 'link', 'set', 'lo', 'up']);
    await run('ip', ['-n', NETNS, 'address', 'add', `${DNS}/32`, 'dev', 'lo']);
    // glibc asks for AAAA only where the machine has an address of that family.
    await run('ip', ['-n', NETNS, 'address', 'add', 'fd00:10:244::99/128', 'dev', 'lo']);
    const args = ['-conf', 'stdin', '-manifests', 'examples', '-manifests', manifests];
    server = await startProcess(args, { netns: NETNS, stdin: COREFILE });
  });
  afterAll(async () => {
    await server?.stop();
    await outcome('ip', ['netns', 'delete', NETNS]);
    for (const file of ['resolv.conf', 'nsswitch.conf', 'hosts']) rmSync(`${ETC}/${file}`, { force: true });
    rmdirSync(ETC);
    rmSync(manifests, { recursive: true, force: true });
  });

  /** Addresses that getaddrinfo gives, each once, in order of their text; the canonical name where it is told. */
  const addresses = async (database: string, name: string): Promise<{ found: string[]; canonical: string }> => {
    const { stdout } = await inside('getent', database, name);
    const lines = stdout.split('\n').filter((line) => line !== '');
    const found = [...new Set(lines.map((line) => line.split(/\s+/)[0] ?? ''))].sort();
    return { found, canonical: lines[0]?.split(/\s+/)[2] ?? '' };
  };
  /** `NAME TYPE RCODE` of the queries for names that begin so, as the server logged them, once there are as many. */
  const logged = async (name: string, times: number): Promise<string[]> => {
    await server?.saw(` IN ${name}.`, times);
    return (server?.lines ?? []).flatMap((line) => {
      const [, type, asked, rcode] = /"(\w+) IN (\S+) (?:udp|tcp) [^"]*" (\w+)/.exec(line) ?? [];
      return asked?.startsWith(`${name}.`) ? [`${asked} ${type} ${rcode}`] : [];
    });
  };

  it('reads the resolv.conf of the name space', async () => {
    expect((await inside('cat', '/etc/resolv.conf')).stdout).toBe(RESOLV_CONF);
  });

  it('finds a Service of its own Namespace by the first search domain', async () => {
    expect(await addresses('ahosts', 'hello-world')).toEqual({
      found: ['10.96.77.44'],
      canonical: 'hello-world.default.svc.cluster.local',
    });
    const asked = await logged('hello-world', 2);
    expect(asked.toSorted()).toEqual([
      'hello-world.default.svc.cluster.local. A NOERROR',
      'hello-world.default.svc.cluster.local. AAAA NOERROR',
    ]);
  });

  it('walks on to the second search domain for SERVICE.NAMESPACE', async () => {
    expect((await addresses('ahosts', 'kube-dns.kube-system')).found).toEqual([DNS]);
    const asked = await logged('kube-dns.kube-system', 4);
    expect(asked.toSorted()).toEqual([
      'kube-dns.kube-system.default.svc.cluster.local. A NXDOMAIN',
      'kube-dns.kube-system.default.svc.cluster.local. AAAA NXDOMAIN',
      'kube-dns.kube-system.svc.cluster.local. A NOERROR',
      'kube-dns.kube-system.svc.cluster.local. AAAA NOERROR',
    ]);
    expect((await addresses('hosts', 'hello-world.default')).found).toEqual(['10.96.77.44']);
    expect((await addresses('ahosts', 'hello-world.default.svc')).found).toEqual(['10.96.77.44']);
  });

  it('walks past all search domains for a name outside of the cluster', async () => {
    expect((await addresses('ahostsv4', 'www.example.org')).found).toEqual(['192.0.2.8']);
    expect(await logged('www.example.org', 4)).toEqual([
      'www.example.org.default.svc.cluster.local. A NXDOMAIN',
      'www.example.org.svc.cluster.local. A NXDOMAIN',
      'www.example.org.cluster.local. A NXDOMAIN',
      'www.example.org. A NOERROR',
    ]);
  });

  it('finds all endpoints of a headless Service, and one by its name', async () => {
    const { found } = await addresses('ahosts', 'nginx');
    expect(found).toEqual(['10.244.1.30', '10.244.1.31', '10.244.1.32', '10.244.1.33']);
    expect((await addresses('ahosts', 'web-2.nginx')).found).toEqual(['10.244.1.32']);
    expect((await addresses('ahosts', 'busybox-1.busybox-subdomain')).found).toEqual(['10.244.1.41']);
  });

  it('finds both families of a dual-stack Service', async () => {
    expect((await addresses('ahosts', 'dual-stack')).found).toEqual(['10.96.60.70', 'fd00:10:96::6070']);
    expect((await addresses('ahostsv6', 'dual-stack')).found).toContain('fd00:10:96::6070');
  });

  it('follows an ExternalName to its address', async () => {
    expect(await addresses('ahosts', 'my-service.prod')).toEqual({
      found: ['192.0.2.7'],
      canonical: 'my.database.example.com',
    });
  });

  it('names an address', async () => {
    expect((await inside('getent', 'hosts', '10.96.77.44')).stdout).toMatch(
      /\shello-world\.default\.svc\.cluster\.local\n$/,
    );
    expect((await inside('getent', 'hosts', 'fd00:10:96::6070')).stdout).toMatch(
      /\sdual-stack\.default\.svc\.cluster\.local\n$/,
    );
  });

  it('comes back over TCP for what is too large', async () => {
    expect((await addresses('ahostsv4', 'big')).found).toEqual([...BIG].sort());
    await server?.saw(/A IN big\.default\.svc\.cluster\.local\. tcp /);
  });

  it('is told that there is none', async () => {
    expect(await inside('getent', 'ahosts', 'nobody')).toMatchObject({ code: 2, stdout: '' });
    expect(await inside('getent', 'ahosts', 'nobody.default.svc.cluster.local.')).toMatchObject({
      code: 2,
      stdout: '',
    });
  });
});
