import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { posix } from 'node:path';

/** The CPUs that there are for this process. */
export interface CpuFacts {
  /** CPUs that the process may be scheduled on, as `os.availableParallelism()`. */
  readonly availableParallelism: number;
  /** Cores' worth of time that its cgroup allows, such as 2.5; null: no limit. */
  readonly cgroupCpuLimit: number | null;
}

/**
 * Listener threads: the number that is wanted, 0 where none is said. Then one core is left to the main thread, and four threads
 * are the most, since all that they do not remember goes through that one.
 */
export const threadCount = ({ wanted, ...cpus }: CpuFacts & { readonly wanted: number }): number =>
  wanted > 0 ? wanted : Math.min(4, Math.max(1, usableCpus(cpus) - 1));

/** Whole CPUs that the process may keep busy, at least one: a limit of 2.5 cores counts as 2. */
export const usableCpus = ({ availableParallelism, cgroupCpuLimit }: CpuFacts): number =>
  Math.max(1, Math.min(availableParallelism, Math.floor(cgroupCpuLimit ?? availableParallelism)));

/**
 * What this machine and the cgroup of this process give. The limit is read here because `availableParallelism()` cannot be relied on
 * for it: Node.js 20 knows no limit, and later ones leave out a limit below one core (nodejs/node issue 59200).
 */
export const readCpuFacts = (): CpuFacts => ({
  availableParallelism: availableParallelism(),
  cgroupCpuLimit: readCpuLimit(readText),
});

/** Text of a file, null where it cannot be read. */
export type ReadText = (path: string) => string | null;

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
};

const V2_MOUNTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];
const V1_MOUNTS = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct'];

/**
 * Cores' worth of time that the cgroup of this process allows: the least of its own limit and those of the groups around it. null
 * where there is none, or none to be read.
 */
export const readCpuLimit = (read: ReadText): number | null => {
  let least: number | null = null;
  for (const line of read('/proc/self/cgroup')?.split('\n') ?? []) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === '') continue;
    const isV2 = controllers === '';
    if (!isV2 && !controllers.split(',').includes('cpu')) continue;
    for (const folder of foldersOf(path, isV2 ? V2_MOUNTS : V1_MOUNTS)) {
      const limit = isV2 ? limitV2(read, folder) : limitV1(read, folder);
      if (limit !== null && (least === null || limit < least)) least = limit;
    }
  }
  return least;
};

/**
 * A group's folder and those of all groups around it, under each place where the tree may be. In a container without a cgroup
 * namespace the path is the host's while only the container's own group is mounted: its folder is then the top one.
 */
const foldersOf = (path: string, mounts: readonly string[]): string[] => {
  // The path of a group outside of the namespace begins with `/..`; the top is all that can be seen of it.
  const paths = [posix.normalize(path)];
  for (let inner = paths[0] as string; inner !== '/'; inner = posix.dirname(inner)) paths.push(posix.dirname(inner));
  return mounts.flatMap((mount) => paths.map((group) => (group === '/' ? mount : mount + group)));
};

/** `cpu.max` is `QUOTA PERIOD` in µs; a QUOTA of `max` is no limit. */
const limitV2 = (read: ReadText, folder: string): number | null => {
  const [quota, period] = read(`${folder}/cpu.max`)?.trim().split(' ') ?? [];
  return coresOf(quota, period);
};

/** A quota of -1 is no limit. */
const limitV1 = (read: ReadText, folder: string): number | null =>
  coresOf(read(`${folder}/cpu.cfs_quota_us`)?.trim(), read(`${folder}/cpu.cfs_period_us`)?.trim());

const coresOf = (quota: string | undefined, period: string | undefined): number | null => {
  const cores = Number(quota) / Number(period);
  return cores > 0 && Number.isFinite(cores) ? cores : null;
};
