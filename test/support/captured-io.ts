import type { CliIo } from '#cli/io.ts';

/** What a command in this process prints, kept as text. */
export class CapturedIo implements CliIo {
  out = '';
  err = '';
  readonly stdout = (text: string): void => {
    this.out += text;
  };
  readonly stderr = (text: string): void => {
    this.err += text;
  };
}
