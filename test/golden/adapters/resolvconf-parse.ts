/** A node's resolv.conf as kubelet reads it. */
import { parseResolvConf } from '#upstream/resolv-conf.ts';
import type { Adapter, Outcome } from '../adapter.ts';

interface Row {
  readonly text: string;
  readonly nameservers?: readonly string[];
  readonly searches?: readonly string[];
  readonly options?: readonly string[];
  readonly error?: boolean;
}

const replayRow = (file: string, row: Row): Outcome => {
  const name = `${file}: ${JSON.stringify(row.text)}`;
  const { nameservers, search, options, emptyNameserverLines } = parseResolvConf(row.text);
  const found = JSON.stringify(emptyNameserverLines.length > 0 ? 'error' : [nameservers, search, options]);
  const expected = JSON.stringify(row.error ? 'error' : [row.nameservers, row.searches, row.options]);
  return found === expected
    ? { name, result: 'pass' }
    : { name, result: 'fail', reason: `found ${found}, expected ${expected}` };
};

const adapter: Adapter = {
  files: ['spec/resolvconf-parse.json'],
  replay: async (file, data) => (data as { readonly cases: readonly Row[] }).cases.map((row) => replayRow(file, row)),
};
export default adapter;
