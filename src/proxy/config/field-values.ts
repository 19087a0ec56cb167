import { shown } from '#kube/manifests/shown.ts';
import { durationText, readDurationMs } from '#log/duration-text.ts';
import { readBoolean } from '#log/go-boolean.ts';
import type { Field, FieldValue } from './fields.ts';

/** A value, or what is wrong with what was given. */
export type Read<T> = { readonly value: T } | { readonly fault: string };

/** The value of a flag. Texts may be given several times, and hold several with commas. */
export const valueOfFlag = (field: Field, text: string, before: FieldValue | undefined): Read<FieldValue> => {
  switch (field.type) {
    case 'text':
    case 'anything':
      return { value: text };
    case 'boolean': {
      const value = readBoolean(text);
      return value === null ? { fault: `"${text}" is neither true nor false` } : { value };
    }
    case 'integer':
      return /^[+-]?\d+$/.test(text) ? { value: Number(text) } : { fault: `"${text}" is no whole number` };
    case 'number':
      return /^[+-]?\d+(\.\d+)?$/.test(text) ? { value: Number(text) } : { fault: `"${text}" is no number` };
    case 'duration':
      return durationOf(text);
    case 'texts': {
      const more = text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');
      return { value: [...(Array.isArray(before) ? before : []), ...more] };
    }
    case 'gates':
      return gatesOf(text, before);
  }
};

/** A value of a configuration file; null and what stands for it give the default. */
export const valueOfYaml = (field: Field, raw: unknown): Read<FieldValue> => {
  if (raw === null || raw === undefined) return { value: field.default };
  const wrong = (wanted: string): Read<FieldValue> => ({ fault: `must be ${wanted}, not ${shown(raw)}` });
  const orDefault = (value: FieldValue): Read<FieldValue> => ({
    value: field.isZeroDefault && (value === 0 || value === '') ? field.default : value,
  });
  switch (field.type) {
    case 'anything':
      return { value: field.default };
    case 'text':
      return typeof raw === 'string' ? orDefault(raw) : wrong('a text');
    case 'boolean':
      return typeof raw === 'boolean' ? { value: raw } : wrong('true or false');
    case 'integer':
      return Number.isInteger(raw) ? orDefault(raw as number) : wrong('a whole number');
    case 'number':
      return typeof raw === 'number' ? orDefault(raw) : wrong('a number');
    case 'duration': {
      if (typeof raw !== 'string') return wrong('a duration such as 30s');
      const read = durationOf(raw);
      return 'fault' in read ? read : orDefault(read.value);
    }
    case 'texts':
      return isTexts(raw) ? { value: raw } : wrong('a list of texts');
    case 'gates':
      return isGates(raw) ? { value: raw } : { fault: 'must be a mapping of names to true or false' };
  }
};

/** A value as a configuration file has it. */
export const yamlOfValue = (field: Field, value: FieldValue): unknown =>
  field.type === 'duration' ? durationText(value as number) : value;

/** The default as a help text has it; '' for one that is empty. */
export const defaultText = (field: Field): string => {
  if (field.type === 'duration') return durationText(field.default as number);
  return typeof field.default === 'object' || field.default === false ? '' : String(field.default);
};

const durationOf = (text: string): Read<number> => {
  const value = readDurationMs(text);
  return value === null ? { fault: `"${text}" is no duration such as 30s or 1m0s` } : { value };
};

const gatesOf = (text: string, before: FieldValue | undefined): Read<FieldValue> => {
  const gates: Record<string, boolean> = { ...(isGates(before) ? before : {}) };
  for (const part of text.split(',').filter((one) => one.trim() !== '')) {
    const [name = '', value = ''] = part.split('=', 2).map((one) => one.trim());
    const isOn = readBoolean(value);
    if (name === '' || isOn === null) return { fault: `"${part}" is not of the form NAME=true or NAME=false` };
    gates[name] = isOn;
  }
  return { value: gates };
};

const isTexts = (raw: unknown): raw is readonly string[] =>
  Array.isArray(raw) && raw.every((item) => typeof item === 'string');

const isGates = (raw: unknown): raw is Readonly<Record<string, boolean>> =>
  typeof raw === 'object' &&
  raw !== null &&
  !Array.isArray(raw) &&
  Object.values(raw).every((item) => typeof item === 'boolean');
