import { describe, expect, it } from 'vitest';
import { readCpuFacts, readCpuLimit, threadCount, usableCpus } from './thread-count.ts';

describe('the number of listener threads', () => {
  it.each([
    { cpus: 1, limit: null, threads: 1 },
    { cpus: 2, limit: null, threads: 1 },
    { cpus: 3, limit: null, threads: 2 },
    { cpus: 5, limit: null, threads: 4 },
    { cpus: 64, limit: null, threads: 4 },
    { cpus: 64, limit: 0.1, threads: 1 },
    { cpus: 64, limit: 0.999, threads: 1 },
    { cpus: 64, limit: 1, threads: 1 },
    { cpus: 64, limit: 2.5, threads: 1 },
    { cpus: 64, limit: 3.99, threads: 2 },
    { cpus: 64, limit: 4, threads: 3 },
    { cpus: 64, limit: 32, threads: 4 },
    { cpus: 2, limit: 32, threads: 1 },
  ])('is $threads with $cpus CPUs and a limit of $limit', ({ cpus, limit, threads }) => {
    expect(threadCount({ availableParallelism: cpus, cgroupCpuLimit: limit, wanted: 0 })).toBe(threads);
  });

  it.each([
    { cpus: 1, limit: null, wanted: 8 },
    { cpus: 64, limit: 0.5, wanted: 2 },
    { cpus: 64, limit: null, wanted: 1 },
    { cpus: 4, limit: null, wanted: 1024 },
  ])('is the $wanted that is wanted, with $cpus CPUs and a limit of $limit', ({ cpus, limit, wanted }) => {
    expect(threadCount({ availableParallelism: cpus, cgroupCpuLimit: limit, wanted })).toBe(wanted);
  });
});

describe('the CPUs that may be used', () => {
  it.each([
    { cpus: 8, limit: null, usable: 8 },
    { cpus: 8, limit: 0.25, usable: 1 },
    { cpus: 8, limit: 1.9, usable: 1 },
    { cpus: 8, limit: 2.5, usable: 2 },
    { cpus: 8, limit: 16, usable: 8 },
    { cpus: 1, limit: 2.5, usable: 1 },
  ])('are $usable of $cpus with a limit of $limit', ({ cpus, limit, usable }) => {
    expect(usableCpus({ availableParallelism: cpus, cgroupCpuLimit: limit })).toBe(usable);
  });
});

const CGROUP = '/proc/self/cgroup';

describe('the CPU limit of the cgroup', () => {
  it.each<{ what: string; files: Readonly<Record<string, string>>; limit: number | null }>([
    { what: 'none without any file', files: {}, limit: null },
    {
      what: 'none where only the list of groups is there',
      files: { [CGROUP]: '0::/kubepods/pod1\n' },
      limit: null,
    },
    {
      what: 'none where the list says nothing of groups',
      files: { [CGROUP]: 'nonsense\n0::\n', '/sys/fs/cgroup/cpu.max': '50000 100000\n' },
      limit: null,
    },
    {
      what: "a container's own, which is at the top of what it sees",
      files: { [CGROUP]: '0::/\n', '/sys/fs/cgroup/cpu.max': '250000 100000\n' },
      limit: 2.5,
    },
    {
      what: 'none with max',
      files: { [CGROUP]: '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
      limit: null,
    },
    {
      what: 'counted by its period',
      files: { [CGROUP]: '0::/\n', '/sys/fs/cgroup/cpu.max': '10000 20000\n' },
      limit: 0.5,
    },
    {
      what: 'none where the file is empty or cut',
      files: { [CGROUP]: '0::/a\n', '/sys/fs/cgroup/a/cpu.max': '', '/sys/fs/cgroup/cpu.max': '100000\n' },
      limit: null,
    },
    {
      what: 'none where the numbers make no sense',
      files: { [CGROUP]: '0::/a\n', '/sys/fs/cgroup/a/cpu.max': '0 100000\n', '/sys/fs/cgroup/cpu.max': '100000 0\n' },
      limit: null,
    },
    {
      what: 'that of a group around it, where that is the least',
      files: {
        [CGROUP]: '0::/kubepods.slice/pod1.slice/main.scope\n',
        '/sys/fs/cgroup/kubepods.slice/cpu.max': 'max 100000\n',
        '/sys/fs/cgroup/kubepods.slice/pod1.slice/cpu.max': '150000 100000\n',
        '/sys/fs/cgroup/kubepods.slice/pod1.slice/main.scope/cpu.max': '400000 100000\n',
      },
      limit: 1.5,
    },
    {
      what: 'its own, where that is the least',
      files: {
        [CGROUP]: '0::/pod1.slice/main:0.scope\n',
        '/sys/fs/cgroup/pod1.slice/cpu.max': '150000 100000\n',
        '/sys/fs/cgroup/pod1.slice/main:0.scope/cpu.max': '20000 100000\n',
      },
      limit: 0.2,
    },
    {
      what: 'that of the top, for a group outside of the namespace',
      files: { [CGROUP]: '0::/../other\n', '/sys/fs/cgroup/cpu.max': '300000 100000\n' },
      limit: 3,
    },
    {
      what: 'of version 1',
      files: {
        [CGROUP]: '3:memory:/m\n2:cpu,cpuacct:/kubepods/pod1\n1:name=systemd:/\n',
        '/sys/fs/cgroup/cpu/kubepods/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/kubepods/cpu.cfs_period_us': '100000\n',
        '/sys/fs/cgroup/cpu/kubepods/pod1/cpu.cfs_quota_us': '120000\n',
        '/sys/fs/cgroup/cpu/kubepods/pod1/cpu.cfs_period_us': '100000\n',
      },
      limit: 1.2,
    },
    {
      what: 'of version 1 in a container that sees only its own group',
      files: {
        [CGROUP]: '4:cpuacct,cpu:/kubepods/pod1/c1\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '50000\n',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      },
      limit: 0.5,
    },
    {
      what: 'none of version 1 with a quota and no period, or for another controller',
      files: {
        [CGROUP]: '2:cpu:/a\n1:cpuset:/b\n',
        '/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us': '50000\n',
        '/sys/fs/cgroup/cpu/b/cpu.cfs_quota_us': '50000\n',
        '/sys/fs/cgroup/cpu/b/cpu.cfs_period_us': '100000\n',
      },
      limit: null,
    },
    {
      what: 'of version 1 where version 2 stands beside it without the controller',
      files: {
        [CGROUP]: '1:cpu:/\n0::/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      limit: 2,
    },
    {
      what: 'of version 2 where it is mounted beside version 1',
      files: { [CGROUP]: '1:memory:/\n0::/a\n', '/sys/fs/cgroup/unified/a/cpu.max': '700000 100000\n' },
      limit: 7,
    },
  ])('is $what', ({ files, limit }) => {
    expect(readCpuLimit((path) => files[path] ?? null)).toBe(limit);
  });
});

it('reads the facts of the machine that it runs on', () => {
  const facts = readCpuFacts();
  expect(facts.availableParallelism).toBeGreaterThanOrEqual(1);
  expect(facts.cgroupCpuLimit ?? 1).toBeGreaterThan(0);
});
