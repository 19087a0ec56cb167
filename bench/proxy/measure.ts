// One row: puts Services into the kernel of the namespace that it runs in, and prints what that took, as JSON. Its argument is a RowJob.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Change } from '#kube/source.ts';
import { runCommand } from '#netfilter/run.ts';
import { ClusterModel } from '#proxy/model/cluster-model.ts';
import type { RuleWriter } from '#proxy/rule-backend.ts';
import type { RuleOptions } from '#proxy/rule-options.ts';
import { median } from '../support/statistics.ts';
import { BenchCluster, clusterIP, POD_RANGE, SERVICE_RANGE } from './cluster.ts';
import { Commits } from './commits.ts';
import { appendRule, openWriter } from './layouts.ts';
import { memory, ownCpuMs, toolCpuMs, untilToolsRest } from './process-costs.ts';
import type { ChangeCost, Latency, RowJob, RowResult } from './row.ts';

const job = JSON.parse(process.argv[2] ?? '') as RowJob;
const cluster = new BenchCluster(job.services, job.endpoints);
const model = new ClusterModel({ nodeName: 'here', families: ['IPv4'] });
const options: RuleOptions = {
  family: 'IPv4',
  localTraffic: { by: 'cidr', cidr: POD_RANGE },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: 'all',
  localhostNodePorts: false,
  conntrackTcpBeLiberal: true,
  serviceCidrs: [SERVICE_RANGE],
  hasRandomFully: true,
  hasNfacct: false,
};

const full = async (writer: RuleWriter): Promise<Pick<RowResult, 'fullMs' | 'modelMs' | 'ownCpuMs' | 'toolCpuMs'>> => {
  const objects = [...cluster.objects()];
  const own = ownCpuMs();
  const tools = toolCpuMs();
  const began = performance.now();
  for (const object of objects) model.apply(object);
  const { ports } = model.take('IPv4');
  const modelMs = performance.now() - began;
  await writer.sync(ports, options, null);
  return {
    fullMs: performance.now() - began,
    modelMs,
    ownCpuMs: ownCpuMs() - own,
    toolCpuMs: toolCpuMs() - tools,
  };
};

/** Times one kind of change; `undo` is not timed. */
const changes = async (
  writer: RuleWriter,
  change: (i: number) => readonly Change[],
  undo: (i: number) => readonly Change[],
): Promise<ChangeCost> => {
  const times: number[] = [];
  let ownMs = 0;
  let toolMs = 0;
  const kernel: number[] = [];
  const sync = (objects: readonly Change[]): Promise<unknown> => {
    for (const object of objects) model.apply(object);
    const { ports, changed } = model.take('IPv4');
    if (changed.size === 0) throw new Error('nothing changed');
    return writer.sync(ports, options, changed);
  };
  for (let i = 0; i < job.changes; i++) {
    const own = ownCpuMs();
    const tools = toolCpuMs();
    const began = performance.now();
    await sync(change(i));
    times.push(performance.now() - began);
    ownMs += ownCpuMs() - own;
    toolMs += toolCpuMs() - tools;
    await sync(undo(i));
  }
  // By itself, as listening takes CPU time.
  for (let i = 0; i < job.changes && commits !== null; i++) {
    const began = performance.now();
    const synced = sync(change(i));
    kernel.push((await commits.next()) - began);
    await synced;
    await sync(undo(i));
    commits.forget();
  }
  return {
    ...(commits === null ? {} : { kernel: median(kernel) }),
    median: median(times),
    worst: Math.max(...times),
    ownCpuMs: ownMs / times.length,
    toolCpuMs: toolMs / times.length,
  };
};

const latency = (): Latency => {
  const targets = cluster.asked().map(clusterIP);
  const { stdout, stderr, status } = spawnSync(
    'ip',
    [
      'netns',
      'exec',
      job.client,
      process.execPath,
      join(job.programs, 'connector.mjs'),
      '80',
      String(job.connections),
      ...targets,
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`connections failed: ${stderr}`);
  const times = (JSON.parse(stdout) as number[]).sort((a, b) => a - b);
  return { median: median(times), p99: times[Math.floor(times.length * 0.99)] as number };
};

const writer = await openWriter(job.layout, runCommand);
const commits = job.layout.startsWith('nftables') ? await Commits.open() : null;
writer.watchForeign?.((what) => console.error(`foreign change: ${what}`));
const fullSync = await full(writer);
await untilToolsRest();
commits?.resume();
/** Spread over all. */
const service = (i: number): number => Math.floor(((i + 0.5) * job.services) / job.changes);
const endpointRemoved = await changes(
  writer,
  (i) => [cluster.slice(service(i), job.endpoints - 1)],
  (i) => [cluster.slice(service(i), job.endpoints)],
);
const serviceAdded = await changes(
  writer,
  (i) => cluster.added(i),
  () => cluster.removed(),
);
const times = latency();
const appendMs = await appendRule(job.layout, runCommand);
const result: RowResult = {
  ...fullSync,
  endpointRemoved,
  serviceAdded,
  ...memory(),
  latency: times,
  ...(appendMs === null ? {} : { appendMs }),
};
commits?.close();
await writer.close();
console.log(JSON.stringify(result));
