import type { Log } from '#log/log.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import { ChangeWatch } from '../change-watch.ts';
import type { LocalAddress, NodeCacheSettings } from '../settings.ts';
import { type Device, ipBatch, listDevices } from './devices.ts';
import type { Link, LinkKind } from './link.ts';
import { type OpenLinkEvents, openLinkEvents } from './link-events.ts';

/** Devices that can hold the addresses, the first that the kernel has; all of them answer while they are down. */
const DEVICE_KINDS = ['dummy', 'bridge'] as const;
type DeviceKind = (typeof DEVICE_KINDS)[number];

const LOOPBACK = 'lo';
/** kube-proxy in IPVS mode holds cluster IPs there. */
const IPVS_DEVICE = 'kube-ipvs0';

/** What `ip` says where the kernel has no such kind of device (EOPNOTSUPP). */
const NOT_THERE = /Unknown device type|Operation not supported|Not supported/;
const EXISTS = /File exists/;
/** An interface's name: at most 15 octets. */
const VALID_NAME = /^(?!\.\.?$)(?!-)[^\s/:"'\\]{1,15}$/;

type LinkSettings = Pick<NodeCacheSettings, 'addresses' | 'interfaceName'>;

interface LinkEnvironment {
  readonly run: Run;
  readonly log: Pick<Log, 'info'>;
  /** Of this network namespace where it is not said. */
  readonly openEvents?: OpenLinkEvents;
}

/** A link that is not there yet. */
export const openIpLink = (settings: LinkSettings, environment: LinkEnvironment): Link =>
  new IpLink(settings, environment);

/**
 * The link by way of `ip`, each step one process. Devices stay down, as node-cache leaves them: an address of the node is answered whatever its device does, and
 * a device that is down has no address or route of its own. What an earlier instance or node-cache has made is taken over.
 */
class IpLink implements Link {
  readonly #addresses: readonly LocalAddress[];
  readonly #name: string;
  readonly #run: Run;
  readonly #log: LinkEnvironment['log'];
  readonly #openEvents: OpenLinkEvents;
  #kind: LinkKind | null = null;
  /** By this instance; taken away again where the start fails. */
  #madeDevice = false;
  #madeAddresses: readonly LocalAddress[] = [];
  #listener: () => void = () => undefined;
  #events: ChangeWatch | null = null;
  #isClosed = false;
  /** One step at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ addresses, interfaceName }: LinkSettings, { run, log, openEvents = openLinkEvents }: LinkEnvironment) {
    this.#addresses = addresses;
    this.#name = interfaceName;
    this.#run = run;
    this.#log = log;
    this.#openEvents = openEvents;
  }

  setUp(): Promise<LinkKind> {
    return this.#next(async () => {
      // What happens from here on is heard.
      await this.#listen();
      const kind = await this.#make(await listDevices(this.#run));
      this.#kind = kind;
      return kind;
    });
  }

  repair(): Promise<readonly string[]> {
    return this.#next(async () => {
      if (this.#kind === null || this.#isClosed) return [];
      const devices = await listDevices(this.#run);
      const device = devices.find(({ name }) => name === this.#deviceName);
      if (device === undefined) {
        await this.#make(devices);
        return [`the link ${this.#deviceName} was gone: it is back with its addresses`];
      }
      this.#mustBeOurs(device);
      const missing = this.#missingOn(device);
      await ipBatch(this.#run, addLines(missing, device.name));
      return missing.map(({ address }) => `address ${address} was gone from ${device.name}: it is back`);
    });
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  undo(): Promise<void> {
    return this.#next(() => this.#takeAway(this.#madeAddresses, this.#madeDevice));
  }

  remove(): Promise<void> {
    return this.#next(() => this.#takeAway(this.#addresses, true));
  }

  close(): void {
    this.#isClosed = true;
    this.#events?.close();
    this.#events = null;
  }

  get #deviceName(): string {
    return this.#kind === 'loopback' ? LOOPBACK : this.#name;
  }

  async #make(devices: readonly Device[]): Promise<LinkKind> {
    if (!VALID_NAME.test(this.#name)) throw new CommandError('ip', null, `${this.#name} can't be the name of a link`);
    this.#mustNotBeTakenByIpvs(devices);
    const existing = devices.find(({ name }) => name === this.#name);
    if (existing !== undefined) return await this.#adopt(existing);
    for (const kind of DEVICE_KINDS) {
      const outcome = await this.#tryDevice(kind);
      if (outcome === 'made') return kind;
      if (outcome === 'exists') return await this.#adoptNew();
    }
    const loopback = devices.find(({ name }) => name === LOOPBACK);
    await this.#add(this.#missingOn(loopback), LOOPBACK);
    return 'loopback';
  }

  async #adopt(device: Device): Promise<LinkKind> {
    const kind = this.#mustBeOurs(device);
    await this.#add(this.#missingOn(device), device.name);
    return kind;
  }

  /** Another instance has made it in this moment. */
  async #adoptNew(): Promise<LinkKind> {
    const device = (await listDevices(this.#run)).find(({ name }) => name === this.#name);
    if (device === undefined) throw new CommandError('ip', null, `the link ${this.#name} comes and goes`);
    return await this.#adopt(device);
  }

  /** The device with all its addresses, or nothing of it. */
  async #tryDevice(kind: DeviceKind): Promise<'made' | 'exists' | 'not-there'> {
    try {
      await ipBatch(this.#run, [`link add ${this.#name} type ${kind}`]);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      if (NOT_THERE.test(error.message)) return 'not-there';
      if (EXISTS.test(error.message)) return 'exists';
      throw error;
    }
    this.#madeDevice = true;
    await this.#add(this.#addresses, this.#name);
    return 'made';
  }

  async #add(addresses: readonly LocalAddress[], device: string): Promise<void> {
    this.#madeAddresses = [...this.#madeAddresses, ...addresses];
    await ipBatch(this.#run, addLines(addresses, device));
  }

  #missingOn(device: Device | undefined): LocalAddress[] {
    const there = new Set(device?.addresses.map(({ address }) => address));
    return this.#addresses.filter(({ address }) => !there.has(address));
  }

  #mustBeOurs({ name, kind }: Device): LinkKind {
    if (name === LOOPBACK) return 'loopback';
    const known = DEVICE_KINDS.find((each) => each === kind);
    if (known !== undefined) return known;
    const what = kind === '' ? 'a device of another kind' : `a device of the kind ${kind}`;
    throw new CommandError('ip', null, `${name} is ${what}, not a link of node-cache: choose another -interfacename`);
  }

  /** IPVS takes such packets whatever rules say, so no client would ever reach the cache by that address. */
  #mustNotBeTakenByIpvs(devices: readonly Device[]): void {
    const taken = devices.find(({ name }) => name === IPVS_DEVICE)?.addresses.map(({ address }) => address) ?? [];
    const found = this.#addresses.filter(({ address }) => taken.includes(address)).map(({ address }) => address);
    if (found.length === 0) return;
    throw new CommandError(
      'ip',
      null,
      `${found.join(', ')} is on ${IPVS_DEVICE}, so kube-proxy runs in IPVS mode and takes its packets: leave it out of -localip, and let kubelet's --cluster-dns name a link-local address`,
    );
  }

  /** What others have put there stays: the device goes only where it is ours and nothing else is on it. */
  async #takeAway(addresses: readonly LocalAddress[], isDeviceToo: boolean): Promise<void> {
    const devices = await listDevices(this.#run);
    const lines: string[] = [];
    for (const device of devices) {
      if (device.name !== LOOPBACK && !isLinkOf(device, this.#name)) continue;
      const own = addresses.filter(({ address }) => device.addresses.some((each) => each.address === address));
      const isDevice = isDeviceToo && device.name !== LOOPBACK && !hasForeign(device, addresses);
      if (isDevice) lines.push(`link delete ${device.name}`);
      else lines.push(...own.map((each) => `address delete ${hostPrefix(each)} dev ${device.name}`));
    }
    await ipBatch(this.#run, lines);
  }

  async #listen(): Promise<void> {
    if (this.#events !== null || this.#isClosed) return;
    const watched = { addresses: this.#addresses.map(({ address }) => address), deviceName: this.#name };
    this.#events = await ChangeWatch.open('link', this.#openEvents(watched), () => this.#listener(), this.#log);
    if (this.#isClosed) this.#events?.close();
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Whether a device may be the link of this name. */
export const isLinkOf = ({ name, kind }: Device, wanted: string): boolean =>
  name === wanted && DEVICE_KINDS.some((each) => each === kind);

/** Ports, or addresses that are neither these nor the kernel's own of the link. */
const hasForeign = ({ hasPorts, addresses }: Device, own: readonly LocalAddress[]): boolean =>
  hasPorts ||
  addresses.some(({ address }) => !address.startsWith('fe80:') && !own.some((each) => each.address === address));

/** An address of a node is not asked for among neighbours (`nodad`): it is the same on every node, and at once there. */
const addLines = (addresses: readonly LocalAddress[], device: string): string[] =>
  addresses.map((each) => {
    const nodad = each.family === 6 ? ' nodad' : '';
    // An address of the host alone never becomes the source of what others send.
    const scope = device === LOOPBACK && each.family === 4 ? ' scope host' : '';
    return `address add ${hostPrefix(each)} dev ${device}${scope}${nodad}`;
  });

export const hostPrefix = ({ address, family }: LocalAddress): string => `${address}/${family === 4 ? 32 : 128}`;
