/** A stretch of time that a plot names: seconds from its beginning. */
export interface Phase {
  readonly title: string;
  readonly from: number;
  readonly to: number;
}

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [seconds: number, value: number])[];
  readonly colour?: Colour;
}

export interface LinePlot {
  readonly title: string;
  readonly phases: readonly Phase[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** Points further apart than this are not joined. */
  readonly gapSeconds: number;
  /** Least and greatest power of ten of a logarithmic axis; left out: linear, from 0. */
  readonly powers?: readonly [number, number];
}

export interface Bar {
  readonly from: number;
  readonly to: number;
}

export interface TimelinePlot {
  readonly title: string;
  readonly phases: readonly Phase[];
  readonly rows: readonly { readonly name: string; readonly colour: Colour; readonly bars: readonly Bar[] }[];
}

/** They can be told apart on white and on black, and by who sees no red or green. */
const COLOURS = {
  blue: ['#0969da', '#58a6ff'],
  orange: ['#bc4c00', '#f0883e'],
  green: ['#1a7f37', '#3fb950'],
  red: ['#cf222e', '#ff7b72'],
  purple: ['#8250df', '#bc8cff'],
  grey: ['#656d76', '#8b949e'],
} as const;
export type Colour = keyof typeof COLOURS;

const WIDTH = 900;
const LEFT = 64;
const RIGHT = 18;
const TOP = 54;
const BOTTOM = 54;
const ROW = 22;

const style = (): string => {
  const rules = (which: 0 | 1): string =>
    Object.entries(COLOURS)
      .map(([name, shades]) => `.s-${name}{stroke:${shades[which]}}.f-${name}{fill:${shades[which]}}`)
      .join('');
  const light = '.page{fill:#fff}.band{fill:#f3f5f7}.ink{fill:#1f2328}.dim{fill:#59636e}.grid{stroke:#d1d9e0}';
  const dark = '.page{fill:#0d1117}.band{fill:#171c23}.ink{fill:#f0f6fc}.dim{fill:#9198a1}.grid{stroke:#30363d}';
  return `<style>text{font:12px sans-serif}.title{font-weight:bold;font-size:14px}.small{font-size:10.5px}path{fill:none;stroke-width:1.6;stroke-linejoin:round}${light}${rules(0)}@media(prefers-color-scheme:dark){${dark}${rules(1)}}</style>`;
};

const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c] ?? c);
const text = (x: number, y: number, words: string, classes = 'ink', anchor = 'start'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" class="${classes}" text-anchor="${anchor}">${escaped(words)}</text>`;

/** Title, phases and the axis of time around what a plot draws. */
const frame = (title: string, phases: readonly Phase[], left: number, height: number, inner: string): string => {
  const end = phases.at(-1)?.to ?? 1;
  const at = (seconds: number): number => left + (seconds / end) * (WIDTH - left - RIGHT);
  const bands = phases.map(({ from, to, title: name }, i) => {
    const band = `<rect x="${at(from).toFixed(1)}" y="${TOP}" width="${(at(to) - at(from)).toFixed(1)}" height="${height}" class="${i % 2 === 0 ? 'band' : 'page'}"/>`;
    return band + text((at(from) + at(to)) / 2, TOP - 6 - (i % 2) * 12, name, 'dim small', 'middle');
  });
  const minutes = Array.from({ length: Math.floor(end / 60) + 1 }, (_, i) => i * 60).map((seconds) =>
    text(
      at(seconds),
      TOP + height + 15,
      `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`,
      'dim small',
      'middle',
    ),
  );
  const all = TOP + height + BOTTOM;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${all}" width="${WIDTH}" height="${all}" role="img" aria-label="${escaped(title)}">${style()}
<rect width="${WIDTH}" height="${all}" class="page"/>
${text(12, 22, title, 'ink title')}
${bands.join('\n')}
${inner}
${minutes.join('')}
</svg>
`;
};

/** Lines over time as SVG. */
export const linePlot = ({ title, phases, lines, format, powers, gapSeconds }: LinePlot): string => {
  const height = 190;
  const end = phases.at(-1)?.to ?? 1;
  const scale = powers === undefined ? linear(lines) : logarithmic(powers);
  const x = (seconds: number): number => LEFT + (seconds / end) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number => TOP + height * (1 - scale.share(value));
  const grid = scale.ticks.map(
    (tick) =>
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}" class="grid"/>${text(LEFT - 8, y(tick) + 4, format(tick), 'dim small', 'end')}`,
  );
  const colours = Object.keys(COLOURS) as Colour[];
  const paths = lines.map(({ points, colour }, i) => {
    let d = '';
    let before = Number.NEGATIVE_INFINITY;
    for (const [seconds, value] of points) {
      if (!Number.isFinite(value) || value < scale.least) continue;
      // Where nothing was scraped the line has a gap.
      d += `${seconds - before > gapSeconds ? 'M' : 'L'}${x(seconds).toFixed(1)} ${y(value).toFixed(1)}`;
      before = seconds;
    }
    return `<path d="${d}" class="s-${colour ?? colours[i % colours.length]}"/>`;
  });
  let place = LEFT;
  const legend = lines.map(({ name, colour }, i) => {
    const key = `<rect x="${place}" y="${TOP + height + 30}" width="12" height="12" rx="2" class="f-${colour ?? colours[i % colours.length]}"/>${text(place + 17, TOP + height + 40, name)}`;
    place += 40 + name.length * 6.6;
    return key;
  });
  return frame(title, phases, LEFT, height, [...grid, ...paths, ...legend].join('\n'));
};

/** What was when, a row each, as SVG. */
export const timelinePlot = ({ title, phases, rows }: TimelinePlot): string => {
  const left = 330;
  const end = phases.at(-1)?.to ?? 1;
  const x = (seconds: number): number => left + (seconds / end) * (WIDTH - left - RIGHT);
  const inner = rows.map(({ name, colour, bars }, i) => {
    const y = TOP + 4 + i * ROW;
    const boxes = bars.map(
      ({ from, to }) =>
        `<rect x="${x(from).toFixed(1)}" y="${y}" width="${Math.max(2, x(to) - x(from)).toFixed(1)}" height="${ROW - 8}" rx="2" class="f-${colour}"/>`,
    );
    return text(left - 8, y + 11, name, 'ink', 'end') + boxes.join('');
  });
  return frame(title, phases, left, rows.length * ROW + 4, inner.join('\n'));
};

interface Scale {
  /** What is less has no place. */
  readonly least: number;
  readonly ticks: readonly number[];
  /** 0 at the bottom, 1 at the top. */
  share(value: number): number;
}

const linear = (lines: readonly Line[]): Scale => {
  const most = Math.max(
    1e-9,
    ...lines.flatMap(({ points }) => points.map(([, value]) => value).filter(Number.isFinite)),
  );
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [0.2, 0.25, 0.5, 1, 2, 2.5, 5].map((n) => n * power).find((n) => most / n <= 5) ?? power * 5;
  const top = Math.ceil(most / step) * step;
  return {
    least: Number.NEGATIVE_INFINITY,
    ticks: Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step),
    share: (value) => value / top,
  };
};

const logarithmic = ([least, greatest]: readonly [number, number]): Scale => ({
  least: 10 ** least,
  ticks: Array.from({ length: greatest - least + 1 }, (_, i) => 10 ** (least + i)),
  share: (value) => Math.min(1, Math.max(0, (Math.log10(Math.max(value, 1e-12)) - least) / (greatest - least))),
});
