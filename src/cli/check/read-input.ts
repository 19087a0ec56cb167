import { readFile } from 'node:fs/promises';
import { formatFault } from '#kube/manifests/fault.ts';
import { parseYaml } from '#kube/manifests/parse-yaml.ts';
import { fileFault, orBuiltIn, readStandardInput } from '../corefile-text.ts';
import { type ClusterObjects, readClusterObjects } from './cluster-objects.ts';
import { printable } from './given-text.ts';
import { LineTable } from './line-table.ts';
import { type Unit, unitOfFile, unitsOf } from './unit.ts';

/** What was given to `check`: Corefiles, and a line for each thing that keeps it from being checked. */
export interface CheckInput {
  readonly units: readonly Unit[];
  readonly faults: readonly string[];
}

/** Reads a Corefile, a dump of ConfigMaps, or a stream of manifests; `-` is standard input. Which of them it is its content tells. */
export const readCheckInput = async (file: string): Promise<CheckInput> => {
  const isStream = file === '-';
  const name = isStream ? 'stdin' : file;
  let text: string;
  try {
    text = isStream || file === 'stdin' ? await readStandardInput() : await readFile(file, 'utf8');
  } catch (error) {
    return { units: [], faults: [`loading Corefile: ${fileFault(file, error as NodeJS.ErrnoException)}`] };
  }
  if (isManifest(text)) return readManifests(name, text);
  // Nothing comes where the command before the pipe has failed.
  if (isStream && text.trim() === '') return { units: [], faults: ['stdin: there is nothing in it'] };
  return { units: [unitOfFile(name, orBuiltIn(text, 53))], faults: [] };
};

/** YAML and JSON begin with a document, a field, or a brace with a field in it; a Corefile with a zone and no colon behind it. */
const isManifest = (text: string): boolean => {
  const lines = text.replace(/^\ufeff/, '').split('\n');
  const first = lines.findIndex((line) => !/^\s*(#|$)/.test(line));
  const start = lines.slice(first, first + 2).join('\n');
  return /^(---|%YAML|- |\{\{|\s*[{[]\s*["\]}]|["']?[A-Za-z][\w.-]*["']?:(\s*$|\s*\n|[ \t]+[^{\s]))/.test(start);
};

const readManifests = (name: string, text: string): CheckInput => {
  const { documents, faults } = parseYaml(name, text);
  const objects = readClusterObjects({ name, lines: new LineTable(text) }, documents);
  const units = unitsOf(objects);
  const lines = [
    ...faults.map(formatFault),
    ...objects.faults.map(({ line, column, message }) => `${name}:${line}:${column}: ${message}`),
  ].map(printable);
  return { units, faults: units.length === 0 && lines.length === 0 ? [noCorefile(name, objects)] : lines };
};

const MAX_SHOWN = 8;

const noCorefile = (name: string, { found, configMaps }: ClusterObjects): string => {
  const shown = found.slice(0, MAX_SHOWN).map(printable);
  if (found.length > MAX_SHOWN) shown.push(`${found.length - MAX_SHOWN} more`);
  const among = found.length === 0 ? 'no object of Kubernetes' : shown.join(', ');
  const dump = 'kubectl -n kube-system get configmap coredns coredns-custom --ignore-not-found -o yaml';
  const isPart = configMaps.some(({ data }) => [...data.keys()].some((key) => /\.(override|server)$/.test(key)));
  const hint = isPart ? `\n  hint: a Corefile is read with the parts that it imports: ${dump}` : '';
  return `${name}: no ConfigMap with a key Corefile is in it, but ${among}${hint}`;
};
