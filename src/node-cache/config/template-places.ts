import { join } from 'node:path';
import type { Fault, ImportTrail, Token } from '#corefile/tree.ts';
import { placeAt } from './edited-text.ts';
import type { Rendered, TemplateSettings } from './template.ts';

/** Faults with the text of every file that they stand in. */
export interface PlacedFaults {
  readonly faults: readonly Fault[];
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * Faults of the written Corefile as faults of what it was made from, the template or the ConfigMap's stub domains: nobody edits the written one. Those of
 * imported files stay where they are.
 */
export const atOrigin = (
  { faults, sources }: PlacedFaults,
  rendered: Rendered,
  settings: TemplateSettings & { readonly kubeDnsDirectory: string },
  stubDomains: string,
): PlacedFaults => {
  const stubFile = join(settings.kubeDnsDirectory, 'stubDomains');
  const baseLines = rendered.base.text.split('\n').length;
  const origin = (line: number, column: number): { file: string; line: number; column: number } => {
    const domain = line <= baseLines ? undefined : rendered.stubLines[line - baseLines];
    if (domain === undefined) return { file: settings.baseCorefile, ...rendered.base.sourcePlace({ line, column }) };
    const offset = stubDomains.indexOf(JSON.stringify(domain));
    return { file: stubFile, ...placeAt(stubDomains, Math.max(0, offset)) };
  };
  const moved = <T extends Token | ImportTrail>(place: T): T => {
    const via = place.via === null ? null : moved(place.via);
    return { ...place, via, ...(place.file === settings.corefile ? origin(place.line, place.column) : {}) };
  };
  // Places within a message: `first defined at FILE:LINE:COLUMN`.
  const reworded = (text: string): string =>
    text.replace(/(\S+):(\d+):(\d+)/g, (whole, file: string, line: string, column: string) => {
      if (file !== settings.corefile) return whole;
      const place = origin(Number(line), Number(column));
      return `${place.file}:${place.line}:${place.column}`;
    });
  return {
    faults: faults.map((fault) => ({
      ...fault,
      token: fault.token === null ? null : moved(fault.token),
      message: reworded(fault.message),
      ...(fault.hint === undefined ? {} : { hint: reworded(fault.hint) }),
    })),
    sources: new Map([...sources, [settings.baseCorefile, rendered.base.source], [stubFile, stubDomains]]),
  };
};
