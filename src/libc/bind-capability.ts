import { readFileSync } from 'node:fs';
import { checked } from './errno.ts';
import { loadLibc } from './libc.ts';

/** linux/capability.h */
const CAP_NET_BIND_SERVICE = 1n << 10n;
const VERSION_3 = 0x20080522;

/**
 * Takes the right to open ports below 1024 into use where the process has it and does not use it: that is how a program starts whose file
 * has the capability without the bit that says "effective". That bit would be simpler, and let nobody start the program in a container
 * without the capability, on whatever port (capabilities(7), "Safety checking for capability-dumb binaries"). To be done before the first thread
 * that opens ports is started, as each has its own.
 */
export const useBindCapability = async (readStatus = readOwnStatus): Promise<void> => {
  const held = capabilitiesIn(readStatus());
  if (held === null || isUsed(held) || !isPermitted(held)) return;
  const libc = await loadLibc();
  const sets = wordsOf({ ...held, effective: held.effective | CAP_NET_BIND_SERVICE });
  checked(libc, 'capset', libc.capset(Uint32Array.of(VERSION_3, 0), sets));
};

/** Sets of capabilities, a bit each. */
interface Capabilities {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

const readOwnStatus = (): string => {
  try {
    return readFileSync('/proc/self/status', 'latin1');
  } catch {
    return ''; // no Linux, or no /proc: then there is nothing to know
  }
};

/** null where the text does not say. */
const capabilitiesIn = (status: string): Capabilities | null => {
  const [effective, permitted, inheritable] = ['CapEff', 'CapPrm', 'CapInh'].map((field) => {
    const digits = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
    return digits === undefined ? null : BigInt(`0x${digits}`);
  });
  if (effective == null || permitted == null || inheritable == null) return null;
  return { effective, permitted, inheritable };
};

const isUsed = ({ effective }: Capabilities): boolean => (effective & CAP_NET_BIND_SERVICE) !== 0n;
const isPermitted = ({ permitted }: Capabilities): boolean => (permitted & CAP_NET_BIND_SERVICE) !== 0n;

/** As the kernel takes them: the lower words of all three, then the upper ones. */
const wordsOf = ({ effective, permitted, inheritable }: Capabilities): Uint32Array => {
  const sets = [effective, permitted, inheritable];
  return Uint32Array.from([...sets, ...sets.map((set) => set >> 32n)], (set) => Number(set & 0xffff_ffffn));
};
