/** The images that image/build-here.sh builds from the Dockerfile, and containers of them. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { outcome, run } from '#test/command.ts';
import { Container, type ContainerOptions } from '#test/image/container.ts';
import { Images } from '#test/image/images.ts';
import { ipBatch, Namespaces } from '#test/packet-lab/namespaces.ts';
import { until } from '#test/until.ts';
import { type DigReply, readDig } from '../root/dig.ts';
import { missing, titled } from '../root/needs.ts';

const TITLE = 'the images';
const reason = await missing(TITLE, ['root', 'buildah', 'mmdebstrap', 'runc', 'npm', 'ip', 'dig', 'curl', 'getcap']);

const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url));
/** Of no commit, so that the test is of what was asked for. */
const REVISION = '0123456789abcdef0123456789abcdef01234567';
const NODE = '/usr/local/bin/node';
const PROGRAM = [NODE, '/app/dist/cluster-dns.js'];
const BIND = 'CAP_NET_BIND_SERVICE';
/** That capability alone, as the kernel writes it. */
const ONLY_BIND = '0000000000000400';
const IS_SERVING = /^\w+\/\w+, node/;

const COREFILE = `. {
    health
    ready
    prometheus :9153
    hosts {
        192.0.2.7 seven.example
        fallthrough
    }
    whoami
}
`;

const readJson = <T>(...path: readonly string[]): T => JSON.parse(readFileSync(join(...path), 'utf8')) as T;

interface File {
  readonly path: string;
  readonly mode: number;
  readonly octets: number;
  readonly mtimeMs: number;
  readonly isFile: boolean;
}

const filesBelow = (root: string, path = '/'): File[] =>
  readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    const below = join(path, entry.name);
    const { mode, size, mtimeMs } = lstatSync(join(root, below));
    const file = { path: below, mode, octets: size, mtimeMs, isFile: entry.isFile() };
    return entry.isDirectory() ? [file, ...filesBelow(root, below)] : [file];
  });

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly components?: readonly Component[];
}

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let images: Images;
  /** The files of both, as they were built. */
  let dns: string;
  let node: string;
  let dnsFiles: readonly File[];
  let nodeFiles: readonly File[];
  let namespaces: Namespaces;
  let network: string;
  let containers: Container[] = [];
  const version = readJson<{ readonly version: string }>(CHECKOUT, 'package.json').version;

  beforeAll(async () => {
    namespaces = new Namespaces();
    images = await Images.build(REVISION);
    [dns, node] = [await images.mount('cluster-dns'), await images.mount('cluster-dns-node')];
    [dnsFiles, nodeFiles] = [filesBelow(dns), filesBelow(node)];
    await namespaces.add(['node']);
    network = namespaces.nameOf('node');
    // As a node's, for a cache on the link-local address and the cluster's DNS in the same namespace.
    await ipBatch(['link set lo up', 'address add 192.0.2.53/32 dev lo'], network);
  });
  afterAll(() => {
    images?.remove();
    namespaces?.remove();
  });
  afterEach(async () => {
    await Promise.all(containers.splice(0).map((container) => container.stop()));
    containers = [];
  });

  const start = (options: Partial<ContainerOptions> = {}): Container => {
    const container = new Container({ files: dns, network: `/run/netns/${network}`, command: PROGRAM, ...options });
    containers.push(container);
    return container;
  };
  /** The DNS server as a Pod that was CoreDNS's starts it. */
  const startDns = (options: Partial<ContainerOptions> = {}, corefile = COREFILE): Container =>
    start({
      command: [...PROGRAM, '-conf', '/etc/coredns/Corefile'],
      capabilities: [BIND],
      texts: { '/etc/coredns/Corefile': corefile },
      ...options,
    });
  const dig = async (...args: readonly string[]): Promise<DigReply> => {
    const { stdout } = await outcome('ip', ['netns', 'exec', network, 'dig', '+tries=1', '+time=5', ...args]);
    return readDig(stdout);
  };
  const get = (url: string): Promise<string> => run('ip', ['netns', 'exec', network, 'curl', '-sS', url]);
  /** What a script of Node.js prints in a container. */
  const printed = async (script: string, options: Partial<ContainerOptions> = {}): Promise<string> => {
    const container = start({ command: [NODE, '-p', script], ...options });
    expect(await container.process.exited, container.process.stderr).toBe(0);
    return container.process.stdout.trim();
  };

  describe('what is inside', () => {
    it('is less than 150 MB', () => {
      const size = (files: readonly File[]): number =>
        files.filter(({ isFile }) => isFile).reduce((sum, { octets }) => sum + octets, 0) / 1e6;
      console.log(`cluster-dns ${size(dnsFiles).toFixed(1)} MB, cluster-dns-node ${size(nodeFiles).toFixed(1)} MB`);
      expect(size(dnsFiles)).toBeLessThan(150);
      expect(size(nodeFiles)).toBeLessThan(150);
    });

    it('can start nothing but Node.js in cluster-dns', () => {
      const isStartable = ({ isFile, mode, path }: File): boolean => isFile && (mode & 0o111) !== 0 && !isLibrary(path);
      expect(dnsFiles.filter(isStartable).map(({ path }) => path)).toEqual([NODE]);
    });

    it.each(['npm', 'npx', 'apt', 'apt-get', 'dpkg', 'perl', 'bash', 'curl'])('has no %s in either', (name) => {
      const named = [...dnsFiles, ...nodeFiles].filter(({ path }) => path.endsWith(`/${name}`));
      expect(named.filter(({ path }) => !path.startsWith('/app/node_modules/'))).toEqual([]);
    });

    it('has nothing that gives other rights to who starts it, but for the port of DNS', async () => {
      for (const files of [dnsFiles, nodeFiles]) expect(files.filter(({ mode }) => (mode & 0o6000) !== 0)).toEqual([]);
      for (const root of [dns, node])
        expect(await run('getcap', ['-r', root])).toBe(`${root}${NODE} cap_net_bind_service=p\n`);
    });

    it('has files of one date only, so that the same files are the same layer', () => {
      for (const files of [dnsFiles, nodeFiles])
        expect(new Set(files.map(({ mtimeMs }) => mtimeMs))).toEqual(new Set([0]));
    });

    it('has links that lead somewhere', () => {
      for (const [root, files] of [
        [dns, dnsFiles],
        [node, nodeFiles],
      ] as const) {
        const known = new Set(files.map(({ path }) => path));
        const links = files.filter(({ path }) => lstatSync(join(root, path)).isSymbolicLink());
        for (const { path } of links) {
          const target = readlinkSync(join(root, path));
          const place = join(target.startsWith('/') ? '/' : join(path, '..'), target);
          expect(known, `${path} -> ${target}`).toContain(place.replace(/^\/(s?bin|lib\d*)\//, '/usr/$1/'));
        }
      }
    });

    it('has nothing of the machine that built it', () => {
      const own = readFileSync(join(dns, 'etc/ssl/certs/ca-certificates.crt'), 'utf8');
      const packaged = (own.match(/BEGIN CERTIFICATE/g) ?? []).length;
      // Of the package alone; what an administrator adds would be among them.
      expect(packaged).toBeGreaterThan(100);
      expect(dnsFiles.map(({ path }) => path).filter((path) => /npmrc|build-ca|\/etc\/apt/.test(path))).toEqual([]);
    });
  });

  describe('what is said of it', () => {
    it.each(['cluster-dns', 'cluster-dns-node'])('labels %s', async (image) => {
      const labels = (await images.config(image)).Labels;
      expect(labels).toMatchObject({
        'org.opencontainers.image.title': image,
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.revision': REVISION,
        'org.opencontainers.image.licenses': 'Apache-2.0',
      });
    });

    it('starts cluster-dns as nobody, with a health check and the ports of DNS', async () => {
      expect(await images.config('cluster-dns')).toMatchObject({
        User: '65532:65532',
        Entrypoint: PROGRAM,
        ExposedPorts: { '53/udp': {}, '53/tcp': {} },
        Healthcheck: { Test: ['CMD', NODE, '/app/healthcheck.mjs'] },
      });
    });

    it('starts cluster-dns-node as root', async () => {
      const { User, Entrypoint } = await images.config('cluster-dns-node');
      expect({ User: User ?? '', Entrypoint }).toEqual({ User: '', Entrypoint: PROGRAM });
    });

    it('lists every package of npm, Node.js and what is inside it, and the packages of all libraries in the SBOM', async () => {
      const bundled = readJson<readonly Component[]>(dns, 'app/dist/third-party.json');
      const { koffi } = readJson<{ readonly dependencies: Readonly<Record<string, string>> }>(
        CHECKOUT,
        'package.json',
      ).dependencies;
      const { bomFormat, components } = readJson<{
        readonly bomFormat: string;
        readonly components: readonly Component[];
      }>(dns, 'app/sbom.cdx.json');
      expect(bomFormat).toBe('CycloneDX');
      const found = components.map(({ name, version: which }) => `${name} ${which}`);
      for (const { name, version: which } of bundled) expect(found).toContain(`${name} ${which}`);
      expect(found).toContain(`koffi ${koffi}`);
      expect(found).toContain(`@koromix/koffi-linux-${process.arch} ${koffi}`);
      const inside = JSON.parse(await printed('JSON.stringify(process.versions)')) as Readonly<Record<string, string>>;
      expect(found).toContain(`node ${inside.node}`);
      const parts = components.find(({ name }) => name === 'node')?.components ?? [];
      expect(parts.map(({ name, version: which }) => `${name} ${which}`)).toContain(`openssl ${inside.openssl}`);
      const debian = components.filter(({ purl }) => purl.startsWith('pkg:deb/')).map(({ name }) => name);
      expect(debian).toEqual(['base-files', 'ca-certificates', 'libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6']);
    });

    it('lists the packages of all tools in the SBOM of cluster-dns-node', () => {
      const { components } = readJson<{ readonly components: readonly Component[] }>(node, 'app/sbom.cdx.json');
      const names = components.map(({ name }) => name);
      for (const name of ['nftables', 'iptables', 'ipset', 'ipvsadm', 'conntrack', 'iproute2', 'dash', 'libnftables1'])
        expect(names).toContain(name);
    });

    it('hands on the licences of all that it is made of', () => {
      const texts = readFileSync(join(dns, 'app/third-party-notices.txt'), 'utf8');
      const titles = texts.match(/(?<=^=+\n)[^=\n]+(?=\n=+$)/gm);
      expect(titles).toEqual([
        'node_modules/koffi',
        'Node.js',
        'base-files',
        'ca-certificates',
        'libatomic1',
        'libc6',
        'libgcc-s1',
        'libstdc++6',
      ]);
      expect(readFileSync(join(dns, 'app/dist/third-party-notices.txt'), 'utf8')).toContain('prom-client');
    });
  });

  describe('the DNS server', () => {
    it('takes the place of CoreDNS in its Pod: on port 53 with one right, and nothing that it can write', async () => {
      const container = startDns();
      await container.process.saw(IS_SERVING);
      for (const transport of ['+notcp', '+tcp'])
        expect((await dig(transport, '@127.0.0.1', 'seven.example')).answer).toEqual([
          expect.stringMatching(/^seven\.example\. \d+ IN A 192\.0\.2\.7$/),
        ]);
      expect(await container.status('Uid')).toBe('65532\t65532\t65532\t65532');
      expect(await container.status('NoNewPrivs')).toBe('1');
      for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(await container.status(set)).toBe(ONLY_BIND);
      const written = await container.exec(NODE, '-e', 'fs.writeFileSync("/x", "")');
      expect(written.stderr).toContain('EROFS');
    });

    it('answers UDP in listener threads', async () => {
      await startDns().process.saw(IS_SERVING);
      expect(await get('http://127.0.0.1:9153/metrics')).toMatch(/^cluster_dns_udp_threads [1-9]/m);
    });

    it('says which commit it is of', async () => {
      const container = startDns({ command: [...PROGRAM, '-version'] });
      expect(await container.process.exited).toBe(0);
      expect(container.process.stdout).toContain(REVISION.slice(0, 7));
    });

    it('ends in order as process 1 when it is told to', async () => {
      const container = startDns();
      await container.process.saw(IS_SERVING);
      expect(await container.stop()).toBe(0);
      expect(container.process.stdout).toContain('SIGTERM');
    });

    it('can be started without its right, on a port that needs none', async () => {
      const container = startDns({ capabilities: [], command: [...PROGRAM, '-p', '1053'], texts: {} });
      await container.process.saw(IS_SERVING);
      expect((await dig('@127.0.0.1', '-p', '1053', 'any.example')).status).toBe('NOERROR');
      expect(await container.status('CapPrm')).toBe('0000000000000000');
    });

    it('says what it may not do where it has no right to port 53', async () => {
      const container = startDns({ capabilities: [] });
      expect(await container.process.exited).toBe(1);
      expect(container.process.stderr).toContain(':53: bind: permission denied');
    });

    it('needs no right to port 53 where the namespace asks for none', async () => {
      const limit = (port: number) =>
        run('ip', ['netns', 'exec', network, 'sysctl', '-qw', `net.ipv4.ip_unprivileged_port_start=${port}`]);
      await limit(0);
      try {
        await startDns({ capabilities: [] }).process.saw(IS_SERVING);
        expect((await dig('@127.0.0.1', 'seven.example')).status).toBe('NOERROR');
      } finally {
        await limit(1024);
      }
    });

    it("gets its right from its own file in Docker's way, too", async () => {
      const container = startDns({ rights: 'bounding', capabilities: [BIND, 'CAP_CHOWN', 'CAP_NET_RAW'] });
      await container.process.saw(IS_SERVING);
      expect(await container.status('CapPrm')).toBe(ONLY_BIND);
      expect((await dig('@127.0.0.1', 'seven.example')).status).toBe('NOERROR');
    });

    it('is whoami where no Corefile is', async () => {
      const container = start({ capabilities: [BIND] });
      await container.process.saw(IS_SERVING);
      const { additional } = await dig('@127.0.0.1', 'any.example');
      expect(additional).toContain('any.example. 0 IN A 127.0.0.1');
    });

    it('can be tried with the examples that it brings', async () => {
      const command = [...PROGRAM, '-conf', '/app/Corefile.example', '-manifests', '/app/examples', '-p', '1053'];
      const container = start({ command, texts: { '/etc/resolv.conf': 'nameserver 192.0.2.1\n' } });
      await container.process.saw(IS_SERVING);
      const { answer } = await dig('@127.0.0.1', '-p', '1053', 'hello-world.default.svc.cluster.local');
      expect(answer).toEqual([expect.stringContaining(' IN A 10.96.77.44')]);
    });
  });

  describe('Node.js in it', () => {
    it('takes NODE_OPTIONS and NODE_EXTRA_CA_CERTS, although its file has a capability', async () => {
      const options = {
        capabilities: [BIND],
        env: { NODE_OPTIONS: '--title=named', NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt' },
      };
      for (const rights of ['pod', 'bounding'] as const)
        expect(
          await printed('process.title + (tls.getCACertificates("extra").length > 100)', { ...options, rights }),
        ).toBe('namedtrue');
    });

    it('trusts what /etc/ssl/certs has', async () => {
      const { Env } = await images.config('cluster-dns');
      const env = Object.fromEntries(Env.map((text) => text.split('=', 2) as [string, string]));
      const script = `
        const trusted = new Set(tls.getCACertificates('default'));
        const own = tls.getCACertificates('system');
        own.length > 100 && own.every((certificate) => trusted.has(certificate))`;
      expect(await printed(script, { env })).toBe('true');
    });

    it('looks names up as libc does', async () => {
      const texts = { '/etc/hosts': '192.0.2.99 api.example\n' };
      const script = `dns.lookup('api.example', (error, address) => console.log(error ?? address)), ''`;
      expect(await printed(script, { texts })).toBe('192.0.2.99');
      await startDns().process.saw(IS_SERVING);
      const asking = { '/etc/resolv.conf': 'nameserver 127.0.0.1\n' };
      expect(await printed(script.replace('api.example', 'seven.example'), { texts: asking })).toBe('192.0.2.7');
    });
  });

  describe("Docker's health check", () => {
    const check = async (container: Container, env: readonly string[] = []): Promise<number> =>
      (await container.exec(...env.flatMap((text) => ['--env', text]), NODE, '/app/healthcheck.mjs')).code;

    it('is content with a server whose `health` answers', async () => {
      const container = startDns();
      await container.process.saw(IS_SERVING);
      expect(await check(container)).toBe(0);
    });

    it('is content with a server without `health` that answers queries', async () => {
      const container = startDns({}, '. {\n    whoami\n}\n');
      await container.process.saw(IS_SERVING);
      expect(await check(container)).toBe(0);
    });

    it('finds fault where nobody answers', async () => {
      const container = startDns({}, '.:1053 {\n    whoami\n}\n');
      await container.process.saw(IS_SERVING);
      expect(await check(container)).toBe(1);
    });

    it('asks what CLUSTER_DNS_HEALTH names', async () => {
      const corefile = '.:1053 {\n    health :8081\n    whoami\n}\n';
      for (const [url, code] of [
        ['http://127.0.0.1:8081/health', 0],
        ['dns://127.0.0.1:1053', 0],
        ['dns://127.0.0.1:1054', 1],
      ] as const) {
        const container = startDns({ env: { CLUSTER_DNS_HEALTH: url } }, corefile);
        await container.process.saw(IS_SERVING);
        expect(await check(container), url).toBe(code);
        await container.stop();
      }
    });
  });

  describe('cluster-dns-node', () => {
    const onNode = (command: readonly string[], options: Partial<ContainerOptions> = {}): Container =>
      start({ files: node, user: 0, capabilities: [BIND, 'CAP_NET_ADMIN', 'CAP_NET_RAW'], command, ...options });
    const said = async (command: readonly string[], options: Partial<ContainerOptions> = {}): Promise<string> => {
      const { process: started } = onNode(command, options);
      const code = await started.exited;
      return `${code}: ${started.stdout}${started.stderr}`;
    };

    it.each([
      [['nft', '--version'], /^0: nftables v1\.0/],
      [['iptables', '-V'], /^0: iptables v1\.8\.\d+ \(nf_tables\)/],
      [['iptables-legacy-save', '-V'], /^0: iptables-save v1\.8\.\d+ \(legacy\)/],
      [['ip6tables-restore', '-V'], /^0: ip6tables-restore v1\.8\.\d+ \(nf_tables\)/],
      [['ipset', 'version'], /^0: ipset v7/],
      // Says nothing but this where the kernel has no ip_vs.
      [['ipvsadm', '--version'], /^0: ipvsadm v1|^2: Can't initialize ipvs/],
      [['conntrack', '--version'], /^0: conntrack v1/],
      [['ip', '-V'], /^0: ip utility/],
      [['sh', '-c', 'test -f /app/package.json && sleep 0 && echo done'], /^0: done/],
    ])('runs %j', async (command, pattern) => {
      expect(await said(command)).toMatch(pattern);
    });

    it('loads rules with matches of iptables by name, and by nft with names of protocols', async () => {
      const rules = [
        'iptables -t nat -A PREROUTING -p udp -m addrtype --dst-type LOCAL -m comment --comment x -m statistic --mode random --probability 0.5 -j DNAT --to 192.0.2.8:53',
        'iptables-save -t nat',
        "nft 'add table ip x { chain y { meta l4proto { tcp, udp, sctp } th dport 53 counter; }; }'",
        'nft list table ip x',
        'nft delete table ip x',
        'iptables -t nat -F',
      ].join(' && ');
      const text = await said(['sh', '-c', rules]);
      expect(text).toMatch(/^0: /);
      expect(text).toContain('--probability 0.5');
      expect(text).toContain('meta l4proto { tcp, udp, sctp } th dport 53 counter');
    });

    it("renders the Service proxy's rules, which its nft takes", async () => {
      const render = 'proxy render --manifests /app/examples --node n1 --cluster-cidr 10.244.0.0/16';
      const text = await said(['sh', '-c', `${PROGRAM.join(' ')} ${render} | nft -c -f - && echo taken`]);
      expect(text).toBe('0: taken\n');
    });

    it("is a node's cache in front of cluster-dns, and leaves no process behind that has ended", async () => {
      const upstream = startDns(
        {},
        '.:53 {\n    bind 192.0.2.53\n    hosts {\n        192.0.2.7 seven.cluster.local\n    }\n}\n',
      );
      await upstream.process.saw(IS_SERVING);
      const flags = [
        '-localip',
        '169.254.20.10,10.96.0.10',
        '-conf',
        '/run/Corefile',
        '-upstreamsvc',
        'kube-dns-upstream',
        '-pidfile',
        '/run/pid',
      ];
      const cache = onNode([...PROGRAM, 'node-cache', ...flags], {
        env: { KUBE_DNS_UPSTREAM_SERVICE_HOST: '192.0.2.53' },
        texts: {
          '/etc/coredns/Corefile.base': readFileSync(join(dns, 'app/examples/node-cache/Corefile.base'), 'utf8'),
          '/etc/resolv.conf': 'nameserver 192.0.2.53\n',
        },
        writable: ['/run'],
      });
      await cache.process.saw(IS_SERVING);
      await until(async () => (await cache.exec('test', '-f', '/run/pid')).code === 0);
      for (const address of ['169.254.20.10', '10.96.0.10'])
        expect((await dig(`@${address}`, 'seven.cluster.local')).answer).toEqual([
          expect.stringMatching(/ IN A 192\.0\.2\.7$/),
        ]);
      const pid = await cache.pid();
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
      for (const child of children) expect(readFileSync(`/proc/${child}/stat`, 'utf8')).not.toMatch(/\) Z /);
      expect(await cache.stop()).toBe(0);
    });
  });
});

const isLibrary = (path: string): boolean => /\/lib(64)?\/.*\.so(\.[\d.]+)?$|\.node$/.test(path);
