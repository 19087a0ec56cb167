import { readFileSync } from 'node:fs';

/** The rate at which `node bench/run.mjs load` asks where most queries come alone. */
export const PACED_PER_SECOND = 5000;

/** CPU us of a query at 5,000 a second, and at full load, with how many that were. */
export interface RateCosts {
  readonly pacedMicros: number;
  readonly fullMicros: number;
  readonly fullPerSecond: number;
}

export interface QueryCosts {
  readonly file: string;
  /** What Pods ask over UDP, with the search domains that have no such name. */
  readonly udp: RateCosts;
  /** A repeated name over kept TCP connections, as a node's cache asks. */
  readonly tcp: RateCosts;
  /** CPU us of a name outside of the cluster that no cache has, at 5,000 a second. */
  readonly missMicros: number;
}

export const RESULTS_FILE = 'bench/results/2026-11-21-batch.md';

/** Reads what `node bench/run.mjs load` wrote down. */
export const readQueryCosts = (file = RESULTS_FILE): QueryCosts => {
  const text = readFileSync(file, 'utf8');
  const of = (scenario: string, column: string): number => cell(text, scenario, column, file);
  const costs = (scenario: string): RateCosts => ({
    pacedMicros: of(scenario, `CPU us at ${PACED_PER_SECOND}/s`),
    fullMicros: of(scenario, 'CPU us/query'),
    fullPerSecond: of(scenario, 'queries/s'),
  });
  return {
    file,
    udp: costs('mix'),
    tcp: costs('tcp'),
    missMicros: of('external-miss', `CPU us at ${PACED_PER_SECOND}/s`),
  };
};

/** Of the first server in a scenario's table, which is ours. */
const cell = (text: string, scenario: string, column: string, file: string): number => {
  const lines = text.slice(text.indexOf(`\n\`${scenario}\`\n`)).split('\n');
  const cells = (line: string): string[] => line.split('|').map((each) => each.trim());
  const head = lines.findIndex((line) => line.startsWith('| server |'));
  const at = cells(lines[head] ?? '').indexOf(column);
  const value = Number(cells(lines[head + 2] ?? '')[at]);
  if (!text.includes(`\n\`${scenario}\`\n`) || at < 0 || !(value > 0))
    throw new Error(`${file}: no "${column}" of ${scenario}`);
  return value;
};
