import { ApiSource, type ApiSourceOptions } from '#kube/api-source.ts';
import type { Change, Kind, SourceFilter } from '#kube/source.ts';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { FakeClock } from '#test/fake-clock.ts';

const ALL: SourceFilter = { hasPods: false, hasEndpointSlices: false, labelSelector: '', namespaceLabelSelector: '' };

/** An ApiSource with what it gave and said, one line each. */
export interface SourceUnderTest {
  readonly source: ApiSource;
  readonly clock: FakeClock;
  readonly metrics: Metrics;
  /** `+ NS/NAME`, `- NS/NAME`, `synced KIND`. */
  readonly events: string[];
  /** `level: message`. */
  readonly lines: string[];
  readonly changes: Change[];
}

/** Starts a source of Services and Namespaces (and what `filter` adds) with a clock that stands still. */
export const startSource = (
  options: Pick<ApiSourceOptions, 'connection'> & Partial<Omit<ApiSourceOptions, 'filter'>>,
  filter: Partial<SourceFilter> = {},
): SourceUnderTest => {
  const clock = new FakeClock();
  const metrics = new Metrics();
  const events: string[] = [];
  const lines: string[] = [];
  const changes: Change[] = [];
  const log = new Log({
    write: (level, _, message) => {
      lines.push(`${level}: ${message}`);
    },
    flush: async () => undefined,
  });
  const source = new ApiSource({
    filter: { ...ALL, ...filter },
    log,
    metrics,
    userAgent: 'test',
    random: () => 0.5,
    clock,
    ...options,
  });
  source.start({
    change: (change) => {
      changes.push(change);
      const { namespace, name } = change.type === 'set' ? change.object : change;
      events.push(`${change.type === 'set' ? '+' : '-'} ${namespace}/${name}`);
    },
    synced: (kind: Kind) => {
      events.push(`synced ${kind}`);
    },
  });
  return { source, clock, metrics, events, lines, changes };
};
