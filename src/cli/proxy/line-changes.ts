/** Lines that went, `- ` before each, and lines that came, `+ `; where only their order differs, all of them. */
export const lineChanges = (before: readonly string[], after: readonly string[]): string[] => {
  const gone = before.filter((line) => !after.includes(line));
  const added = after.filter((line) => !before.includes(line));
  const isOrder = gone.length + added.length === 0 && before.join('\n') !== after.join('\n');
  return [
    ...(isOrder ? before : gone).map((line) => `- ${line}`),
    ...(isOrder ? after : added).map((line) => `+ ${line}`),
  ];
};
