/** Where the configuration comes from. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCorefile } from '#cli/corefile-text.ts';
import type { Adapter } from '../adapter.ts';
import { differs, type RowCheck, replayTables, type Verdict } from '../row-checks.ts';

interface LoaderRow {
  readonly conf: string;
  /** A Go string literal of the file's octets. */
  readonly contents: string;
  readonly expectedError: boolean;
  readonly expectedInput: boolean;
}

const checkLoader: RowCheck<LoaderRow> = async ({ conf, contents, expectedError, expectedInput }): Promise<Verdict> => {
  if (conf === 'stdin') return { notApplicable: "the row reads the test runner's own standard input" };
  const text = JSON.parse(contents) as string;
  const directory = mkdtempSync(join(tmpdir(), 'coremain-'));
  const file = text === '' ? conf : join(directory, 'Corefile');
  try {
    if (text !== '') writeFileSync(file, text);
    const found = await findCorefile(file, 53);
    if (expectedError) return 'found no error';
    return differs([found.file !== null, expectedInput ? await found.read() : ''], [expectedInput, text]);
  } catch (error) {
    return expectedError ? null : String(error);
  } finally {
    rmSync(directory, { recursive: true });
  }
};

const adapter: Adapter = {
  files: ['coremain.json'],
  replay: (file, data) => replayTables(file, data, { TestConfLoader: checkLoader }),
};
export default adapter;
