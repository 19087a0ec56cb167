/** Flags with one dash as `parseArgs` wants them: with two. The letters of short ones stay. */
export const longFlags = (args: readonly string[]): string[] =>
  args.map((arg) => (/^-[a-z][a-z-]+(=|$)/.test(arg) ? `-${arg}` : arg));
