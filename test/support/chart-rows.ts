import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { load } from 'js-yaml';

/** A values file of `test/charts/values/CHART`. */
export interface ChartRow {
  readonly chart: string;
  /** The file's name without `.yaml`. */
  readonly name: string;
  readonly values: object;
  /** What the render refers to and does not bring: `# elsewhere: Secret name` in the file, and what the chart always takes for granted. */
  readonly elsewhere: readonly string[];
  /** What the server has to answer: `# asks: NAME TYPE ANSWER`, and behind it `at ADDRESS`, `on PORT`. */
  readonly asks: readonly Ask[];
}

export interface Ask {
  readonly name: string;
  readonly type: string;
  /** The data of all records, in order, or the status where there is none. */
  readonly expected: string;
  /** '' is the Pod's address. */
  readonly server: string;
  readonly port: number;
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
            values: (load(text) ?? {}) as object,
            elsewhere: [
              ...(ALWAYS_ELSEWHERE[chart] ?? []),
              ...[...text.matchAll(/^# elsewhere: (.*)$/gm)].map(([, what = '']) => what),
            ],
            asks: [...text.matchAll(/^# asks: (\S+) (\S+) (.*?)(?: at (\S+))?(?: on (\d+))?$/gm)].map(
              ([, question = '', type = '', expected = '', server = '', port = '53']) => ({
                name: question,
                type,
                expected,
                server,
                port: Number(port),
              }),
            ),
          };
        }),
    );
