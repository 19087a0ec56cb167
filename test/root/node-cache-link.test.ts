/** The link of the node-local cache, in network namespaces. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { NETLINK_ROUTE } from '#libc/constants.ts';
import { loadLibc } from '#libc/libc.ts';
import { NetlinkSocket } from '#libc/netlink-socket.ts';
import { type Run, runCommand, runOrThrow } from '#netfilter/run.ts';
import { openIpLink } from '#node-cache/link/ip-link.ts';
import type { Link } from '#node-cache/link/link.ts';
import { LinkEvents, type OpenLinkEvents } from '#node-cache/link/link-events.ts';
import type { LocalAddress } from '#node-cache/settings.ts';
import { inNamespace } from '#test/packet-lab/in-namespace.ts';
import { Namespaces } from '#test/packet-lab/namespaces.ts';
import { until } from '#test/until.ts';
import { missing, titled } from './needs.ts';

const reason = await missing('the link of the node-local cache', ['root', 'ip', 'nsenter', 'setpriv']);

const NAME = 'nodelocaldns';
const ADDRESSES: readonly LocalAddress[] = [
  { address: '169.254.20.10', family: 4 },
  { address: '10.96.0.10', family: 4 },
  { address: 'fd00:10::a', family: 6 },
];
const TEXTS = ADDRESSES.map(({ address }) => address);

/** Answers each datagram to port 5353 of these addresses; says so when it does. */
const ECHO = `
const { createSocket } = require('node:dgram');
let count = 0;
for (const address of process.argv.slice(1)) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (text, { port, address: from }) => socket.send(text, port, from));
  socket.bind(5353, address, () => ++count === process.argv.length - 1 && console.log('ready'));
}`;
/** Sends a datagram to each of these addresses, and says where the replies come from. */
const ASK = `
const { createSocket } = require('node:dgram');
for (const address of process.argv.slice(1)) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (_, { address: from }) => { console.log(from); socket.close(); });
  socket.send('?', 5353, address);
}`;

/** A node, and a pod that has a way to it. */
class Node {
  readonly #namespaces = new Namespaces();
  readonly path = `/run/netns/${this.#namespaces.nameOf('node')}`;
  readonly podPath = `/run/netns/${this.#namespaces.nameOf('pod')}`;
  readonly commands: string[] = [];
  /** In place of what the kernel says to these inputs. */
  refused: readonly string[] = [];

  static async make(): Promise<Node> {
    const node = new Node();
    await node.#namespaces.add(['node', 'pod']);
    await node.ip('link set lo up');
    return node;
  }

  readonly run: Run = async (command, args, input = '') => {
    const text = typeof input === 'string' ? input : [...input].join('');
    this.commands.push(`${command} ${args.join(' ')}`);
    if (this.refused.some((refused) => text.includes(refused)))
      return { exitCode: 2, stdout: '', stderr: 'Error: Unknown device type.\nCommand failed -:1\n' };
    return runCommand('nsenter', [`--net=${this.path}`, command, ...args], text);
  };

  readonly openEvents: OpenLinkEvents = async (watched) => {
    const libc = await loadLibc();
    return new LinkEvents(
      inNamespace(this.path, () => NetlinkSocket.open(libc, NETLINK_ROUTE, 65536)),
      watched,
    );
  };

  link(run = this.run, addresses = ADDRESSES): Link {
    const log = { info: (line: string) => expect.unreachable(line) };
    const link = openIpLink({ addresses, interfaceName: NAME }, { run, log, openEvents: this.openEvents });
    links.push(link);
    return link;
  }

  ip(line: string): Promise<string> {
    return runOrThrow(runCommand, 'nsenter', [`--net=${this.path}`, 'ip', ...line.split(' ')]);
  }

  /** Host addresses of a device; none where there is no such device. */
  async addressesOf(device: string): Promise<string[]> {
    const { stdout } = await this.run('ip', ['-o', 'address', 'show', 'dev', device]);
    const found = [...stdout.matchAll(/inet6? (\S+)\/(?:32|128) /g)].map(([, address]) => address as string);
    return found.filter((address) => address !== '::1' && !address.startsWith('fe80:'));
  }

  async has(device: string): Promise<boolean> {
    return (await this.ip('-br link show')).split('\n').some((line) => line.split(/[@ ]/, 1)[0] === device);
  }

  /** Lets the pod reach the node. */
  async connectPod(): Promise<void> {
    await this.ip(`link add pod type veth peer name eth0 netns ${this.podPath}`);
    await this.ip('address add 192.0.2.1/24 dev pod');
    await this.ip('address add fd00:2::1/64 dev pod nodad');
    await this.ip('link set pod up');
    const pod = (line: string) =>
      runOrThrow(runCommand, 'nsenter', [`--net=${this.podPath}`, 'ip', ...line.split(' ')]);
    await pod('address add 192.0.2.2/24 dev eth0');
    await pod('address add fd00:2::2/64 dev eth0 nodad');
    await pod('link set eth0 up');
    await pod('route add default via 192.0.2.1');
    await pod('-6 route add default via fd00:2::1');
  }

  /** Has the pod send a datagram to each address, and gives the addresses that its replies come from. */
  async answersToPod(): Promise<string[]> {
    const server = spawn('nsenter', [`--net=${this.path}`, process.execPath, '-e', ECHO, ...TEXTS]);
    try {
      await once(server.stdout, 'data');
      const asking = ['nsenter', [`--net=${this.podPath}`, process.execPath, '-e', ASK, ...TEXTS]] as const;
      return (await runOrThrow(runCommand, ...asking)).trim().split('\n').sort();
    } finally {
      server.kill('SIGKILL');
      await once(server, 'close');
    }
  }

  remove(): void {
    this.#namespaces.remove();
  }
}

const nodes: Node[] = [];
const links: Link[] = [];
const directories: string[] = [];
afterEach(() => {
  for (const link of links.splice(0)) link.close();
  for (const node of nodes.splice(0)) node.remove();
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});
const makeNode = async (): Promise<Node> => {
  const node = await Node.make();
  nodes.push(node);
  return node;
};

/** What refuses each kind before it, and the device that has the addresses then. */
const KINDS = [
  ['bridge', ['type dummy'], NAME],
  ['loopback', ['type dummy', 'type bridge'], 'lo'],
] as const;

describe.skipIf(reason !== '')(titled('the link', reason), () => {
  describe.each(KINDS)('of the kind %s', (kind, refused, device) => {
    const open = async (): Promise<{ readonly node: Node; readonly link: Link }> => {
      const node = await makeNode();
      node.refused = refused;
      return { node, link: node.link() };
    };

    it('has all addresses, which answer Pods by themselves', async () => {
      const { node, link } = await open();
      await node.connectPod();
      expect(await link.setUp()).toBe(kind);
      expect((await node.addressesOf(device)).sort()).toEqual([...TEXTS].sort());
      expect(await node.answersToPod()).toEqual([...TEXTS].sort());
      expect(await link.repair()).toEqual([]);
    });

    it('has an address back that was taken away by hand, and says so', async () => {
      const { node, link } = await open();
      await link.setUp();
      const repairs: Promise<readonly string[]>[] = [];
      link.onChange(() => repairs.push(link.repair()));
      await node.ip(`address delete 10.96.0.10/32 dev ${device}`);
      await until(() => repairs.length > 0);
      expect(await repairs[0]).toEqual([`address 10.96.0.10 was gone from ${device}: it is back`]);
      expect((await node.addressesOf(device)).sort()).toEqual([...TEXTS].sort());
      await node.ip(`-6 address delete fd00:10::a/128 dev ${device}`);
      await until(() => repairs.length > 1);
      expect(await repairs[1]).toEqual([`address fd00:10::a was gone from ${device}: it is back`]);
    });

    it('takes over what an instance has left that was killed', async () => {
      const { node, link } = await open();
      await link.setUp();
      link.close();
      await node.ip(`address delete 10.96.0.10/32 dev ${device}`);
      expect(await node.link().setUp()).toBe(kind);
      expect((await node.addressesOf(device)).sort()).toEqual([...TEXTS].sort());
    });

    it('is removed, twice, and leaves what is not of it', async () => {
      const { node, link } = await open();
      await link.setUp();
      await node.ip(`address add 198.51.100.1/32 dev ${device}`);
      for (let i = 0; i < 2; i++) {
        await link.remove();
        expect(await node.addressesOf(device)).toEqual(['198.51.100.1']);
      }
    });

    it('is not there after a start that failed, and what was there before is', async () => {
      const { node, link } = await open();
      await link.setUp();
      await link.undo();
      expect(await node.addressesOf(device)).toEqual([]);
      expect(await node.has(NAME)).toBe(false);
      const earlier = node.link(node.run, ADDRESSES.slice(0, 1));
      await earlier.setUp();
      const second = node.link();
      await second.setUp();
      await second.undo();
      expect(await node.addressesOf(device)).toEqual(['169.254.20.10']);
    });
  });

  it('comes back where the device was deleted by hand', async () => {
    const node = await makeNode();
    const link = node.link();
    await link.setUp();
    const repairs: Promise<readonly string[]>[] = [];
    link.onChange(() => repairs.push(link.repair()));
    await node.ip(`link delete ${NAME}`);
    await until(() => repairs.length > 0);
    expect(await repairs[0]).toEqual([`the link ${NAME} was gone: it is back with its addresses`]);
    expect((await node.addressesOf(NAME)).sort()).toEqual([...TEXTS].sort());
    // Its own work is no news to it.
    await node.ip('link add other type bridge');
    await node.ip('address add 198.51.100.1/32 dev other');
    await node.ip('link delete other');
    await node.ip('address delete 10.96.0.10/32 dev nodelocaldns');
    await until(() => repairs.length > 1);
    expect(await repairs[1]).toEqual([`address 10.96.0.10 was gone from ${NAME}: it is back`]);
    expect(repairs).toHaveLength(2);
  });

  it('prefers a dummy device', async () => {
    const node = await makeNode();
    const asked: string[] = [];
    const run: Run = (command, args, input = '') => {
      asked.push(String(input).trim());
      // This kernel may have none: another device stands for it.
      return node.run(command, args, String(input).replace('type dummy', 'type bridge'));
    };
    expect(await node.link(run).setUp()).toBe('dummy');
    expect(asked.filter((input) => input.startsWith('link'))).toEqual([`link add ${NAME} type dummy`]);
  });

  it('takes a few processes, however many addresses there are', async () => {
    const node = await makeNode();
    const many = Array.from({ length: 40 }, (_, n): LocalAddress => ({ address: `10.96.1.${n + 1}`, family: 4 }));
    node.refused = ['type dummy'];
    await node.link(node.run, many).setUp();
    expect(node.commands).toEqual(['ip -d -j address show', 'ip -batch -', 'ip -batch -', 'ip -batch -']);
    expect(await node.addressesOf(NAME)).toHaveLength(40);
  });

  it('is refused the name of another device, and changes nothing', async () => {
    const node = await makeNode();
    await node.ip(`link add ${NAME} type veth peer name other`);
    await expect(node.link().setUp()).rejects.toThrow(
      `${NAME} is a device of the kind veth, not a link of node-cache: choose another -interfacename`,
    );
    expect(await node.addressesOf(NAME)).toEqual([]);
  });

  it('is refused an address that IPVS has', async () => {
    const node = await makeNode();
    await node.ip('link add kube-ipvs0 type bridge');
    await node.ip('address add 10.96.0.10/32 dev kube-ipvs0');
    await expect(node.link().setUp()).rejects.toThrow('10.96.0.10 is on kube-ipvs0, so kube-proxy runs in IPVS mode');
    expect(await node.has(NAME)).toBe(false);
  });

  it('is refused without CAP_NET_ADMIN, in words', async () => {
    const node = await makeNode();
    const run: Run = (command, args, input) =>
      node.run('setpriv', ['--bounding-set=-net_admin', '--inh-caps=-net_admin', command, ...args], input);
    await expect(node.link(run).setUp()).rejects.toThrow(
      'ip -batch -: exit code 1: RTNETLINK answers: Operation not permitted',
    );
  });

  it('says how to get ip where there is none', async () => {
    const node = await makeNode();
    const empty = mkdtempSync(join(tmpdir(), 'cluster-dns-no-ip-'));
    directories.push(empty);
    const run: Run = (command) => runCommand(join(empty, command), []);
    await expect(node.link(run).setUp()).rejects.toThrow('not found on the path; the link needs the package iproute2');
  });
});
