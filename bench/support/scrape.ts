/** The samples of a /metrics page: `name{labels}` to value. */
export type Samples = ReadonlyMap<string, number>;

/** Reads a metrics endpoint on 127.0.0.1. */
export const scrape = async (port: number): Promise<Samples> => {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (at > 0 && !line.startsWith('#')) samples.set(line.slice(0, at), Number(line.slice(at + 1)));
  }
  return samples;
};

/** Values of all samples of a family. */
export const valuesOf = (samples: Samples, family: string): number[] =>
  [...samples].filter(([key]) => key === family || key.startsWith(`${family}{`)).map(([, value]) => value);

/** Sum of a family's samples. */
export const sumOf = (samples: Samples, family: string): number =>
  valuesOf(samples, family).reduce((sum, value) => sum + value, 0);

/** The bucket of a histogram, all labels together, that holds a quantile: its upper bound. NaN for an empty one. */
export const quantileBound = (samples: Samples, family: string, quantile: number): number => {
  const counts = new Map<number, number>();
  for (const [key, value] of samples) {
    if (!key.startsWith(`${family}_bucket{`)) continue;
    const bound = /le="([^"]+)"/.exec(key)?.[1] ?? '';
    const upTo = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    counts.set(upTo, (counts.get(upTo) ?? 0) + value);
  }
  const total = counts.get(Number.POSITIVE_INFINITY) ?? 0;
  for (const [bound, count] of [...counts].sort(([a], [b]) => a - b))
    if (total > 0 && count >= quantile * total) return bound;
  return Number.NaN;
};
