import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';

/** A values file of `test/charts/values/CHART`. */
export interface ChartRow {
  readonly chart: string;
  /** The file's name without `.yaml`. */
  readonly name: string;
  readonly title: string;
  readonly values: object;
  /** What the render refers to and does not bring: `# elsewhere: Secret name` in the file, and what the chart always takes for granted. */
  readonly elsewhere: readonly string[];
}

const FOLDER = fileURLToPath(new URL('../charts/values', import.meta.url));

/** The cluster's DNS is not the node cache's to bring, and kube-proxy's rights are in every cluster. */
const ALWAYS_ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  'node-local-dns': ['Pods {"k8s-app":"kube-dns"}'],
  'service-proxy': ['ClusterRole system:node-proxier'],
};

/** Each values file that a chart has to render with, of one chart or of all. */
export const chartRows = (only?: string): readonly ChartRow[] =>
  readdirSync(FOLDER)
    .filter((chart) => only === undefined || chart === only)
    .toSorted()
    .flatMap((chart) =>
      readdirSync(`${FOLDER}/${chart}`)
        .toSorted()
        .map((file) => {
          const text = readFileSync(`${FOLDER}/${chart}/${file}`, 'utf8');
          const name = file.replace(/\.yaml$/, '');
          return {
            chart,
            name,
            title: `${chart} with ${name}`,
            values: (load(text) ?? {}) as object,
            elsewhere: [
              ...(ALWAYS_ELSEWHERE[chart] ?? []),
              ...[...text.matchAll(/^# elsewhere: (.*)$/gm)].map(([, what = '']) => what),
            ],
          };
        }),
    );
