// Writes package.json's version into the files that can't read it from there: `npm version` runs this before it commits.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

const edit = (file, replacements) => {
  let text = readFileSync(file, 'utf8');
  for (const [pattern, by] of replacements) {
    if (text.search(pattern) < 0) throw new Error(`${file}: nothing is like ${pattern}`);
    text = text.replace(pattern, by);
  }
  writeFileSync(file, text);
};

for (const chart of readdirSync('charts'))
  edit(`charts/${chart}/Chart.yaml`, [
    [/^version: .*$/m, `version: ${version}`],
    [/^appVersion: .*$/m, `appVersion: "${version}"`],
  ]);
// Images and the package, as pages name them in commands.
const NAMED = /((?:cluster-dns(?:-node)?[:-]|image\.tag=))\d+\.\d+\.\d+(?:-[\w.]+?)?(?=\.tgz|[\s`])/g;
const pages = [
  ...['README.md', 'deploy/README.md'],
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md') && name !== 'releasing.md')
    .map((name) => `docs/${name}`),
  ...readdirSync('charts').map((chart) => `charts/${chart}/README.md`),
];
for (const page of pages) if (readFileSync(page, 'utf8').search(NAMED) >= 0) edit(page, [[NAMED, `$1${version}`]]);
edit('Dockerfile', [[/^ARG VERSION=.*$/gm, `ARG VERSION=${version}`]]);
edit('CHANGELOG.md', [[/^## Unreleased$/m, `## Unreleased\n\n## ${version}`]]);
