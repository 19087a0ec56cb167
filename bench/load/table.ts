import { median } from '../support/statistics.ts';
import type { ClosedFigures, PacedFigures } from './measure.ts';
import type { Scenario } from './scenarios.ts';

/** All rounds of one server in one scenario. */
export interface Outcome {
  readonly server: string;
  readonly closed: readonly ClosedFigures[];
  readonly paced: readonly PacedFigures[];
  readonly residentMiB: number;
  /** What went otherwise than it should have. */
  readonly remarks: readonly string[];
}

export type Row = Readonly<Record<string, string>>;

/** A row for each server; ratios are to the first. */
export const tableRows = (outcomes: readonly Outcome[], rate: number): readonly Row[] => {
  const [first] = outcomes;
  return outcomes.map((outcome) => ({
    server: outcome.server,
    ...(outcome.closed.length > 0 ? closedCells(outcome, first as Outcome) : {}),
    ...(outcome.paced.length > 0 ? pacedCells(outcome, first as Outcome, rate) : {}),
    'RSS MiB': outcome.residentMiB.toFixed(0),
    replies: repliesOf(outcome),
  }));
};

const closedCells = (outcome: Outcome, first: Outcome): Row => {
  const cpu = outcome.closed.map((each) => each.cpuMicroseconds);
  const perSecond = (of: Outcome): number => median(of.closed.map((each) => each.perSecond));
  return {
    'CPU us/query': median(cpu).toFixed(2),
    'min-max': `${Math.min(...cpu).toFixed(2)}-${Math.max(...cpu).toFixed(2)}`,
    'CPU x': ratio(median(cpu), median(first.closed.map((each) => each.cpuMicroseconds))),
    'queries/s': perSecond(outcome).toFixed(0),
    'q/s x': ratio(perSecond(outcome), perSecond(first)),
  };
};

const pacedCells = (outcome: Outcome, first: Outcome, rate: number): Row => {
  const of = (from: Outcome, figure: 'p50' | 'p99' | 'p999' | 'late999'): number =>
    median(from.paced.map(({ report }) => report[figure]));
  const cpu = (from: Outcome): number => median(from.paced.map((each) => each.cpuMicroseconds));
  return {
    [`CPU us at ${rate}/s`]: cpu(outcome).toFixed(2),
    'CPU x there': ratio(cpu(outcome), cpu(first)),
    'p50 us': of(outcome, 'p50').toFixed(0),
    'p99 us': of(outcome, 'p99').toFixed(0),
    'p99.9 us': of(outcome, 'p999').toFixed(0),
    'p99.9 x': ratio(of(outcome, 'p999'), of(first, 'p999')),
    'asker late p99.9': of(outcome, 'late999').toFixed(0),
  };
};

const ratio = (value: number, base: number): string => (base > 0 ? (value / base).toFixed(2) : '-');

const RCODE_NAMES: Readonly<Record<number, string>> = { 0: 'NOERROR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 5: 'REFUSED' };

/** What the replies were, as the asker saw them at the fixed rate, else as dnsperf did; and what was lost. */
const repliesOf = ({ closed, paced, remarks }: Outcome): string => {
  const lost =
    closed.reduce((sum, each) => sum + each.lost, 0) +
    paced.reduce((sum, { report }) => sum + report.asked - report.answered, 0);
  const parts = paced.length > 0 ? pacedReplies(paced) : [closed.at(-1)?.rcodes ?? ''];
  return [...parts, ...(lost > 0 ? [`${lost} lost`] : []), ...foreignRemark(closed, paced), ...remarks].join(', ');
};

/** What a quiet machine's own work takes of a CPU is below this. */
const MOST_FOREIGN_SHARE = 0.05;

const foreignRemark = (closed: readonly ClosedFigures[], paced: readonly PacedFigures[]): readonly string[] => {
  const shares = [...closed, ...paced].map(({ foreignShare }) => foreignShare);
  const most = Math.max(...shares);
  const disturbed = shares.filter((share) => share > MOST_FOREIGN_SHARE).length;
  return disturbed === 0
    ? []
    : [`DISTURBED ${disturbed} of ${shares.length} times: others took up to ${(100 * most).toFixed(0)} % of its CPU`];
};

const pacedReplies = (paced: readonly PacedFigures[]): readonly string[] => {
  const sum = (of: (figures: PacedFigures) => number): number => paced.reduce((total, each) => total + of(each), 0);
  const answered = sum(({ report }) => report.answered);
  const share = (count: number): string => `${((100 * count) / answered).toFixed(count === answered ? 0 : 1)} %`;
  const rcodes = (paced[0]?.report.rcodes ?? []).map((_, rcode) => sum(({ report }) => report.rcodes[rcode] ?? 0));
  const truncated = sum(({ report }) => report.truncated);
  return [
    ...rcodes.flatMap((count, rcode) =>
      count > 0 ? [`${RCODE_NAMES[rcode] ?? `RCODE ${rcode}`} ${share(count)}`] : [],
    ),
    `with records ${share(sum(({ report }) => report.withAnswer))}`,
    ...(truncated > 0 ? [`TC ${share(truncated)}`] : []),
  ];
};

/** The scenario's table in Markdown. */
export const markdownTable = (rows: readonly Row[]): string => {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(columns.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map((row) => line(columns.map((column) => row[column] ?? ''))),
  ].join('\n');
};

/** Replies that are not what the scenario is about: a server that only errs is fast. */
export const wrongReplies = (scenario: Scenario, outcome: Outcome): readonly string[] => {
  if (scenario.rcode === undefined) return [];
  const expected = scenario.rcode === 'NOERROR' ? 0 : 3;
  const wrong = outcome.paced.reduce(
    (sum, { report }) => sum + report.answered - (report.rcodes[expected] ?? 0),
    outcome.closed.filter(({ rcodes }) => !new RegExp(`${scenario.rcode} \\d+ \\(100\\.00%\\)`).test(rcodes)).length,
  );
  return wrong > 0 ? [`NOT ALL ${scenario.rcode}`] : [];
};
