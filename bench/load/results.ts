import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machine } from '../support/machine.ts';
import type { AbsentServer, ServerKind } from './servers.ts';
import { markdownTable, type Row } from './table.ts';

/** A scenario's part of the results. */
export interface Section {
  readonly title: string;
  readonly name: string;
  readonly rows: readonly Row[];
}

/** What was measured where, for the head of the results. */
export const conditions = (
  servers: readonly (ServerKind | AbsentServer)[],
  how: readonly string[],
  commandLine: string,
): string => {
  const dnsperf =
    /Version (\S+)/.exec(spawnSync('dnsperf', ['-h'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? 'unknown';
  return [
    `- ${machine()}, dnsperf ${dnsperf}`,
    ...how.map((line) => `- ${line}`),
    `- \`${commandLine}\``,
    '',
    '| server | version |',
    '|---|---|',
    ...servers.map((each) => `| ${each.name} | ${'absent' in each ? `left out: ${each.absent}` : each.version} |`),
  ].join('\n');
};

/** The file DATE-NAME.md; written anew after every scenario, so that a run that is cut short leaves what it has. */
export class ResultsFile {
  readonly path: string;
  readonly #head: string;
  readonly #sections: Section[] = [];

  /** Throws where the file is there: results are not overwritten. */
  constructor(folder: string, name: string, date: string, head: string) {
    this.path = join(folder, `${date}-${name}.md`);
    this.#head = `# ${date}: ${name}\n\n${head}\n`;
    if (existsSync(this.path)) throw new Error(`${this.path} is there already: give another --name`);
    mkdirSync(folder, { recursive: true });
  }

  add(section: Section): void {
    this.#sections.push(section);
    const body = this.#sections.map(
      ({ title, name, rows }) => `\n## ${title}\n\n\`${name}\`\n\n${markdownTable(rows)}\n`,
    );
    writeFileSync(this.path, this.#head + body.join(''));
  }
}
