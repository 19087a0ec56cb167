/** Every counter of a scrape by its series: counters, and the counts, sums and buckets of histograms. */
export const countersOf = (scrape: string): Map<string, number> => {
  const counters = new Map<string, number>();
  const types = new Map([...scrape.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, type]) => [name, type]));
  for (const [, series = '', name = '', value] of scrape.matchAll(/^((\w+)(?:\{.*\})?) (\S+)$/gm)) {
    const family = types.has(name) ? name : name.replace(/_(?:bucket|count|sum)$/, '');
    const type = types.get(family);
    if (type === 'counter' || type === 'histogram') counters.set(series, Number(value));
  }
  return counters;
};

/** Series that went back or vanished from one scrape to the next. */
export const wentBack = (before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] =>
  [...before]
    .filter(([series, value]) => !((after.get(series) ?? Number.NaN) >= value))
    .map(([series, value]) => `${series}: ${value} -> ${after.get(series)}`);

/** The sum over the series of one family whose labels match. */
export const total = (counters: ReadonlyMap<string, number>, family: string, labels = /./): number =>
  [...counters]
    .filter(([series]) => series.startsWith(`${family}{`) && labels.test(series))
    .reduce((sum, [, value]) => sum + value, 0);
