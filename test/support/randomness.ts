/**
 * Tests of numbers that are to be unpredictable. Each says what is wrong, or nothing. `SIGMAS` bounds how often one of them is wrong about
 * good numbers: a normal variable is that far from its mean, on either side, once in 5e11 times; the chi-squares are turned into one
 * (Wilson and Hilferty), which is good to a factor of a few so far out. So a hundred tests are wrong less than once in 1e9 runs.
 */
const SIGMAS = 6.9;

/** Wrong where cells that should be equally full are not, or are fuller alike than chance has it. Each cell should expect 5 or more. */
export const unevenCells = (title: string, cells: number, values: Iterable<number>): string[] => {
  const counts = new Array<number>(cells).fill(0);
  let total = 0;
  for (const value of values) {
    counts[value] = (counts[value] as number) + 1;
    total++;
  }
  const expected = total / cells;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = cells - 1;
  const spread = 2 / (9 * freedom);
  return tooFar(title, (Math.cbrt(chiSquare / freedom) - (1 - spread)) / Math.sqrt(spread));
};

/** Wrong where a number goes with the one `lag` before it. */
export const serialCorrelation = (title: string, values: readonly number[], lag: number): string[] => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let covariance = 0;
  let variance = 0;
  for (const [i, value] of values.entries()) {
    variance += (value - mean) ** 2;
    if (i >= lag) covariance += (value - mean) * ((values[i - lag] as number) - mean);
  }
  if (variance === 0) return [`${title}: all are ${mean}`];
  return tooFar(`${title}, lag ${lag}`, (covariance / variance) * Math.sqrt(values.length));
};

/** Wrong where something with this probability happened too often or too seldom in `tries`. */
export const tooOften = (title: string, happened: number, tries: number, probability: number): string[] =>
  tooFar(title, (happened - tries * probability) / Math.sqrt(tries * probability * (1 - probability)));

/** Wrong where four numbers of 16 bits come again in the same order; chance does that once in 3e9 runs of 100,000. */
export const repeatedRuns = (title: string, values: readonly number[]): string[] => {
  const seen = new Set<string>();
  for (let i = 0; i + 4 <= values.length; i++) seen.add(String.fromCharCode(...values.slice(i, i + 4)));
  const repeated = Math.max(0, values.length - 3) - seen.size;
  return repeated === 0 ? [] : [`${title}: ${repeated} runs of four came again`];
};

/** Wrong where as many draws of `among` equally likely numbers hit more or fewer different ones than chance would. */
export const distinctCount = (title: string, values: readonly number[], among: number): string[] => {
  const ratio = values.length / among;
  const missed = Math.exp(-ratio);
  const spread = Math.sqrt(among * missed * (1 - (1 + ratio) * missed));
  return tooFar(title, (new Set(values).size - among * (1 - missed)) / spread);
};

/** Non-overlapping pairs of 4-bit numbers, each as one of 256. */
export const pairsOf = (values: readonly number[]): number[] => {
  const pairs: number[] = [];
  for (let i = 0; i + 2 <= values.length; i += 2)
    pairs.push((((values[i] as number) & 15) << 4) | ((values[i + 1] as number) & 15));
  return pairs;
};

/** All that is wrong with IDs of 16 bits, in the order in which they were drawn. */
export const faultsOfIds = (ids: readonly number[]): string[] => [
  ...unevenCells(
    'high octet',
    256,
    ids.map((id) => id >> 8),
  ),
  ...unevenCells(
    'low octet',
    256,
    ids.map((id) => id & 255),
  ),
  ...unevenCells('pairs of low bits', 256, pairsOf(ids)),
  ...unevenCells('pairs of high bits', 256, pairsOf(ids.map((id) => id >> 12))),
  ...unevenCells(
    'steps',
    256,
    ids.slice(1).map((id, i) => (id - (ids[i] as number)) & 255),
  ),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 256, 1000, 2048].flatMap((lag) => serialCorrelation('IDs', ids, lag)),
  ...distinctCount('different IDs', ids, 65_536),
  ...repeatedRuns('IDs', ids),
];

/** Text where a standard normal variable is further from 0 than chance has it. */
const tooFar = (title: string, sigmas: number): string[] =>
  Math.abs(sigmas) <= SIGMAS ? [] : [`${title}: ${sigmas.toFixed(1)} standard deviations`];
