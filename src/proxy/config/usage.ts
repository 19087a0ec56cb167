import { defaultText } from './field-values.ts';
import { type CommandFlag, FIELDS } from './fields.ts';

const VALUE: Readonly<Record<string, string>> = {
  text: 'TEXT',
  integer: 'N',
  number: 'N',
  duration: 'DURATION',
  texts: 'LIST',
  gates: 'LIST',
  anything: 'TEXT',
};
const WIDTH = 44;

/** Lines of help for flags of a command. */
export const commandFlagsText = (flags: readonly CommandFlag[]): string =>
  flags
    .map(({ name, short, type, value, help }) => {
      const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
      return line(type === 'boolean' ? names : `${names} ${value ?? 'TEXT'}`, help);
    })
    .join('');

/** Lines of help for kube-proxy's flags that do something here. */
export const settingFlagsText = (): string =>
  FIELDS.filter(({ flag, help }) => flag !== undefined && help !== undefined)
    .map((field) => {
      const standard = defaultText(field);
      const value = field.type === 'boolean' ? '' : ` ${VALUE[field.type]}`;
      return line(
        `${field.short === undefined ? '' : `-${field.short}, `}--${field.flag}${value}`,
        standard === '' ? `${field.help}` : `${field.help} (default ${standard})`,
      );
    })
    .join('');

const line = (flag: string, help: string): string =>
  flag.length < WIDTH ? `  ${flag.padEnd(WIDTH)}  ${help}\n` : `  ${flag}\n  ${' '.repeat(WIDTH)}  ${help}\n`;
