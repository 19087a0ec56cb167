import { CommandError, type CommandResult, type Run } from '../run.ts';

/** Runs nft, which must succeed. Rejects with CommandError: nft's first words, and what to do where that is known. */
export const runNft = async (
  run: Run,
  args: readonly string[],
  input?: string | Iterable<string>,
): Promise<CommandResult> => {
  const result = await startNft(run, args, input);
  if (result.exitCode === 0) return result;
  throw nftFailure(args, result);
};

/** Whether nft, which has failed, did not find what it was to change. */
export const isGone = ({ stderr }: CommandResult): boolean => stderr.includes('No such file or directory');

/** Whether nft, which has failed, is kept from it by the owner of the table, or for lack of rights. */
export const isNotPermitted = ({ stderr }: CommandResult): boolean => /not permitted|must be root/.test(stderr);

export const nftFailure = (args: readonly string[], result: CommandResult): CommandError => {
  const words = result.stderr.split('\n', 1)[0] || 'no word';
  const hint = isNotPermitted(result) ? ' (needs root, or the capability NET_ADMIN)' : '';
  return new CommandError(
    'nft',
    result.exitCode,
    `nft ${args.join(' ')}: exit code ${result.exitCode}: ${words}${hint}`,
  );
};

/** Runs nft; a failure of its own is a result. */
export const startNft = async (
  run: Run,
  args: readonly string[],
  input?: string | Iterable<string>,
): Promise<CommandResult> => {
  try {
    return await run('nft', args, input);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new CommandError('nft', error.exitCode, `${error.message}${hintOf(error)}`, error.cause);
  }
};

const hintOf = ({ message, cause }: CommandError): string => {
  if ((cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return ': install nftables 1.0.1 or later';
  // 1.0.6 ends so where 1.1.3 has made a set, in whatever table.
  return message.includes('SIGSEGV') ? ': a later version of nft may have made a table that this one cannot read' : '';
};
