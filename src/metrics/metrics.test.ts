import { describe, expect, it } from 'vitest';
import { declareAlways } from './always.ts';
import { DEFAULT_BUCKETS, PROGRAMMING_BUCKETS, SIZE_BUCKETS, SLIM_TIME_BUCKETS, TIME_BUCKETS } from './buckets.ts';
import { Metrics } from './metrics.ts';
import { declareProcess, limitOf, netstatOf } from './process-metrics.ts';
import { declareAllRuntime, declareRuntime } from './runtime-metrics.ts';

describe('the text exposition', () => {
  it('has HELP, TYPE and one line a series, labels sorted by name', async () => {
    const metrics = new Metrics();
    const family = metrics.counter({ name: 'hits_total', help: 'Hits.', labels: ['server', 'kind'] });
    family.at('dns://:53', 'b').add(2);
    family.at('dns://:53', 'a').add();
    expect(await metrics.render()).toBe(
      [
        '# HELP hits_total Hits.',
        '# TYPE hits_total counter',
        'hits_total{kind="a",server="dns://:53"} 1',
        'hits_total{kind="b",server="dns://:53"} 2',
        '',
      ].join('\n'),
    );
  });

  it('escapes what a label and a help text may not hold', async () => {
    const metrics = new Metrics();
    metrics
      .gauge({ name: 'g', help: 'back\\slash\nnewline', labels: ['l'] })
      .at('a"b\\c\nd')
      .set(1);
    expect(await metrics.render()).toBe('# HELP g back\\\\slash\\nnewline\n# TYPE g gauge\ng{l="a\\"b\\\\c\\nd"} 1\n');
  });

  it('cumulates the buckets of a histogram up to +Inf', async () => {
    const metrics = new Metrics();
    const histogram = metrics.histogram({ name: 'h', help: 'H.', labels: ['zone'], buckets: [1, 2] }).at('.');
    for (const value of [0.5, 1, 1.5, 99]) histogram.observe(value);
    expect(await metrics.render()).toBe(
      [
        '# HELP h H.',
        '# TYPE h histogram',
        'h_bucket{zone=".",le="1"} 2',
        'h_bucket{zone=".",le="2"} 3',
        'h_bucket{zone=".",le="+Inf"} 4',
        'h_sum{zone="."} 102',
        'h_count{zone="."} 4',
        '',
      ].join('\n'),
    );
  });

  it('has families in the order of their names and leaves out one without a series', async () => {
    const metrics = new Metrics();
    metrics.counter({ name: 'z_total', help: 'Z.' });
    const empty = metrics.counter({ name: 'm_total', help: 'M.', labels: ['l'] });
    metrics.gauge({ name: 'a', help: 'A.' }).at().set(3);
    const names = async (): Promise<string[]> =>
      [...(await metrics.render()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string);
    expect(await names()).toEqual(['a', 'z_total']);
    empty.at('x');
    expect(await names()).toEqual(['a', 'm_total', 'z_total']);
    empty.remove('x');
    expect(await names()).toEqual(['a', 'z_total']);
  });

  it('gives the same family for a name, and refuses it as another type', () => {
    const metrics = new Metrics();
    const options = { name: 'x_total', help: 'X.' };
    expect(metrics.counter(options)).toBe(metrics.counter(options));
    expect(() => metrics.gauge(options)).toThrow('already declared as another type');
  });

  it('asks a gauge that follows at each scrape', async () => {
    const metrics = new Metrics();
    let value = 1;
    metrics
      .gauge({ name: 'g', help: 'G.' })
      .at()
      .follow(() => value);
    expect(await metrics.render()).toContain('g 1\n');
    value = 7;
    expect(await metrics.render()).toContain('g 7\n');
  });

  it('asks all who follow one gauge, and has the highest until the last has ended', async () => {
    const metrics = new Metrics();
    const gauge = metrics.gauge({ name: 'age_seconds', help: 'Age.', labels: ['kind'] });
    let first = 1;
    const ends = [gauge.followHighest(() => first, 'a'), gauge.followHighest(() => 2, 'a')];
    expect(await metrics.render()).toContain('age_seconds{kind="a"} 2');
    first = 3;
    expect(await metrics.render()).toContain('age_seconds{kind="a"} 3');
    ends[0]?.();
    expect(await metrics.render()).toContain('age_seconds{kind="a"} 2');
    ends[1]?.();
    expect(await metrics.render()).not.toContain('age_seconds');
    gauge.followHighest(() => 4, 'a');
    expect(await metrics.render()).toContain('age_seconds{kind="a"} 4');
  });
});

describe('metrics that are there from the start', () => {
  it('stand at 0 whichever plugins are configured', async () => {
    const metrics = new Metrics();
    declareAlways(metrics);
    const text = await metrics.render();
    for (const name of [
      'coredns_panics_total',
      'coredns_forward_healthcheck_broken_total',
      'coredns_forward_max_concurrent_rejects_total',
      'coredns_health_request_failures_total',
      'coredns_health_request_duration_seconds_count',
      'coredns_reload_failed_total',
      'coredns_hosts_reload_timestamp_seconds',
      'coredns_local_localhost_requests_total',
    ])
      expect(text).toContain(`\n${name} 0\n`);
  });

  it('tell of the process under the names of the Go client', async () => {
    const metrics = new Metrics();
    declareProcess(metrics);
    const text = await metrics.render();
    for (const name of ['cpu_seconds_total', 'open_fds', 'max_fds', 'resident_memory_bytes', 'start_time_seconds'])
      expect(Number(new RegExp(`^process_${name} (\\S+)$`, 'm').exec(text)?.[1])).toBeGreaterThan(0);
    expect(text).toContain('# TYPE process_cpu_seconds_total counter');
  });

  it('read limits and network counters as the kernel writes them', () => {
    const limits =
      'Limit  Soft Limit  Hard Limit  Units\nMax open files   1024  4096  files\nMax address space  unlimited unlimited bytes\n';
    expect(limitOf(limits, 'Max open files')).toBe(1024);
    expect(limitOf(limits, 'Max address space')).toBe(2 ** 64);
    const netstat = 'TcpExt: A B\nTcpExt: 1 2\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 55 66\n';
    expect(netstatOf(netstat, 'IpExt', 'InOctets')).toBe(55);
    expect(netstatOf(netstat, 'IpExt', 'OutOctets')).toBe(66);
    expect(netstatOf('', 'IpExt', 'OutOctets')).toBe(0);
  });

  it('tell of the runtime as nodejs_*, more of it on request, and twice is no fault', async () => {
    const metrics = new Metrics();
    await declareRuntime(metrics);
    const base = await metrics.render();
    expect(base).toContain('nodejs_version_info{');
    expect(base).toContain('nodejs_heap_size_used_bytes ');
    expect(base).not.toContain('nodejs_eventloop_lag_seconds');
    await declareAllRuntime(metrics);
    await declareAllRuntime(metrics);
    expect(await metrics.render()).toContain('nodejs_eventloop_lag_seconds');
  });
});

describe('buckets', () => {
  it('are those of CoreDNS', () => {
    expect(TIME_BUCKETS).toHaveLength(16);
    expect([TIME_BUCKETS[0], TIME_BUCKETS.at(-1)]).toEqual([0.00025, 8.192]);
    expect(SLIM_TIME_BUCKETS).toEqual([0.00025, 0.0025, 0.025, 0.25, 2.5]);
    expect(PROGRAMMING_BUCKETS).toHaveLength(20);
    expect(PROGRAMMING_BUCKETS.at(-1)).toBe(524.288);
    expect(SIZE_BUCKETS).toHaveLength(14);
    expect(DEFAULT_BUCKETS).toHaveLength(11);
  });
});
