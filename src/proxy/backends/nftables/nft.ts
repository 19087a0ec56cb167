import { CommandError, type CommandResult, type Run } from '#netfilter/run.ts';

/** Runs nft, which must succeed. Rejects with CommandError: nft's first words, and what to do where that is known. */
export const runNft = async (
  run: Run,
  args: readonly string[],
  input?: string | Iterable<string>,
): Promise<CommandResult> => {
  let result: CommandResult;
  try {
    result = await run('nft', args, input);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError('nft', error.exitCode, `${error.message}${hintOf(error)}`, error.cause);
  }
  if (result.exitCode === 0) return result;
  const words = result.stderr.split('\n', 1)[0] || 'no word';
  const hint = /not permitted|must be root/.test(result.stderr) ? ' (needs root, or the capability NET_ADMIN)' : '';
  throw new CommandError(
    'nft',
    result.exitCode,
    `nft ${args.join(' ')}: exit code ${result.exitCode}: ${words}${hint}`,
  );
};

const hintOf = ({ message, cause }: CommandError): string => {
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return ': install nftables 1.0.1 or later';
  // 1.0.6 ends so where 1.1.3 has made a set, in whatever table.
  return message.includes('SIGSEGV') ? ': a later version of nft may have made a table that this one cannot read' : '';
};
