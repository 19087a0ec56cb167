/** Where a subcommand writes; tests collect it. */
export interface CommandOutput {
  stdout(text: string): void;
  stderr(text: string): void;
}
