import { CommandError, type Run, runOrThrow } from '#netfilter/run.ts';

/** A network device, as far as it matters here. */
export interface Device {
  readonly name: string;
  /** `dummy`, `bridge`, `veth` ...; '' for hardware. */
  readonly kind: string;
  readonly addresses: readonly DeviceAddress[];
  /** Other devices are ports of it. */
  readonly hasPorts: boolean;
}

export interface DeviceAddress {
  readonly address: string;
  readonly prefixLength: number;
}

/** What `ip -j` says of a device; an empty object for one that it leaves out. */
interface ListedDevice {
  readonly ifname?: string;
  readonly master?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** All devices of the node with their addresses. Rejects with CommandError. */
export const listDevices = async (run: Run): Promise<readonly Device[]> => {
  const listed = JSON.parse((await ip(run, ['-d', '-j', 'address', 'show'])) || '[]') as readonly ListedDevice[];
  const masters = new Set(listed.map(({ master }) => master));
  return listed.flatMap(({ ifname, linkinfo, addr_info = [] }) =>
    ifname === undefined
      ? []
      : [
          {
            name: ifname,
            kind: linkinfo?.info_kind ?? '',
            addresses: addr_info.map(({ local = '', prefixlen = 0 }) => ({ address: local, prefixLength: prefixlen })),
            hasPorts: masters.has(ifname),
          },
        ],
  );
};

/** May be a cache's: of one host, and not one that the kernel gives each link. */
export const isHostAddress = ({ address, prefixLength }: DeviceAddress): boolean =>
  !address.startsWith('fe80:') && prefixLength === (address.includes(':') ? 128 : 32);

/** Runs several commands of `ip` in one process; at the first that fails it stops. Rejects with CommandError. */
export const ipBatch = async (run: Run, lines: readonly string[]): Promise<void> => {
  if (lines.length > 0) await ip(run, ['-batch', '-'], `${lines.join('\n')}\n`);
};

const ip = async (run: Run, args: readonly string[], input?: string): Promise<string> => {
  try {
    return await runOrThrow(run, 'ip', args, input);
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== null) throw error;
    const message = `${error.message}; the link needs the package iproute2 (Debian: apt-get install iproute2)`;
    throw new CommandError('ip', null, message, error);
  }
};
